//! An invoice ends unpaid: its time is over, or the project calls it off.

use super::apply::{About, write_events};
use super::fix_payment::payable;
use super::{App, Error, Result};
use crate::clock;
use crate::domain::invoice::{Cancel, cancel, expires};
use crate::store::Tx;
use crate::store::invoices::{self, InvoiceRow};
use crate::store::projects::Project;
use till_shared::event::EventType;
use till_shared::id::InvoiceId;
use till_shared::invoice::InvoiceStatus;

/// Calls an open invoice off. One that was called off before is no error.
///
/// # Errors
/// When there is no such invoice, a payment is under way, or it ended otherwise.
pub async fn cancel_invoice(app: &App, project: &Project, id: &InvoiceId) -> Result<InvoiceRow> {
    let mut tx = app.store.begin().await?;
    let invoice = invoices::lock(&mut tx, id).await?;
    let invoice = invoice.filter(|invoice| invoice.project == project.id);
    let invoice = invoice.ok_or_else(|| Error::not_found("invoice"))?;
    match cancel(invoice.status) {
        Cancel::Done => {
            let told = EventType::InvoiceCanceled;
            end(app, tx, project, invoice, InvoiceStatus::Canceled, told).await
        }
        Cancel::Already => Ok(invoice),
        Cancel::Refused => {
            payable(&invoice)?;
            Ok(invoice)
        }
    }
}

/// Expires an open invoice whose time is over.
///
/// # Errors
/// When the store fails.
#[tracing::instrument(level = "error", skip_all, fields(invoice = %id))]
pub async fn expire_invoice(app: &App, id: &InvoiceId) -> Result<()> {
    let Some(owner) = app.store.invoice(id).await?.map(|i| i.project) else {
        return Ok(());
    };
    let Some(project) = app.store.project(&owner).await? else {
        return Ok(());
    };
    let mut tx = app.store.begin().await?;
    let invoice = invoices::lock(&mut tx, id).await?;
    let over = |i: &InvoiceRow| expires(i.status) && i.expires_at <= clock::now_ms();
    if let Some(invoice) = invoice.filter(over) {
        let told = EventType::InvoiceExpired;
        end(app, tx, &project, invoice, InvoiceStatus::Expired, told).await?;
    }
    Ok(())
}

async fn end(
    app: &App,
    mut tx: Tx,
    project: &Project,
    mut invoice: InvoiceRow,
    status: InvoiceStatus,
    told: EventType,
) -> Result<InvoiceRow> {
    invoice.status = status;
    write_events(
        app,
        &mut tx,
        project,
        &mut invoice,
        About::default(),
        &[told],
    )
    .await?;
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.changed(&invoice.id);
    tracing::info!(invoice = %invoice.id, project = %project.id, %status, "invoice ended");
    Ok(invoice)
}
