//! The one way a payment's status changes: the payment system's answer, its webhook, the buyer's
//! return and the reconciler all call [`apply_payment_update`], so that late, repeated or lost
//! messages have no effect. One transaction writes the payment, the invoice and the callbacks.

use super::details;
use crate::app::App;
use crate::connectors::{CallError, PaymentUpdate};
use crate::domain::payment::{Change, PaymentContext, apply, reported_status};
use crate::flow::audit::{self, Actor};
use crate::flow::error::{Error, Result};
use crate::flow::outbox::{Subject, write_events, write_events_with};
use crate::flow::refunds::pending_refund;
use crate::store::Tx;
use crate::store::invoices::{self, InvoiceRow};
use crate::store::payment_attempts;
use crate::store::payments::{self, PaymentRow, PaymentToChange};
use crate::store::projects::Project;
use crate::store::refunds::{self, RefundRow};
use crate::{clock, new_id};
use serde_json::{Value, json};
use till_shared::event::EventType;
use till_shared::id::{InvoiceId, PaymentId, RefundId};
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::{DeclineCode, PaymentStatus};
use till_shared::problem::ProblemType;
use till_shared::refund::RefundSource;
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

/// Applies what a payment system reports about a payment, and returns the payment afterwards.
/// `None` if there is no such payment.
///
/// # Errors
/// When the store fails. Nothing has changed then.
pub async fn apply_payment_update(
    app: &App,
    id: &PaymentId,
    update: PaymentUpdate,
) -> Result<Option<PaymentRow>> {
    match app.store.payment_to_change(id).await? {
        Some(known) => apply_to(app, known, update).await,
        None => Ok(None),
    }
}

/// Like [`apply_payment_update`], for a payment as it was known before.
///
/// # Errors
/// When the store fails. Nothing has changed then.
pub async fn apply_to(
    app: &App,
    known: PaymentToChange,
    update: PaymentUpdate,
) -> Result<Option<PaymentRow>> {
    apply_audited(app, known, update, None).await
}

/// An operator's decision about a payment.
pub(super) struct Decision<'a> {
    /// Who decides.
    pub by: &'a Actor,
    /// The particulars, for the audit log.
    pub detail: Value,
}

/// Like [`apply_to`], for an operator's decision, which the audit log records.
#[tracing::instrument(name = "apply_payment_update", level = "error", skip_all,
    fields(payment = %known.payment.id, invoice = %known.payment.invoice,
        project = %known.payment.project, incoming = %update.status))]
pub(super) async fn apply_audited(
    app: &App,
    known: PaymentToChange,
    update: PaymentUpdate,
    decision: Option<Decision<'_>>,
) -> Result<Option<PaymentRow>> {
    if details::is_known(&known.payment, &update) {
        return Ok(Some(known.payment));
    }
    let project = app
        .projects
        .of_version(&known.payment.project, known.project_version);
    let Some(project) = project.await? else {
        return Ok(None);
    };
    let mut tx = app.store.begin().await?;
    let Some((mut invoice, others)) = lock_order_of(&mut tx, &known).await? else {
        return Ok(None);
    };
    let mut payments = payments::of_invoice(&mut tx, &invoice.id).await?;
    let Some(own) = payments
        .iter()
        .position(|payment| payment.id == known.payment.id)
    else {
        return Ok(None);
    };
    let mut payment = payments[own].clone();
    if details::is_taken(&mut tx, &payment, &update).await? {
        tracing::error!("the payment system's payment pays another payment: the report is ignored");
        return Ok(Some(payment));
    }
    let mut update = details::abandonment(app, &payment, update);
    if invoice.buyer_removed_at.is_some() {
        update.card = None;
    }
    let now = clock::now_ms();
    let incoming = details::verified_status(app, &payment, &update);
    let context = PaymentContext {
        payment: reported_status(payment.status, payment.reference.is_some()),
        invoice: invoice.status,
        overdue: invoice.expires_at <= now,
        order_paid: others.iter().any(|other| other.status.was_paid()),
        taken_back: payment.amount_reversed >= payment.money.amount,
    };
    let change = apply(context, incoming);
    let mut changed = details::merge(&mut payment, &update, incoming);
    let review = details::review(&payment, &update);
    if review.is_some() && payment.review != review {
        payment.review = review;
        changed = true;
    }
    if change.is_none() && !changed {
        return Ok(Some(payment));
    }
    let before = payment.status;
    payment.updated_at = now;
    if let Some(change) = &change {
        change_payment(app, &mut payment, change, &update);
    }
    payments::save(&mut tx, &payment).await?;
    count_attempt(&mut tx, &project, &payment, before).await?;
    payments[own].clone_from(&payment);
    let mut ended = vec![];
    if let Some(change) = &change {
        let of_payment = (&mut invoice, payments.as_slice());
        change_invoice(app, &mut tx, &project, of_payment, &payment, change).await?;
        if change.call_off_others {
            let others = (payments.as_slice(), others);
            ended = call_off_others(app, &mut tx, &project, &payment, others).await?;
        }
    }
    invoices::save(&mut tx, &mut invoice).await?;
    if let Some(Decision { by, detail }) = decision {
        let reference = payment.reference.as_ref().map(|reference| &reference.id);
        let change = audit::Change {
            action: "payment.resolve",
            project: Some(&payment.project),
            subject: payment.id.to_string(),
            before: Some(json!({ "status": before })),
            after: Some(json!({ "status": payment.status, "reference": reference })),
            detail,
        };
        audit::append(&mut tx, by, change).await?;
    }
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.invoice_changed(&invoice.id);
    ended.iter().for_each(|id| app.invoice_changed(id));
    if change.is_some() {
        report(app, &invoice, &payment, before);
    }
    Ok(Some(payment))
}

