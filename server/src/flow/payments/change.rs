//! What a report of a payment system changes, as it is written then.

use super::details;
use crate::app::App;
use crate::connectors::PaymentUpdate;
use crate::domain::payment::{Change, PaymentContext, apply, reported_status};
use crate::store::invoices::InvoiceRow;
use crate::store::payment_attempts::Counting;
use crate::store::payments::PaymentRow;
use crate::store::projects::Project;
use till_shared::id::PaymentId;
use till_shared::payment::{DeclineCode, PaymentStatus};
use till_shared::widget::Verification;

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

/// A payment with its changes.
pub struct Changed {
    /// The payment.
    pub payment: PaymentRow,
    /// What happens to it and to its invoice, if its status changes.
    pub change: Option<Change>,
}

/// Decides what a report changes; `None` if nothing. `order_paid`: whether another invoice of the order was paid.
pub fn decide(
    app: &App,
    invoice: &InvoiceRow,
    order_paid: bool,
    before: &PaymentRow,
    update: PaymentUpdate,
    now: i64,
) -> Option<Changed> {
    let mut payment = before.clone();
    let mut update = details::abandonment(app, before, update);
    if invoice.buyer_removed_at.is_some() {
        update.card = None;
    }
    let incoming = details::verified_status(app, before, &update);
    let context = PaymentContext {
        payment: reported_status(before.status, before.reference.is_some()),
        invoice: invoice.status,
        overdue: invoice.expires_at <= now,
        order_paid,
        taken_back: before.amount_reversed >= before.money.amount,
    };
    let change = apply(context, incoming);
    let mut changed = details::merge(&mut payment, &update, incoming);
    let review = details::review(&payment, &update);
    if review.is_some() && payment.review != review {
        payment.review = review;
        changed = true;
    }
    if change.is_none() && !changed {
        return None;
    }
    payment.updated_at = now;
    if let Some(change) = &change {
        change_payment(app, &mut payment, change, &update);
    }
    Some(Changed { payment, change })
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
        payment.review = None;
        payment.called_off = false;
        payment.duplicate = change.refund_duplicate;
    }
}

/// Changes an invoice's status.
pub fn change_invoice(invoice: &mut InvoiceRow, change: &Change, now: i64) {
    if invoice.status != change.invoice {
        invoice.status = change.invoice;
        invoice.paid_at = invoice.paid_at.or(invoice.status.was_paid().then_some(now));
        invoice.ended_at = invoice.status.has_ended().then_some(now);
    }
}

/// How the attempt to pay counts now that the payment has this status, if that changes. What a payment system never had
/// counts no more than it did: it tells nothing about the card.
pub fn counting<'a>(
    project: &Project,
    payment: &'a PaymentRow,
    before: PaymentStatus,
) -> Option<(&'a PaymentId, Counting)> {
    if payment.status == before || !project.settings.limits_attempts() {
        return None;
    }
    let counting = match payment.status {
        PaymentStatus::Succeeded => Counting::TakenBack,
        PaymentStatus::Failed if payment.reference.is_none() => return None,
        PaymentStatus::Declined | PaymentStatus::Failed => Counting::Declined,
        PaymentStatus::Canceled
        | PaymentStatus::Created
        | PaymentStatus::RequiresVerification
        | PaymentStatus::Processing => return None,
    };
    Some((
        payment.first_attempt.as_ref().unwrap_or(&payment.id),
        counting,
    ))
}

/// Counts and logs a change.
pub fn report(app: &App, invoice: &InvoiceRow, payment: &PaymentRow, before: PaymentStatus) {
    let connector = &payment.connector;
    if payment.status != before {
        app.metrics
            .payment(connector, payment.status, payment.decline);
    }
    tracing::info!(
        payment = %payment.id, invoice = %invoice.id, project = %payment.project, connector,
        from = %before, to = %payment.status, decline = payment.decline.map(DeclineCode::as_str),
        invoice_status = %invoice.status, "payment changed"
    );
}
