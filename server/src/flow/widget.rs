//! What the widget reads.

use super::card_encryption;
use super::error::{Error, Result};
use super::invoices::payments_of;
use super::payments::routing;
use super::redirect::continue_url;
use crate::app::App;
use crate::store::invoices::InvoiceRow;
use crate::store::payments::PaymentRow;
use crate::store::projects::Project;
use crate::views;
use till_shared::id::InvoiceId;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::PaymentStatus;
use till_shared::widget::{BillingData, CardEntry, WidgetState};

/// Billing data: everything the widget shows.
///
/// # Errors
/// When the store fails.
pub async fn billing_data(
    app: &App,
    project: &Project,
    invoice: &InvoiceRow,
) -> Result<BillingData> {
    let payments = payments_of(app, invoice).await?;
    let accounts = app.projects.accounts(project).await?;
    let methods = routing::methods(invoice, &accounts);
    let state = state_of(project, invoice, &payments);
    let direct = Some(CardEntry::Direct);
    let takes_card = methods.iter().any(|info| info.card_entry == direct);
    let key = if takes_card && invoice.status == InvoiceStatus::Open {
        Some(card_encryption::public_key(app).await?)
    } else {
        None
    };
    Ok(views::billing_data(project, invoice, methods, state, key))
}

/// Whether the payment form of an invoice begins with the fields of a card.
///
/// # Errors
/// When the store fails.
pub async fn begins_with_card(app: &App, project: &Project, invoice: &InvoiceRow) -> Result<bool> {
    let required = &project.settings.required_buyer_fields;
    if invoice.status != InvoiceStatus::Open || !invoice.buyer.missing(required).is_empty() {
        return Ok(false);
    }
    let accounts = app.projects.accounts(project).await?;
    let methods = routing::methods(invoice, &accounts);
    let direct = Some(CardEntry::Direct);
    Ok(matches!(methods.as_slice(), [only] if only.card_entry == direct))
}

/// The current state of an invoice.
///
/// # Errors
/// `not-found` if there is no such invoice.
pub async fn state(app: &App, project: &Project, invoice: &InvoiceId) -> Result<WidgetState> {
    let changed = state_if_changed(app, project, invoice, None).await?;
    let (_, state) = changed.ok_or_else(|| Error::not_found("invoice"))?;
    Ok(state)
}

/// The state of an invoice, which is durable, and its version; `None` if the version is `seen`, or there is
/// no such invoice.
///
/// # Errors
/// When the store fails.
pub async fn state_if_changed(
    app: &App,
    project: &Project,
    invoice: &InvoiceId,
    seen: Option<i64>,
) -> Result<Option<(i64, WidgetState)>> {
    let row = app.store.invoice(invoice).await?;
    let Some(row) = row.filter(|row| seen != Some(row.version)) else {
        return Ok(None);
    };
    let payments = payments_of(app, &row).await?;
    app.durable().await?;
    Ok(Some((row.version, state_of(project, &row, &payments))))
}

/// The state to show: of the payment that succeeded, or else of the newest.
fn state_of(project: &Project, invoice: &InvoiceRow, payments: &[PaymentRow]) -> WidgetState {
    let succeeded = |payment: &&PaymentRow| payment.status == PaymentStatus::Succeeded;
    let shown = payments.iter().find(succeeded).or(payments.last());
    views::widget_state(invoice, shown, continue_url(project, invoice))
}
