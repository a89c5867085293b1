//! Reading invoices.

use super::InvoiceRow;
use crate::store::column::{Columns, parse_column, to_json};
use crate::store::conditions::of_order;
use crate::store::list::{InvoiceLink, List, Table};
use crate::store::{Result, Store};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use till_shared::id::{InvoiceId, ProjectId};
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::DeclineCode;

/// The list of invoices.
const TABLE: Table = Table {
    name: "invoices",
    columns: columns!(),
    prefix: InvoiceId::PREFIX,
    time: "created_at",
    invoice: InvoiceLink::Id,
};

/// Selects invoices of a list.
#[derive(Debug, Default)]
pub struct InvoiceFilter {
    /// Only this order.
    pub order_id: Option<String>,
    /// Only this status.
    pub status: Option<InvoiceStatus>,
    /// Only invoices of the buyer with this email address, in any case.
    pub email: Option<String>,
    /// Only invoices with a payment by a card that ends in these four digits.
    pub last4: Option<String>,
    /// Only invoices with a payment that was declined for this reason.
    pub decline: Option<DeclineCode>,
    /// Only invoices created after this time (milliseconds).
    pub created_after: Option<i64>,
    /// Only invoices created before this time (milliseconds).
    pub created_before: Option<i64>,
    /// Only invoices older than this one. Lists are ordered from the newest to the oldest.
    pub before: Option<InvoiceId>,
}

/// An invoice and the version of its project.
pub struct InvoiceOfProject {
    /// The invoice.
    pub invoice: InvoiceRow,
    /// The version.
    pub project_version: i64,
}

impl FromRow<'_, AnyRow> for InvoiceOfProject {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            invoice: InvoiceRow::from_row(row)?,
            project_version: row.try_get("project_version")?,
        })
    }
}

impl Store {
    /// Returns the invoice with this id, regardless of project, and the version of its project.
    pub async fn invoice_of_project(&self, id: &InvoiceId) -> Result<Option<InvoiceOfProject>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            ", (select version from projects where projects.id = invoices.project) as project_version
             from invoices where id = $1"
        ))
        .bind(id.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// Returns the invoice with this id, regardless of project: for callers that have its client
    /// token or one of its payments.
    pub async fn invoice(&self, id: &InvoiceId) -> Result<Option<InvoiceRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from invoices where id = $1"
        ))
        .bind(id.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// Returns a project's invoice.
    pub async fn project_invoice(
        &self,
        project: &ProjectId,
        id: &InvoiceId,
    ) -> Result<Option<InvoiceRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from invoices where id = $1 and project = $2"
        ))
        .bind(id.as_str())
        .bind(project.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// Returns a project's invoice for an order that is neither expired nor canceled.
    pub async fn invoice_by_order(
        &self,
        project: &ProjectId,
        order_id: &str,
    ) -> Result<Option<InvoiceRow>> {
        let sql = format!(
            concat!(
                "select ",
                columns!(),
                " from invoices where id in ({}) and status not in ('expired', 'canceled')"
            ),
            of_order("$1", "$2")
        );
        Ok(sqlx::query_as(AssertSqlSafe(sql))
            .bind(project.as_str())
            .bind(order_id)
            .fetch_optional(self.pool())
            .await?)
    }

    /// Returns a project's invoices, from the newest to the oldest.
    pub async fn list_invoices(
        &self,
        project: &ProjectId,
        filter: &InvoiceFilter,
        limit: i64,
    ) -> Result<Vec<InvoiceRow>> {
        let mut list = List::of_project(self, TABLE, project);
        list.of_order(filter.order_id.as_ref());
        list.of_buyer(self, filter.email.as_ref()).await?;
        list.of_card(self, filter.last4.as_ref()).await?;
        list.of_decline(self, filter.decline.map(DeclineCode::as_str))
            .await?;
        list.equal("status", filter.status.map(InvoiceStatus::as_str));
        list.created(filter.created_after, filter.created_before);
        list.before(filter.before.as_ref().map(InvoiceId::as_str));
        list.fetch(self, limit).await
    }

    /// Returns the versions of invoices.
    pub async fn invoice_versions(&self, ids: &[InvoiceId]) -> Result<Vec<(InvoiceId, i64)>> {
        let sql = format!(
            "select id, version from invoices where {}",
            self.engine.among("id", &self.engine.texts("$1"))
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(to_json(&ids)?);
        let rows = query.fetch_all(self.pool());
        let version = |row: &AnyRow| Ok((row.parse("id")?, row.try_get("version")?));
        Ok(rows
            .await?
            .iter()
            .map(version)
            .collect::<sqlx::Result<_>>()?)
    }

    /// Returns open invoices that have expired.
    pub async fn overdue_invoices(&self, now: i64, limit: i64) -> Result<Vec<InvoiceId>> {
        let ids: Vec<String> = sqlx::query_scalar(
            "select id from invoices where status = 'open' and expires_at <= $1
             order by expires_at limit $2",
        )
        .bind(now)
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        parse_column(&ids)
    }
}
