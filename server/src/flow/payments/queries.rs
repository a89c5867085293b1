//! Reading payments.

use crate::app::App;
use crate::flow::error::{Error, Result};
use crate::flow::page::{Limit, Page};
use crate::store::projects::Project;
use crate::views;
use till_shared::id::{InvoiceId, PaymentId};
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

/// A page of a project's payments, the newest first: of one invoice, or of all; older than `before`.
///
/// # Errors
/// When the store fails.
pub async fn list(
    app: &App,
    project: &Project,
    invoice: Option<&InvoiceId>,
    before: Option<&PaymentId>,
    limit: Limit,
) -> Result<Page<Payment>> {
    let rows = app
        .store
        .list_payments(&project.id, invoice, before, limit.rows())
        .await?;
    let page = Page::new(rows, limit, |row| row.id.to_string());
    let data = page.data.iter().map(views::payment).collect();
    Ok(page.with_data(data))
}
