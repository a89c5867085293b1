//! The one way a payment's status changes: the payment system's answer, its webhook, the buyer's
//! return and the reconciler all call [`apply_payment_update`], so that late, repeated or lost
//! messages have no effect. One transaction writes the payment, the invoice and the callbacks.

use crate::app::App;
use crate::connectors::{CallError, PaymentUpdate};
use crate::domain::payment::{Change, PaymentContext, apply, reported_status};
use crate::flow::error::{Error, Result};
use crate::flow::outbox::{Subject, write_events};
use crate::flow::refunds::pending_refund;
use crate::store::Tx;
use crate::store::invoices::{self, InvoiceRow};
use crate::store::payments::{self, PaymentRow};
use crate::store::projects::Project;
use crate::store::refunds::{self, RefundRow};
use crate::{clock, new_id};
use till_shared::id::{PaymentId, RefundId};
use till_shared::payment::PaymentStatus;
use till_shared::problem::ProblemType;
use till_shared::widget::Verification;
use tracing::Span;
use tracing::field::Empty;

/// The delay before the first poll of a live payment, in milliseconds. It doubles each time.
const FIRST_POLL_MS: i64 = 2_000;
/// The longest delay between polls, in milliseconds.
const MAX_POLL_MS: i64 = 3_600_000;

/// The delay before the next poll of a live payment, in milliseconds.
pub fn poll_delay(app: &App, status: PaymentStatus, polls: i64) -> i64 {
    let first = match status {
        PaymentStatus::RequiresVerification => FIRST_POLL_MS * 8,
        _ => FIRST_POLL_MS,
    };
    let doubled = first << polls.clamp(0, 12);
    (doubled.min(MAX_POLL_MS) / i64::from(app.config.speedup)).max(50)
}

/// Applies what a payment system reports about a payment, and returns the payment afterwards.
/// `None` if there is no such payment.
///
/// # Errors
/// When the store fails. Nothing has changed then.
#[tracing::instrument(level = "error", skip_all,
    fields(payment = %id, invoice = Empty, project = Empty, incoming = %update.status))]
pub async fn apply_payment_update(
    app: &App,
    id: &PaymentId,
    update: PaymentUpdate,
) -> Result<Option<PaymentRow>> {
    let Some(known) = app.store.payment(id).await? else {
        return Ok(None);
    };
    Span::current()
        .record("invoice", known.invoice.as_str())
        .record("project", known.project.as_str());
    let Some(project) = app.store.project(&known.project).await? else {
        return Ok(None);
    };
    let mut tx = app.store.begin().await?;
    let Some(mut invoice) = invoices::lock(&mut tx, &known.invoice).await? else {
        return Ok(None);
    };
    let Some(mut payment) = payments::get(&mut tx, id).await? else {
        return Ok(None);
    };
    let now = clock::now_ms();
    let incoming = verify_amount(app, &payment, &update);
    let context = PaymentContext {
        payment: reported_status(payment.status, payment.reference.is_some()),
        invoice: invoice.status,
        overdue: invoice.expires_at <= now,
    };
    let change = apply(context, incoming);
    let merged = merge_details(&mut payment, &update, incoming);
    if change.is_none() && !merged {
        return Ok(Some(payment));
    }
    let before = payment.status;
    payment.updated_at = now;
    if let Some(change) = &change {
        change_payment(app, &mut payment, change, &update);
    }
    payments::save(&mut tx, &payment).await?;
    if let Some(change) = &change {
        change_invoice(app, &mut tx, &project, &mut invoice, &payment, change).await?;
    }
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.invoice_changed(&invoice.id);
    if change.is_some() {
        report(app, &invoice, &payment, before);
    }
    Ok(Some(payment))
}

