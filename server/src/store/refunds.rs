//! The table `refunds`. A refund is stored before it is submitted to the payment system.

use super::column::Columns;
use super::conditions::is_duplicate;
use super::list::{InvoiceLink, List, Table};
use super::{Result, Store, Tx};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use till_shared::id::{InvoiceId, PaymentId, ProjectId, RefundId};
use till_shared::refund::{RefundSource, RefundStatus};

/// The columns that are read, by name: a server keeps running while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, payment, project, amount, reason, status, reference, duplicate, source, attempts, \
         cast(case when sent = 1 or source is null and attempts > 0 then 1 else 0 end \
         as bigint) as is_sent, \
         next_attempt_at, created_at, updated_at"
    };
}

/// The list of refunds.
const TABLE: Table = Table {
    name: "refunds",
    columns: columns!(),
    prefix: RefundId::PREFIX,
    time: "created_at",
    invoice: InvoiceLink::Payment,
};

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
    /// Who requested it.
    pub source: RefundSource,
    /// Whether a call to the payment system was begun whose outcome may be unknown.
    pub sent: bool,
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
            source: source(row)?,
            sent: row.flag("is_sent")?,
            attempts: row.try_get("attempts")?,
            next_attempt_at: row.try_get("next_attempt_at")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// Selects refunds of a list.
#[derive(Debug, Default)]
pub struct RefundFilter {
    /// Only this payment.
    pub payment: Option<PaymentId>,
    /// Only payments of this invoice.
    pub invoice: Option<InvoiceId>,
    /// Only payments of this order.
    pub order_id: Option<String>,
    /// Only payments of the buyer with this email address, in any case.
    pub email: Option<String>,
    /// Only payments by a card that ends in these four digits.
    pub last4: Option<String>,
    /// Only this status.
    pub status: Option<RefundStatus>,
    /// Only refunds created after this time (milliseconds).
    pub created_after: Option<i64>,
    /// Only refunds created before this time (milliseconds).
    pub created_before: Option<i64>,
    /// Only refunds older than this one. Lists are ordered from the newest to the oldest.
    pub before: Option<RefundId>,
}

fn source(row: &AnyRow) -> sqlx::Result<RefundSource> {
    // A server of before the column leaves it empty.
    let by_flag = if row.flag("duplicate")? {
        RefundSource::Duplicate
    } else {
        RefundSource::Project
    };
    Ok(row.parse_optional("source")?.unwrap_or(by_flag))
}

