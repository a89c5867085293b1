//! The table `refunds`. A refund is stored before it is submitted to the payment system.

use super::column::Columns;
use super::{Result, Store, Tx};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use till_shared::id::{PaymentId, ProjectId, RefundId};
use till_shared::refund::RefundStatus;

/// The columns that are read, by name: a server keeps running while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, payment, project, amount, reason, status, reference, duplicate, attempts, \
         next_attempt_at, created_at, updated_at"
    };
}

/// A refund as it is stored.
#[derive(Debug, Clone)]
pub struct RefundRow {
    /// The refund's id, which is the idempotency key at the payment system.
    pub id: RefundId,
    /// The payment that is refunded.
    pub payment: PaymentId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The amount, in minor units of the payment's currency.
    pub amount: i64,
    /// The project's reason.
    pub reason: Option<String>,
    /// The status.
    pub status: RefundStatus,
    /// The payment system's id, once known.
    pub reference: Option<String>,
    /// Whether it refunds the second successful payment of an invoice.
    pub duplicate: bool,
    /// The number of attempts so far.
    pub attempts: i64,
    /// When it is submitted next (milliseconds); `None` once it is final.
    pub next_attempt_at: Option<i64>,
    /// When it was created (milliseconds).
    pub created_at: i64,
    /// When it was last changed (milliseconds).
    pub updated_at: i64,
}

impl FromRow<'_, AnyRow> for RefundRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("id")?,
            payment: row.parse("payment")?,
            project: row.parse("project")?,
            amount: row.try_get("amount")?,
            reason: row.try_get("reason")?,
            status: row.parse("status")?,
            reference: row.try_get("reference")?,
            duplicate: row.flag("duplicate")?,
            attempts: row.try_get("attempts")?,
            next_attempt_at: row.try_get("next_attempt_at")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// Inserts a refund.
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

/// Updates the fields of a refund that change.
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

/// Returns the refund with this id.
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

/// Returns the sum of a payment's refunds that succeeded or are pending, in minor units.
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
    /// Returns the refund with this id, regardless of project: for webhooks.
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

    /// Returns a project's refund.
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

    /// Claims the refunds that are due: until `lease_until` (milliseconds) no other call claims them.
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

    /// Sets when a pending refund is submitted next.
    pub async fn schedule_refund(&self, id: &RefundId, at: i64) -> Result<()> {
        sqlx::query("update refunds set next_attempt_at = $1 where id = $2 and status = 'pending'")
            .bind(at)
            .bind(id.as_str())
            .execute(self.pool())
            .await?;
        Ok(())
    }
}
