//! The table `audit_log`: what operators decided.

use super::{Result, Tx};

/// A decision of an operator.
pub struct AuditEntry {
    /// The entry's id, which sorts by time.
    pub id: String,
    /// When (milliseconds).
    pub at: i64,
    /// Who decided, for example `operator`.
    pub actor: &'static str,
    /// What was done, for example `payment.resolve`.
    pub action: &'static str,
    /// The id of what it was done to.
    pub subject: String,
    /// The particulars, as JSON.
    pub detail: String,
}

/// Appends an entry.
pub async fn insert(tx: &mut Tx, new: &AuditEntry) -> Result<()> {
    sqlx::query(
        "insert into audit_log (id, at, actor, action, subject, detail)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&new.id)
    .bind(new.at)
    .bind(new.actor)
    .bind(new.action)
    .bind(&new.subject)
    .bind(&new.detail)
    .execute(tx.conn())
    .await?;
    Ok(())
}