/// Counts an attempt to pay that was declined in full, and takes back one that succeeded. What a payment
/// system never had counts no more than it did: it tells nothing about the card.
async fn count_attempt(
    tx: &mut Tx,
    project: &Project,
    payment: &PaymentRow,
    before: PaymentStatus,
) -> Result<()> {
    if payment.status == before || !project.settings.limits_attempts() {
        return Ok(());
    }
    let attempt = payment.first_attempt.as_ref().unwrap_or(&payment.id);
    match payment.status {
        PaymentStatus::Succeeded => payment_attempts::delete(tx, attempt).await?,
        PaymentStatus::Failed if payment.reference.is_none() => {}
        PaymentStatus::Declined | PaymentStatus::Failed => {
            payment_attempts::decline(tx, attempt, payment.updated_at).await?;
        }
        PaymentStatus::Canceled
        | PaymentStatus::Created
        | PaymentStatus::RequiresVerification
        | PaymentStatus::Processing => {}
    }
    Ok(())
}

/// Locks an invoice and every other one of the same order, always in the same order.
async fn lock_order_of(
    tx: &mut Tx,
    known: &PaymentToChange,
) -> Result<Option<(InvoiceRow, Vec<InvoiceRow>)>> {
    let PaymentRow {
        project, invoice, ..
    } = &known.payment;
    let mut all = invoices::lock_order(tx, project, &known.order_id).await?;
    let own = all.iter().position(|one| one.id == *invoice);
    Ok(own.map(|own| (all.remove(own), all)))
}

/// Ends every other attempt to pay an order that was just paid: live payments are canceled at their
/// payment system, and an open invoice of the same order is canceled. Returns the ids of the other
/// invoices.
async fn call_off_others(
    app: &App,
    tx: &mut Tx,
    project: &Project,
    paid: &PaymentRow,
    (payments, others): (&[PaymentRow], Vec<InvoiceRow>),
) -> Result<Vec<InvoiceId>> {
    let now = paid.updated_at;
    if payments.iter().any(|payment| payment.status.is_live()) {
        payments::call_off(tx, &paid.invoice, &paid.id, now).await?;
    }
    let mut ended = vec![];
    for mut other in others {
        payments::call_off(tx, &other.id, &paid.id, now).await?;
        if other.status == InvoiceStatus::Open {
            other.status = InvoiceStatus::Canceled;
            other.ended_at = Some(now);
            let events = [EventType::InvoiceCanceled];
            write_events(app, tx, project, &mut other, Subject::Invoice, &events).await?;
            invoices::save(tx, &mut other).await?;
        }
        ended.push(other.id);
    }
    Ok(ended)
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

/// Changes the invoice's status and writes the callbacks, and the refund of a duplicate payment.
async fn change_invoice(
    app: &App,
    tx: &mut Tx,
    project: &Project,
    (invoice, payments): (&mut InvoiceRow, &[PaymentRow]),
    payment: &PaymentRow,
    change: &Change,
) -> Result<()> {
    let now = payment.updated_at;
    if invoice.status != change.invoice {
        invoice.status = change.invoice;
        invoice.paid_at = invoice.paid_at.or(invoice.status.was_paid().then_some(now));
        invoice.ended_at = invoice.status.has_ended().then_some(now);
    }
    if change.refund_duplicate {
        let refund = RefundRow {
            reason: Some("the order was paid before".into()),
            source: RefundSource::Duplicate,
            ..pending_refund(payment, RefundId::from_unique(new_id::unique()), now)
        };
        refunds::insert(tx, &refund).await?;
    }
    let subject = Subject::Payment(payment);
    write_events_with(
        app,
        tx,
        project,
        (invoice, payments),
        subject,
        &change.events,
    )
    .await
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
        from = %before, to = %payment.status, decline = payment.decline.map(DeclineCode::as_str),
        invoice_status = %invoice.status, "payment changed"
    );
}
