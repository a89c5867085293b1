//! Refunds: written first, then asked of the payment system until it has answered.

use super::{Result, Store, StoreError, Tx, word};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use till_shared::id::{PaymentId, ProjectId, RefundId};
use till_shared::refund::RefundStatus;

/// What is read of a row, by name: a server of this version goes on while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, payment, project, amount, reason, status, reference, duplicate, attempts, \
         next_attempt_at, created_at, updated_at"
    };
}

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
    /// Why, in the project's words.
    pub reason: Option<String>,
    /// Where it stands.
    pub status: RefundStatus,
    /// The payment system's id, once known.
    pub reference: Option<String>,
    /// Whether it gives back money that came a second time.
    pub duplicate: bool,
    /// Attempts made so far.
    pub attempts: i64,
    /// When the payment system is asked next; `None` once nothing more is to come.
    pub next_attempt_at: Option<i64>,
    /// Milliseconds.
    pub created_at: i64,
    /// Milliseconds.
    pub updated_at: i64,
}

impl FromRow<'_, AnyRow> for RefundRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let decode = |e: StoreError| sqlx::Error::Decode(Box::new(e));
        Ok(Self {
            id: word(row.try_get("id")?).map_err(decode)?,
            payment: word(row.try_get("payment")?).map_err(decode)?,
            project: word(row.try_get("project")?).map_err(decode)?,
            amount: row.try_get("amount")?,
            reason: row.try_get("reason")?,
            status: word(row.try_get("status")?).map_err(decode)?,
            reference: row.try_get("reference")?,
            duplicate: row.try_get::<i64, _>("duplicate")? != 0,
            attempts: row.try_get("attempts")?,
            next_attempt_at: row.try_get("next_attempt_at")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// Writes a refund down.
pub async fn insert(tx: &mut Tx, new: &RefundRow) -> Result<()> {
    sqlx::query(
        "insert into refunds (id, payment, project, amount, reason, status, duplicate, attempts,
         next_attempt_at, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(new.id.as_str())
    .bind(new.payment.as_str())
    .bind(new.project.as_str())
    .bind(new.amount)
    .bind(&new.reason)
    .bind(new.status.as_str())
    .bind(i64::from(new.duplicate))
    .bind(new.attempts)
    .bind(new.next_attempt_at)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Writes what changes in a refund's life.
pub async fn save(tx: &mut Tx, row: &RefundRow) -> Result<()> {
    sqlx::query(
        "update refunds set status = $1, reference = $2, next_attempt_at = $3, updated_at = $4
         where id = $5",
    )
    .bind(row.status.as_str())
    .bind(&row.reference)
    .bind(row.next_attempt_at)
    .bind(row.updated_at)
    .bind(row.id.as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The refund with this id.
pub async fn get(tx: &mut Tx, id: &RefundId) -> Result<Option<RefundRow>> {
    Ok(sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from refunds where id = $1"
    ))
    .bind(id.as_str())
    .fetch_optional(tx.conn())
    .await?)
}

/// What of a payment is given back or may be yet, in minor units.
pub async fn claimed(tx: &mut Tx, payment: &PaymentId) -> Result<i64> {
    let sum: Option<i64> = sqlx::query_scalar(
        "select cast(sum(amount) as bigint) from refunds where payment = $1 and status <> 'failed'",
    )
    .bind(payment.as_str())
    .fetch_one(tx.conn())
    .await?;
    Ok(sum.unwrap_or(0))
}

impl Store {
    /// The refund with this id, whose ever it is: for the webhooks that name it.
    pub async fn refund(&self, id: &RefundId) -> Result<Option<RefundRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from refunds where id = $1"
        ))
        .bind(id.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// A project's refund.
    pub async fn project_refund(
        &self,
        project: &ProjectId,
        id: &RefundId,
    ) -> Result<Option<RefundRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from refunds where id = $1 and project = $2"
        ))
        .bind(id.as_str())
        .bind(project.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// Takes refunds that are due, until `lease_until`.
    pub async fn claim_due_refunds(
        &self,
        now: i64,
        lease_until: i64,
        limit: i64,
    ) -> Result<Vec<RefundRow>> {
        Ok(sqlx::query_as(AssertSqlSafe(format!(
            concat!(
                "update refunds set next_attempt_at = $2, attempts = attempts + 1 where id in
                 (select id from refunds where next_attempt_at <= $1 order by next_attempt_at
                  limit $3{}) returning ",
                columns!()
            ),
            self.engine.skip_locked()
        )))
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
