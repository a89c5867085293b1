//! The outcome of a refund, as the payment system reports it.

use super::retry::retry_delay;
use crate::app::App;
use crate::clock;
use crate::connectors::RefundOutcome;
use crate::domain::refund::{RefundChange, apply, invoice_status};
use crate::flow::error::Result;
use crate::flow::outbox::{Subject, write_events};
use crate::store::Tx;
use crate::store::invoices::{self, InvoiceRow};
use crate::store::payments::{self, PaymentRow};
use crate::store::projects::Project;
use crate::store::refunds::{self, RefundRow};
use crate::telemetry::RefundEnd;
use till_shared::id::RefundId;
use till_shared::refund::{RefundSource, RefundStatus};

/// Applies what a payment system reports about a refund: the one way a refund's status changes. One
/// transaction writes the refund, the invoice and the callbacks. `None` if there is no such refund.
///
/// # Errors
/// When the store fails. Nothing has changed then.
pub async fn apply_refund_outcome(
    app: &App,
    id: &RefundId,
    outcome: RefundOutcome,
) -> Result<Option<RefundRow>> {
    let Some(known) = app.store.refund(id).await? else {
        return Ok(None);
    };
    let Some(payment) = app.store.payment(&known.payment).await? else {
        return Ok(None);
    };
    let Some(project) = app.store.project(&known.project).await? else {
        return Ok(None);
    };
    let mut tx = app.store.begin().await?;
    let Some(invoice) = invoices::lock(&mut tx, &payment.invoice).await? else {
        return Ok(None);
    };
    let Some(refund) = refunds::get(&mut tx, id).await? else {
        return Ok(None);
    };
    let of = Of {
        project: &project,
        payment: &payment,
    };
    let refund = apply_locked(app, tx, invoice, of, refund, outcome).await?;
    Ok(Some(refund))
}

/// What a refund is of.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub project: &'a Project,
    pub payment: &'a PaymentRow,
}

/// Applies an outcome to a refund whose invoice is locked, and commits.
pub(super) async fn apply_locked(
    app: &App,
    mut tx: Tx,
    mut invoice: InvoiceRow,
    of: Of<'_>,
    mut refund: RefundRow,
    outcome: RefundOutcome,
) -> Result<RefundRow> {
    let (incoming, reference, reason) = read(outcome);
    let change = apply(refund.status, incoming, refund.source);
    if change.is_none() && refund.status != RefundStatus::Pending {
        report_ignored(&refund, incoming);
        return Ok(refund);
    }
    let now = clock::now_ms();
    refund.updated_at = now;
    refund.reference = reference.or(refund.reference);
    // What was made in the dashboard is only ever reported: this server must not request it.
    let asks_again = change.is_none() && refund.source != RefundSource::PaymentSystem;
    refund.next_attempt_at = asks_again.then(|| now + retry_delay(app, refund.attempts));
    refund.status = change.map_or(refund.status, |change| change.status);
    refunds::save(&mut tx, &refund).await?;
    if let Some(change) = change {
        change_invoice(app, &mut tx, &mut invoice, of, &refund, change).await?;
    }
    tx.commit().await.map_err(anyhow::Error::from)?;
    if change.is_some() {
        app.invoice_changed(&invoice.id);
        report(app, &refund, of.payment, reason);
    }
    Ok(refund)
}

/// The status, the reference and the reason that the payment system reports.
fn read(outcome: RefundOutcome) -> (RefundStatus, Option<String>, Option<String>) {
    match outcome {
        RefundOutcome::Pending(id) => (RefundStatus::Pending, Some(id), None),
        RefundOutcome::Succeeded(id) => (RefundStatus::Succeeded, Some(id), None),
        RefundOutcome::Failed(reason) => (RefundStatus::Failed, None, Some(reason)),
    }
}

/// Changes the amounts and the status of the invoice that the payment paid, and writes the callback.
async fn change_invoice(
    app: &App,
    tx: &mut Tx,
    invoice: &mut InvoiceRow,
    of: Of<'_>,
    refund: &RefundRow,
    change: RefundChange,
) -> Result<()> {
    let (amount, refunded) = (
        invoice.money.amount,
        refunds::of_invoice(tx, &invoice.id).await?,
    );
    // More can come back than was paid: a refund in the dashboard beside one of ours.
    invoice.amount_refunded = refunded.min(amount);
    invoice.status = invoice_status(invoice.status, amount, refunded);
    // As it is now, with the refund.
    let current = payments::get(tx, &of.payment.id).await?;
    let subject = Subject::Refund(refund, current.as_ref().unwrap_or(of.payment));
    write_events(app, tx, of.project, invoice, subject, &[change.event]).await?;
    Ok(invoices::save(tx, invoice).await?)
}

/// A success after a failure is the older report, or the payment system's mistake.
fn report_ignored(refund: &RefundRow, incoming: RefundStatus) {
    if refund.status == RefundStatus::Failed && incoming == RefundStatus::Succeeded {
        tracing::error!(
            refund = %refund.id, payment = %refund.payment, project = %refund.project,
            "the payment system reports the success of a refund that failed"
        );
    }
}

/// Counts and logs the end of a refund.
fn report(app: &App, refund: &RefundRow, payment: &PaymentRow, reason: Option<String>) {
    let connector = &payment.connector;
    let end = match refund.status {
        RefundStatus::Succeeded => RefundEnd::Succeeded,
        RefundStatus::Pending | RefundStatus::Failed => RefundEnd::Failed,
    };
    let duplicate = refund.source == RefundSource::Duplicate;
    app.metrics.refund(connector, end, duplicate);
    if let Some(reason) = reason {
        tracing::error!(
            refund = %refund.id, payment = %payment.id, invoice = %payment.invoice,
            project = %payment.project, connector, reason, "the refund failed"
        );
    } else {
        tracing::info!(
            refund = %refund.id, payment = %payment.id, invoice = %payment.invoice,
            project = %payment.project, connector, status = %refund.status, duplicate,
            "refund ended"
        );
    }
}
