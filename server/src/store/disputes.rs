//! The table `disputes`.

use super::column::Columns;
use super::list::{InvoiceLink, List, Table};
use super::{Result, Store, Tx};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};
use till_shared::dispute::DisputeStatus;
use till_shared::id::{DisputeId, InvoiceId, PaymentId, ProjectId};
use till_shared::money::Money;

/// The columns that are read, by name: a server keeps running while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, payment, project, reference, amount, currency, reason, status, respond_by, \
         created_at, updated_at"
    };
}

/// The list of disputes.
const TABLE: Table = Table {
    name: "disputes",
    columns: columns!(),
    prefix: DisputeId::PREFIX,
    time: "created_at",
    invoice: InvoiceLink::Payment,
};

/// A dispute as it is stored.
#[derive(Debug, Clone)]
pub struct DisputeRow {
    /// The dispute's id.
    pub id: DisputeId,
    /// The disputed payment.
    pub payment: PaymentId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The payment system's id.
    pub reference: String,
    /// The disputed amount.
    pub money: Money,
    /// The reason, in the payment system's words.
    pub reason: Option<String>,
    /// The status.
    pub status: DisputeStatus,
    /// Until when the project can respond (milliseconds).
    pub respond_by: Option<i64>,
    /// When it became known (milliseconds).
    pub created_at: i64,
    /// When it was last changed (milliseconds).
    pub updated_at: i64,
}

impl FromRow<'_, AnyRow> for DisputeRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("id")?,
            payment: row.parse("payment")?,
            project: row.parse("project")?,
            reference: row.try_get("reference")?,
            money: Money {
                amount: row.try_get("amount")?,
                currency: row.parse("currency")?,
            },
            reason: row.try_get("reason")?,
            status: row.parse("status")?,
            respond_by: row.try_get("respond_by")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

/// Selects disputes of a list.
#[derive(Debug, Default)]
pub struct DisputeFilter {
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
    pub status: Option<DisputeStatus>,
    /// Only disputes that became known after this time (milliseconds).
    pub created_after: Option<i64>,
    /// Only disputes that became known before this time (milliseconds).
    pub created_before: Option<i64>,
    /// Only disputes older than this one. Lists are ordered from the newest to the oldest.
    pub before: Option<DisputeId>,
}

/// Inserts a dispute.
pub async fn insert(tx: &mut Tx, new: &DisputeRow) -> Result<()> {
    sqlx::query(
        "insert into disputes (id, payment, project, reference, amount, currency, reason, status,
         respond_by, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(new.id.as_str())
    .bind(new.payment.as_str())
    .bind(new.project.as_str())
    .bind(&new.reference)
    .bind(new.money.amount)
    .bind(new.money.currency.code())
    .bind(&new.reason)
    .bind(new.status.as_str())
    .bind(new.respond_by)
    .bind(new.created_at)
    .bind(new.updated_at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Updates the fields of a dispute that change.
pub async fn save(tx: &mut Tx, row: &DisputeRow) -> Result<()> {
    sqlx::query(
        "update disputes set amount = $1, reason = $2, status = $3, respond_by = $4,
         updated_at = $5 where id = $6",
    )
    .bind(row.money.amount)
    .bind(&row.reason)
    .bind(row.status.as_str())
    .bind(row.respond_by)
    .bind(row.updated_at)
    .bind(row.id.as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Returns a payment's dispute with this id of the payment system.
pub async fn by_reference(
    tx: &mut Tx,
    payment: &PaymentId,
    reference: &str,
) -> Result<Option<DisputeRow>> {
    Ok(sqlx::query_as(concat!(
        "select ",
        columns!(),
        " from disputes where payment = $1 and reference = $2"
    ))
    .bind(payment.as_str())
    .bind(reference)
    .fetch_optional(tx.conn())
    .await?)
}

impl Store {
    /// Returns a project's dispute.
    pub async fn project_dispute(
        &self,
        project: &ProjectId,
        id: &DisputeId,
    ) -> Result<Option<DisputeRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from disputes where id = $1 and project = $2"
        ))
        .bind(id.as_str())
        .bind(project.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// Returns a project's disputes, from the newest to the oldest.
    pub async fn list_disputes(
        &self,
        project: &ProjectId,
        filter: &DisputeFilter,
        limit: i64,
    ) -> Result<Vec<DisputeRow>> {
        let mut list = List::of_project(self, TABLE, project);
        list.of("payment", filter.payment.as_ref().map(PaymentId::as_str));
        list.of_invoice(filter.invoice.as_ref().map(InvoiceId::as_str));
        list.of_order(filter.order_id.as_ref());
        list.of_buyer(self, filter.email.as_ref()).await?;
        list.of_card(self, filter.last4.as_ref()).await?;
        list.equal("status", filter.status.map(DisputeStatus::as_str));
        list.created(filter.created_after, filter.created_before);
        list.before(filter.before.as_ref().map(DisputeId::as_str));
        list.fetch(self, limit).await
    }
}
