//! Reading invoices.

use crate::app::App;
use crate::clock;
use crate::flow::error::{Error, Result};
use crate::flow::page::{Limit, Page, check_last4};
use crate::store::invoices;
use crate::store::invoices::queries::{self, InvoiceOfProject};
use crate::store::payments::PaymentRow;
use crate::store::projects::Project;
use crate::views;
use std::collections::HashMap;
use std::sync::Arc;
use till_shared::id::InvoiceId;
use till_shared::invoice::Invoice;

/// A stored invoice, as the operations take it.
pub type InvoiceRow = invoices::InvoiceRow;

/// Selects invoices of a list.
pub type InvoiceFilter = queries::InvoiceFilter;

/// An invoice and its project, regardless of who asks. `None` if there is no such invoice.
///
/// # Errors
/// When the store fails.
pub async fn find(app: &App, id: &InvoiceId) -> Result<Option<(Arc<Project>, InvoiceRow)>> {
    let Some(found) = app.store.invoice_of_project(id).await? else {
        return Ok(None);
    };
    let InvoiceOfProject {
        invoice,
        project_version,
    } = found;
    let project = app.projects.of_version(&invoice.project, project_version);
    Ok(project.await?.map(|project| (project, invoice)))
}

/// How long the client token is valid after the invoice has ended, in milliseconds: a day.
const TOKEN_AFTER_END: i64 = 86_400_000;

/// Whether the client token of an invoice is no longer valid.
pub fn token_has_ended(invoice: &InvoiceRow) -> bool {
    // Earlier versions stored the end of paid invoices only; an invoice ends at its expiry or before.
    let ended_at = invoice.ended_at.or(invoice.paid_at);
    let ended_at = ended_at.unwrap_or(invoice.expires_at);
    invoice.status.has_ended() && ended_at + TOKEN_AFTER_END <= clock::now_ms()
}

/// A project's invoice.
///
/// # Errors
/// `not-found` if the project has no such invoice.
pub async fn get(app: &App, project: &Project, id: &InvoiceId) -> Result<Invoice> {
    let row = app.store.project_invoice(&project.id, id).await?;
    let row = row.ok_or_else(|| Error::not_found("invoice"))?;
    view(app, project, &row).await
}

/// A page of a project's invoices, the newest first.
///
/// # Errors
/// `invalid-request` if a filter is invalid.
pub async fn list(
    app: &App,
    project: &Project,
    filter: InvoiceFilter,
    limit: Limit,
) -> Result<Page<Invoice>> {
    check_last4(filter.last4.as_deref())?;
    let rows = app
        .store
        .list_invoices(&project.id, &filter, limit.rows())
        .await?;
    let page = Page::new(rows, limit, |row| row.id.to_string());
    let ids: Vec<_> = page.data.iter().map(|row| &row.id).collect();
    let mut payments: HashMap<InvoiceId, Vec<PaymentRow>> = HashMap::new();
    for payment in app.store.payments_of_all(&ids).await? {
        let invoice = payment.invoice.clone();
        payments.entry(invoice).or_default().push(payment);
    }
    let view = |row: &InvoiceRow| {
        let payments = payments.get(&row.id).map_or(&[][..], Vec::as_slice);
        views::invoice(app, project, row, payments)
    };
    let data = page.data.iter().map(view).collect();
    Ok(page.with_data(data))
}

/// An invoice's payments, the oldest first.
///
/// # Errors
/// When the store fails.
pub async fn payments_of(app: &App, invoice: &InvoiceRow) -> Result<Vec<PaymentRow>> {
    if invoice.is_unchanged() {
        return Ok(vec![]);
    }
    Ok(app.store.payments_of(&invoice.id).await?)
}

/// An invoice with its payments.
pub(super) async fn view(app: &App, project: &Project, row: &InvoiceRow) -> Result<Invoice> {
    let payments = payments_of(app, row).await?;
    Ok(views::invoice(app, project, row, &payments))
}
