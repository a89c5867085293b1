//! Refunds: written first, then asked of the payment system until it has answered.

use super::{Result, Store, StoreError, Tx, word};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};
use till_shared::id::{PaymentId, ProjectId, RefundId};

/// A refund as it is stored.
#[derive(Debug, Clone)]
pub struct RefundRow {
    /// Its id; the idempotency key at the payment system.
    pub id: RefundId,
    /// Of which payment.
    pub payment: PaymentId,
    /// Whose it is.
    pub project: ProjectId,
    /// Minor units of the payment's currency.
    pub amount: i64,
    /// Whether it gives back money that came a second time.
    pub duplicate: bool,
    /// Attempts made so far.
    pub attempts: i64,
}

impl FromRow<'_, SqliteRow> for RefundRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let decode = |e: StoreError| sqlx::Error::Decode(Box::new(e));
        Ok(Self {
            id: word(row.try_get("id")?).map_err(decode)?,
            payment: word(row.try_get("payment")?).map_err(decode)?,
            project: word(row.try_get("project")?).map_err(decode)?,
            amount: row.try_get("amount")?,
            duplicate: row.try_get::<i64, _>("duplicate")? != 0,
            attempts: row.try_get("attempts")?,
        })
    }
}

/// Writes a refund. Its first attempt is due at once.
pub async fn insert(tx: &mut Tx, new: &RefundRow, reason: &str, now: i64) -> Result<()> {
    sqlx::query(
        "insert into refunds (id, payment, project, amount, reason, status, duplicate,
         next_attempt_at, created_at, updated_at)
         values ($1, $2, $3, $4, $5, 'pending', $6, $7, $7, $7)",
    )
    .bind(new.id.as_str())
    .bind(new.payment.as_str())
    .bind(new.project.as_str())
    .bind(new.amount)
    .bind(reason)
    .bind(i64::from(new.duplicate))
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Writes how a refund ended. `false` if it had ended before.
pub async fn finish(
    tx: &mut Tx,
    id: &RefundId,
    status: &str,
    reference: Option<&str>,
    now: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "update refunds set status = $1, reference = $2, next_attempt_at = null, updated_at = $3
         where id = $4 and status = 'pending'",
    )
    .bind(status)
    .bind(reference)
    .bind(now)
    .bind(id.as_str())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() == 1)
}

impl Store {
    /// Takes refunds that are due, until `lease_until`.
    pub async fn claim_due_refunds(
        &self,
        now: i64,
        lease_until: i64,
        limit: i64,
    ) -> Result<Vec<RefundRow>> {
        Ok(sqlx::query_as(
            "update refunds set next_attempt_at = $2, attempts = attempts + 1 where id in
             (select id from refunds where next_attempt_at <= $1 order by next_attempt_at limit $3)
             returning *",
        )
        .bind(now)
        .bind(lease_until)
        .bind(limit)
        .fetch_all(self.pool())
        .await?)
    }

    /// Sets when a refund is tried next.
    pub async fn schedule_refund(&self, id: &RefundId, at: i64) -> Result<()> {
        sqlx::query("update refunds set next_attempt_at = $1 where id = $2 and status = 'pending'")
            .bind(at)
            .bind(id.as_str())
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