/// Inserts a refund.
pub async fn insert(tx: &mut Tx, new: &RefundRow) -> Result<()> {
    sqlx::query(
        "insert into refunds (id, payment, project, amount, reason, status, reference, duplicate,
         source, attempts, next_attempt_at, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(new.id.as_str())
    .bind(new.payment.as_str())
    .bind(new.project.as_str())
    .bind(new.amount)
    .bind(&new.reason)
    .bind(new.status.as_str())
    .bind(&new.reference)
    .bind(i64::from(new.source == RefundSource::Duplicate))
    .bind(new.source.as_str())
    .bind(new.attempts)
    .bind(new.next_attempt_at)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Updates the fields of a refund that change. What the payment system reports ends the need to look at
/// it.
pub async fn save(tx: &mut Tx, row: &RefundRow) -> Result<()> {
    sqlx::query(
        "update refunds set status = $1, reference = $2, next_attempt_at = $3, updated_at = $4,
         refused_at = null where id = $5",
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

/// Returns a payment's refund with this id of the payment system.
pub async fn by_reference(
    tx: &mut Tx,
    payment: &PaymentId,
    reference: &str,
) -> Result<Option<RefundRow>> {
    Ok(sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from refunds where payment = $1 and reference = $2"
    ))
    .bind(payment.as_str())
    .bind(reference)
    .fetch_optional(tx.conn())
    .await?)
}

/// Returns the sum of the succeeded refunds of the payments that paid an invoice, in minor units.
pub async fn of_invoice(tx: &mut Tx, invoice: &InvoiceId) -> Result<i64> {
    let sum: i64 = sqlx::query_scalar(concat!(
        "select cast(coalesce(sum(r.amount), 0) as bigint) from refunds r
         join payments p on p.id = r.payment
         where p.invoice = $1 and r.status = 'succeeded' and not ",
        is_duplicate!("p")
    ))
    .bind(invoice.as_str())
    .fetch_one(tx.conn())
    .await?;
    Ok(sum)
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

    /// Returns a project's refunds, from the newest to the oldest.
    pub async fn list_refunds(
        &self,
        project: &ProjectId,
        filter: &RefundFilter,
        limit: i64,
    ) -> Result<Vec<RefundRow>> {
        let mut list = List::of_project(self, TABLE, project);
        list.of("payment", filter.payment.as_ref().map(PaymentId::as_str));
        list.of_invoice(filter.invoice.as_ref().map(InvoiceId::as_str));
        list.of_order(filter.order_id.as_ref());
        list.of_buyer(self, filter.email.as_ref()).await?;
        list.of_card(self, filter.last4.as_ref()).await?;
        list.equal("status", filter.status.map(RefundStatus::as_str));
        list.created(filter.created_after, filter.created_before);
        list.before(filter.before.as_ref().map(RefundId::as_str));
        list.fetch(self, limit).await
    }

    /// Returns the accounts, each with its connector, that have a refund due to be submitted.
    pub async fn accounts_with_due_refunds(&self, now: i64) -> Result<Vec<(String, String)>> {
        Ok(sqlx::query_as(
            "select distinct p.connector, p.account from refunds r join payments p on p.id = r.payment
             where r.next_attempt_at <= $1",
        )
        .bind(now)
        .fetch_all(self.pool())
        .await?)
    }

    /// Claims the refunds of an account's payments that are due to be submitted: until `lease_until`
    /// (milliseconds) no other call claims them.
    pub async fn claim_due_refunds(
        &self,
        (connector, account): &(String, String),
        now: i64,
        lease_until: i64,
        limit: i64,
    ) -> Result<Vec<RefundRow>> {
        Ok(sqlx::query_as(AssertSqlSafe(format!(
            concat!(
                "update refunds set next_attempt_at = $2, attempts = attempts + 1 where id in
                 (select id from refunds where next_attempt_at <= $1
                  and exists (select 1 from payments p where p.id = refunds.payment
                      and p.connector = $4 and p.account = $5)
                  order by next_attempt_at limit $3{}) returning ",
                columns!()
            ),
            self.engine.skip_locked()
        )))
        .bind(now)
        .bind(lease_until)
        .bind(limit)
        .bind(connector)
        .bind(account)
        .fetch_all(self.writer())
        .await?)
    }

    /// Records, before a call to the payment system, that its outcome may be unknown; or afterwards,
    /// that it is known that the payment system did not process it.
    pub async fn mark_refund_sent(&self, id: &RefundId, sent: bool) -> Result<()> {
        sqlx::query("update refunds set sent = $1 where id = $2")
            .bind(i64::from(sent))
            .bind(id.as_str())
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Marks a pending refund as one that an operator has to look at, because the payment system refused
    /// it after a call without an answer. Returns whether it was not marked before.
    pub async fn mark_refund_refused(&self, id: &RefundId, now: i64) -> Result<bool> {
        let done = sqlx::query(
            "update refunds set refused_at = $1
             where id = $2 and refused_at is null and status = 'pending'",
        )
        .bind(now)
        .bind(id.as_str())
        .execute(self.writer())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Sets when a pending refund is submitted next.
    pub async fn schedule_refund(&self, id: &RefundId, at: i64) -> Result<()> {
        sqlx::query("update refunds set next_attempt_at = $1 where id = $2 and status = 'pending'")
            .bind(at)
            .bind(id.as_str())
            .execute(self.writer())
            .await?;
        Ok(())
    }
}
