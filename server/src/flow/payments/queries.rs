//! Reading payments.

use crate::app::App;
use crate::connectors::by_kind;
use crate::flow::error::{Error, Result};
use crate::flow::page::{Limit, Page};
use crate::store::payments::list;
use crate::store::projects::Project;
use crate::views;
use till_shared::id::{InvoiceId, PaymentId};
use till_shared::payment::{DeclineCode, Payment, PaymentStatus};

/// A project's payment.
///
/// # Errors
/// `not-found` if the project has no such payment.
pub async fn get(app: &App, project: &Project, id: &PaymentId) -> Result<Payment> {
    let row = app.store.project_payment(&project.id, id).await?;
    let row = row.ok_or_else(|| Error::not_found("payment"))?;
    Ok(views::payment(&row))
}

/// Narrows a list of payments.
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
    /// Only payments by a card that ends in these digits.
    pub last4: Option<String>,
    /// Only payments of the buyer with this email address.
    pub email: Option<String>,
    /// Only payments created after this time (milliseconds).
    pub created_after: Option<i64>,
    /// Only payments created before this time (milliseconds).
    pub created_before: Option<i64>,
    /// Only payments older than this one.
    pub before: Option<PaymentId>,
}

/// A page of a project's payments, the newest first.
///
/// # Errors
/// `invalid-request` if a filter is invalid.
pub async fn list(
    app: &App,
    project: &Project,
    filter: PaymentFilter,
    limit: Limit,
) -> Result<Page<Payment>> {
    if let Some(last4) = &filter.last4
        && (last4.len() != 4 || !last4.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(Error::field("last4", "invalid", "four digits"));
    }
    if let Some(connector) = &filter.connector
        && by_kind(connector).is_none()
    {
        return Err(Error::field(
            "connector",
            "invalid",
            "there is no such connector",
        ));
    }
    let filter = list::PaymentFilter {
        invoice: filter.invoice,
        order_id: filter.order_id,
        status: filter.status,
        connector: filter.connector,
        decline: filter.decline,
        last4: filter.last4,
        email: filter.email,
        created_after: filter.created_after,
        created_before: filter.created_before,
        before: filter.before,
        limit: limit.rows(),
    };
    let rows = app.store.list_payments(&project.id, &filter).await?;
    let page = Page::new(rows, limit, |row| row.id.to_string());
    let data = page.data.iter().map(views::payment).collect();
    Ok(page.with_data(data))
}
