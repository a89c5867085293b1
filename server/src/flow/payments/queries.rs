//! Reading payments.

use crate::app::App;
use crate::connectors::by_kind;
use crate::flow::accounts::unknown_kind;
use crate::flow::error::{Error, Result};
use crate::flow::page::{Limit, Page, check_last4};
use crate::store::payments::list;
use crate::store::projects::Project;
use crate::views;
use till_shared::id::PaymentId;
use till_shared::payment::Payment;

/// A project's payment.
///
/// # Errors
/// `not-found` if the project has no such payment.
pub async fn get(app: &App, project: &Project, id: &PaymentId) -> Result<Payment> {
    let row = app.store.project_payment(&project.id, id).await?;
    let row = row.ok_or_else(|| Error::not_found("payment"))?;
    Ok(views::payment(&row))
}

/// Selects payments of a list.
pub type PaymentFilter = list::PaymentFilter;

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
    check_last4(filter.last4.as_deref())?;
    if let Some(connector) = &filter.connector
        && by_kind(connector).is_none()
    {
        let message = unknown_kind(connector);
        return Err(Error::field("connector", "invalid", message));
    }
    let rows = app
        .store
        .list_payments(&project.id, &filter, limit.rows())
        .await?;
    let page = Page::new(rows, limit, |row| row.id.to_string());
    let data = page.data.iter().map(views::payment).collect();
    Ok(page.with_data(data))
}
