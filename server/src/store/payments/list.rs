//! Lists of payments.

use super::PaymentRow;
use crate::store::column::to_json;
use crate::store::conditions::unindexed;
use crate::store::list::{InvoiceLink, List, Table};
use crate::store::{Result, Store};
use sqlx::AssertSqlSafe;
use till_shared::id::{InvoiceId, PaymentId, ProjectId};
use till_shared::payment::{DeclineCode, PaymentStatus};

/// The list of payments.
const TABLE: Table = Table {
    name: "payments",
    columns: columns!(),
    prefix: PaymentId::PREFIX,
    time: "created_at",
    invoice: InvoiceLink::Invoice,
};

/// Selects payments of a list.
#[derive(Debug, Default)]
pub struct PaymentFilter {
    /// Only payments of this invoice.
    pub invoice: Option<InvoiceId>,
    /// Only payments of this order.
    pub order_id: Option<String>,
    /// Only payments in this status.
    pub status: Option<PaymentStatus>,
    /// Only payments through this connector.
    pub connector: Option<String>,
    /// Only payments that were declined for this reason.
    pub decline: Option<DeclineCode>,
    /// Only payments by a card that ends in these four digits.
    pub last4: Option<String>,
    /// Only payments of the buyer with this email address, in any case.
    pub email: Option<String>,
    /// Only payments created after this time (milliseconds).
    pub created_after: Option<i64>,
    /// Only payments created before this time (milliseconds).
    pub created_before: Option<i64>,
    /// Only payments older than this one. Lists are ordered from the newest to the oldest.
    pub before: Option<PaymentId>,
}

impl Store {
    /// Returns a project's payments, from the newest to the oldest.
    pub async fn list_payments(
        &self,
        project: &ProjectId,
        filter: &PaymentFilter,
        limit: i64,
    ) -> Result<Vec<PaymentRow>> {
        let mut list = List::of_project(self, TABLE, project);
        list.of_invoice(filter.invoice.as_ref().map(InvoiceId::as_str));
        list.of_order(filter.order_id.as_ref());
        list.of_buyer(self, filter.email.as_ref()).await?;
        list.of_card(self, filter.last4.as_ref()).await?;
        list.equal("decline_code", filter.decline.map(DeclineCode::as_str));
        list.equal("status", filter.status.map(PaymentStatus::as_str));
        list.equal("connector", filter.connector.as_deref());
        list.created(filter.created_after, filter.created_before);
        list.before(filter.before.as_ref().map(PaymentId::as_str));
        list.fetch(self, limit).await
    }

    /// Returns the payments of several invoices, the oldest first.
    pub async fn payments_of_all(&self, invoices: &[&InvoiceId]) -> Result<Vec<PaymentRow>> {
        let sql = format!(
            concat!("select ", columns!(), " from payments where {} order by id"),
            self.engine.among("invoice", &self.engine.texts("$1"))
        );
        Ok(sqlx::query_as(AssertSqlSafe(sql))
            .bind(to_json(&invoices)?)
            .fetch_all(self.pool())
            .await?)
    }

    /// Returns a project's payments with these ids, in any order.
    pub async fn project_payments(
        &self,
        project: &ProjectId,
        ids: &[&PaymentId],
    ) -> Result<Vec<PaymentRow>> {
        let sql = format!(
            concat!("select ", columns!(), " from payments where {} and {} = $2"),
            self.engine.among("id", &self.engine.texts("$1")),
            unindexed("project")
        );
        Ok(sqlx::query_as(AssertSqlSafe(sql))
            .bind(to_json(&ids)?)
            .bind(project.as_str())
            .fetch_all(self.pool())
            .await?)
    }
}