/// Applies the payment system's answer to a call about a payment. An answer without an update
/// leaves the payment unchanged.
///
/// # Errors
/// `unavailable` when the call failed; the payment is unchanged. Also when the store fails.
pub async fn apply_response(
    app: &App,
    payment: &PaymentRow,
    response: std::result::Result<Option<PaymentUpdate>, CallError>,
) -> Result<PaymentRow> {
    let update = response.map_err(|error| {
        tracing::warn!(%error, "the payment system did not report the payment's status");
        Error::problem(
            ProblemType::Unavailable,
            "The payment system is not available. Try again in a moment.",
        )
    })?;
    let Some(update) = update else {
        return Ok(payment.clone());
    };
    let applied = apply_payment_update(app, &payment.id, update).await?;
    Ok(applied.unwrap_or_else(|| payment.clone()))
}

/// The status to apply. A success for a different amount is held for review as `processing`.
fn verify_amount(app: &App, payment: &PaymentRow, update: &PaymentUpdate) -> PaymentStatus {
    match update.money {
        Some(money) if money != payment.money && update.status == PaymentStatus::Succeeded => {
            app.metrics.held(&payment.connector);
            tracing::error!(
                expected = %payment.money, reported = %money,
                "the payment system reports a different amount: the payment is held for review"
            );
            PaymentStatus::Processing
        }
        _ => update.status,
    }
}

/// Adds details that are not known yet: the reference, the card, the verification form. Returns
/// whether there were any.
fn merge_details(
    payment: &mut PaymentRow,
    update: &PaymentUpdate,
    incoming: PaymentStatus,
) -> bool {
    let mut merged = false;
    // Refunds use the reference that comes with the success: it replaces an earlier one.
    let replaces = payment.reference.is_none() || incoming == PaymentStatus::Succeeded;
    if replaces && update.reference.is_some() && payment.reference != update.reference {
        payment.reference.clone_from(&update.reference);
        merged = true;
    }
    if payment.card.is_none() && update.card.is_some() {
        payment.card.clone_from(&update.card);
        merged = true;
    }
    let unverified = payment.status.is_live() && payment.verification == Verification::None;
    if unverified && update.verification != Verification::None {
        payment.verification = update.verification.clone();
        merged = true;
    }
    merged
}

fn change_payment(app: &App, payment: &mut PaymentRow, change: &Change, update: &PaymentUpdate) {
    payment.status = change.payment;
    payment.decline = if payment.status == PaymentStatus::Declined {
        update.decline
    } else {
        None
    };
    if payment.status.is_live() {
        let delay = poll_delay(app, payment.status, payment.checks);
        payment.next_check_at = Some(payment.updated_at + delay);
    } else {
        payment.verification = Verification::None;
        payment.next_check_at = None;
    }
}

/// Changes the invoice's status and writes the callbacks, and the refund of a duplicate payment.
async fn change_invoice(
    app: &App,
    tx: &mut Tx,
    project: &Project,
    invoice: &mut InvoiceRow,
    payment: &PaymentRow,
    change: &Change,
) -> Result<()> {
    let now = payment.updated_at;
    if invoice.status != change.invoice {
        invoice.status = change.invoice;
        invoice.paid_at = invoice.paid_at.or(invoice.status.was_paid().then_some(now));
    }
    if change.refund_duplicate {
        let refund = RefundRow {
            reason: Some("the invoice was paid before".into()),
            duplicate: true,
            ..pending_refund(payment, RefundId::from_unique(new_id::unique()), now)
        };
        refunds::insert(tx, &refund).await?;
    }
    let subject = Subject::Payment(payment);
    write_events(app, tx, project, invoice, subject, &change.events).await
}

/// Counts and logs a change.
fn report(app: &App, invoice: &InvoiceRow, payment: &PaymentRow, before: PaymentStatus) {
    let connector = &payment.connector;
    if payment.status != before {
        app.metrics
            .payment(connector, payment.status, payment.decline);
    }
    tracing::info!(
        payment = %payment.id, invoice = %invoice.id, project = %payment.project, connector,
        from = %before, to = %payment.status, invoice_status = %invoice.status,
        "payment changed"
    );
}
