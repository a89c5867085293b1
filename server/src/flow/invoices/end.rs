//! Ending an invoice without a payment: canceled by the project, or expired.

use super::queries::{find, view};
use crate::app::App;
use crate::clock;
use crate::domain::invoice::{Cancellation, cancel, expires};
use crate::flow::error::{Error, Result};
use crate::flow::outbox::{Subject, write_events};
use crate::store::Tx;
use crate::store::invoices::{self, InvoiceRow};
use crate::store::projects::Project;
use till_shared::event::EventType;
use till_shared::id::InvoiceId;
use till_shared::invoice::{Invoice, InvoiceStatus};

/// Cancels an open invoice. Canceling it again is no error.
///
/// # Errors
/// When there is no such invoice, a payment is in progress, or the invoice has ended.
pub async fn cancel_invoice(app: &App, project: &Project, id: &InvoiceId) -> Result<Invoice> {
    let mut tx = app.store.begin().await?;
    let invoice = invoices::lock(&mut tx, id).await?;
    let invoice = invoice.filter(|invoice| invoice.project == project.id);
    let invoice = invoice.ok_or_else(|| Error::not_found("invoice"))?;
    let invoice = match cancel(invoice.status) {
        Cancellation::Cancels => end(app, tx, project, invoice, InvoiceStatus::Canceled).await?,
        Cancellation::AlreadyCanceled => {
            drop(tx);
            invoice
        }
        Cancellation::Rejected(reason) => return Err(reason.into()),
    };
    view(app, project, &invoice).await
}

/// Expires an open invoice past its expiry.
///
/// # Errors
/// When the store fails.
#[tracing::instrument(level = "error", skip_all, fields(invoice = %id))]
pub async fn expire_invoice(app: &App, id: &InvoiceId) -> Result<()> {
    let Some((project, _)) = find(app, id).await? else {
        return Ok(());
    };
    let mut tx = app.store.begin().await?;
    let invoice = invoices::lock(&mut tx, id).await?;
    let due = |i: &InvoiceRow| expires(i.status, i.expires_at <= clock::now_ms());
    if let Some(invoice) = invoice.filter(due) {
        end(app, tx, &project, invoice, InvoiceStatus::Expired).await?;
    }
    Ok(())
}

async fn end(
    app: &App,
    mut tx: Tx,
    project: &Project,
    mut invoice: InvoiceRow,
    status: InvoiceStatus,
) -> Result<InvoiceRow> {
    let event = if status == InvoiceStatus::Canceled {
        EventType::InvoiceCanceled
    } else {
        EventType::InvoiceExpired
    };
    invoice.status = status;
    invoice.ended_at = Some(clock::now_ms());
    let subject = Subject::Invoice;
    write_events(app, &mut tx, project, &mut invoice, subject, &[event]).await?;
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.invoice_changed(&invoice.id);
    tracing::info!(invoice = %invoice.id, project = %project.id, %status, "invoice ended");
    Ok(invoice)
}
