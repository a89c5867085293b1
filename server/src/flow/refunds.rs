//! Refunds: inserted first, then submitted to the payment system with our id as the idempotency
//! key, so that retries are safe. Every outcome is applied by [`apply_refund_outcome`].

use super::accounts::account_of;
use super::detached::Detached;
use super::error::{Error, Result};
use super::outbox::{Subject, write_events};
use crate::app::App;
use crate::connectors::{self, CallError, Cause, NewRefund, RefundOutcome};
use crate::domain::refund::invoice_status;
use crate::store::invoices::{self, InvoiceRow};
use crate::store::payments::PaymentRow;
use crate::store::projects::Project;
use crate::store::refunds::{self, RefundRow};
use crate::telemetry::RefundEnd;
use crate::{clock, views};
use till_shared::event::EventType;
use till_shared::id::{PaymentId, RefundId};
use till_shared::money::Money;
use till_shared::payment::PaymentStatus;
use till_shared::problem::ProblemType;
use till_shared::refund::{Refund, RefundStatus};

/// The delay before the first retry of a refund, in milliseconds. It doubles each time.
const FIRST_RETRY_MS: i64 = 5_000;
/// The longest delay between retries, in milliseconds.
const MAX_RETRY_MS: i64 = 3_600_000;
/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// A refund as a project requests it.
pub struct RefundRequest {
    /// Minor units; the rest of the payment where absent.
    pub amount: Option<i64>,
    /// The reason, in the project's words.
    pub reason: Option<String>,
}

/// Refunds a payment in full or in part, and returns the refund after the payment system was called
/// once. If a refund with this id exists, it was created by an earlier attempt of the same call, and
/// is continued.
///
/// # Errors
/// When there is no such payment, it did not succeed, its payment system supports no refunds, or the
/// amount exceeds what is left. Nothing has changed then.
pub async fn refund_payment(
    detached: &Detached,
    app: &App,
    project: &Project,
    payment: &PaymentId,
    id: RefundId,
    request: RefundRequest,
) -> Result<Refund> {
    let payment = app.store.project_payment(&project.id, payment).await?;
    let payment = payment.ok_or_else(|| Error::not_found("payment"))?;
    check_refundable(&payment)?;
    let refund = insert_pending(app, &payment, id, request).await?;
    if refund.status == RefundStatus::Pending {
        submit_refund(detached, app, &refund).await?;
    }
    let updated = app.store.refund(&refund.id).await?;
    Ok(views::refund(&updated.unwrap_or(refund), &payment))
}

/// A project's refund.
///
/// # Errors
/// `not-found` if the project has no such refund.
pub async fn get(app: &App, project: &Project, id: &RefundId) -> Result<Refund> {
    let refund = app.store.project_refund(&project.id, id).await?;
    let refund = refund.ok_or_else(|| Error::not_found("refund"))?;
    let payment = app.store.project_payment(&project.id, &refund.payment);
    let payment = payment.await?.ok_or_else(|| Error::not_found("payment"))?;
    Ok(views::refund(&refund, &payment))
}

fn check_refundable(payment: &PaymentRow) -> Result<()> {
    if payment.status != PaymentStatus::Succeeded {
        return Err(Error::problem(
            ProblemType::NotRefundable,
            format!(
                "The payment is {}: only a succeeded payment can be refunded.",
                payment.status
            ),
        ));
    }
    let connector = connectors::by_kind(&payment.connector);
    if !connector.is_some_and(|c| c.capabilities().refunds) {
        return Err(Error::problem(
            ProblemType::NotRefundable,
            "The payment system of this payment does not support refunds.",
        ));
    }
    Ok(())
}

/// Inserts the refund before the payment system is called. Returns the one with this id if it
/// exists.
async fn insert_pending(
    app: &App,
    payment: &PaymentRow,
    id: RefundId,
    request: RefundRequest,
) -> Result<RefundRow> {
    let too_long = |reason: &String| reason.chars().count() > MAX_REASON;
    if request.reason.as_ref().is_some_and(too_long) {
        let message = format!("at most {MAX_REASON} characters");
        return Err(Error::field("reason", "too_long", message));
    }
    let mut tx = app.store.begin().await?;
    invoices::lock(&mut tx, &payment.invoice).await?;
    if let Some(known) = refunds::get(&mut tx, &id).await? {
        return Ok(known);
    }
    let rest = payment.money.amount - refunds::claimed(&mut tx, &payment.id).await?;
    let amount = request.amount.unwrap_or(rest);
    if rest <= 0 {
        return Err(Error::problem(
            ProblemType::NotRefundable,
            "The payment is already refunded in full, or about to be.",
        ));
    }
    if !(1..=rest).contains(&amount) {
        let message = format!("from 1 to {rest} minor units, which is what is left");
        return Err(Error::field("amount", "out_of_range", message));
    }
    let now = clock::now_ms();
    let refund = RefundRow {
        amount,
        reason: request.reason,
        // If this process dies before the answer, the background job retries once the call has timed
        // out.
        next_attempt_at: Some(now + app.call_lease_ms()),
        ..pending_refund(payment, id, now)
    };
    refunds::insert(&mut tx, &refund).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(refund)
}

/// A refund of a whole payment, due now.
pub fn pending_refund(payment: &PaymentRow, id: RefundId, now: i64) -> RefundRow {
    RefundRow {
        id,
        payment: payment.id.clone(),
        project: payment.project.clone(),
        amount: payment.money.amount,
        reason: None,
        status: RefundStatus::Pending,
        reference: None,
        duplicate: false,
        attempts: 0,
        next_attempt_at: Some(now),
        created_at: now,
        updated_at: now,
    }
}

/// Submits a refund to the payment system once, and records its outcome or schedules a retry.
///
/// # Errors
/// When the store fails; the refund is retried.
#[tracing::instrument(name = "refund", level = "error", skip_all,
    fields(refund = %refund.id, payment = %refund.payment, project = %refund.project))]
pub async fn submit_refund(_: &Detached, app: &App, refund: &RefundRow) -> Result<()> {
    let Some(payment) = app.store.payment(&refund.payment).await? else {
        return Ok(());
    };
    let (connector, account) = account_of(app, &payment).await?;
    let money = Money {
        amount: refund.amount,
        currency: payment.money.currency,
    };
    let answer = match payment.reference.as_deref() {
        Some(reference) => {
            let new = NewRefund {
                id: &refund.id,
                refund_reference: refund.reference.as_deref(),
                payment_reference: reference,
                money,
            };
            connector.refund(&app.ctx(&account), &new).await
        }
        None => Err(CallError::NotSent(Cause::NoReference)),
    };
    let outcome = match answer {
        Ok(outcome) => outcome,
        Err(CallError::Refused(cause)) => RefundOutcome::Refused(cause.to_string()),
        Err(error) => {
            // The idempotency key makes the retry safe.
            tracing::warn!(%error, "the payment system did not answer the refund");
            let at = clock::now_ms() + retry_delay(app, refund.attempts);
            return Ok(app.store.schedule_refund(&refund.id, at).await?);
        }
    };
    apply_refund_outcome(app, &refund.id, outcome).await?;
    Ok(())
}

fn retry_delay(app: &App, attempts: i64) -> i64 {
    (FIRST_RETRY_MS << attempts.clamp(0, 12)).min(MAX_RETRY_MS) / i64::from(app.config.speedup)
}

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
    let Some(project) = app.store.project(&known.project).await? else {
        return Ok(None);
    };
    let Some(payment) = app.store.payment(&known.payment).await? else {
        return Ok(None);
    };
    let mut tx = app.store.begin().await?;
    let Some(mut invoice) = invoices::lock(&mut tx, &payment.invoice).await? else {
        return Ok(None);
    };
    let Some(mut refund) = refunds::get(&mut tx, id).await? else {
        return Ok(None);
    };
    if refund.status != RefundStatus::Pending {
        return Ok(Some(refund));
    }
    let event = match change_refund(app, &mut refund, &mut invoice, outcome) {
        Some(event) => event,
        None => {
            refunds::save(&mut tx, &refund).await?;
            tx.commit().await.map_err(anyhow::Error::from)?;
            return Ok(Some(refund));
        }
    };
    refunds::save(&mut tx, &refund).await?;
    let subject = Subject::Refund(&refund, &payment);
    write_events(app, &mut tx, &project, &mut invoice, subject, &[event]).await?;
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.invoice_changed(&invoice.id);
    report(app, &refund, &payment);
    Ok(Some(refund))
}

/// Changes a pending refund and its invoice. Returns the event to write; `None` while the refund is
/// still pending.
fn change_refund(
    app: &App,
    refund: &mut RefundRow,
    invoice: &mut InvoiceRow,
    outcome: RefundOutcome,
) -> Option<EventType> {
    let now = clock::now_ms();
    refund.updated_at = now;
    refund.next_attempt_at = None;
    match outcome {
        RefundOutcome::Pending(reference) => {
            refund.reference = Some(reference);
            refund.next_attempt_at = Some(now + retry_delay(app, refund.attempts));
            None
        }
        RefundOutcome::Succeeded(reference) => {
            refund.reference = Some(reference);
            refund.status = RefundStatus::Succeeded;
            if refund.duplicate {
                return Some(EventType::PaymentDuplicateRefunded);
            }
            invoice.amount_refunded += refund.amount;
            let (amount, refunded) = (invoice.money.amount, invoice.amount_refunded);
            invoice.status = invoice_status(invoice.status, amount, refunded);
            Some(EventType::RefundSucceeded)
        }
        RefundOutcome::Refused(reason) => {
            tracing::error!(
                refund = %refund.id, payment = %refund.payment, invoice = %invoice.id,
                project = %refund.project, reason, "the payment system refused the refund"
            );
            refund.status = RefundStatus::Failed;
            Some(EventType::RefundFailed)
        }
    }
}

/// Counts and logs the end of a refund.
fn report(app: &App, refund: &RefundRow, payment: &PaymentRow) {
    let connector = &payment.connector;
    let end = match refund.status {
        RefundStatus::Succeeded => RefundEnd::Succeeded,
        RefundStatus::Pending | RefundStatus::Failed => RefundEnd::Failed,
    };
    app.metrics.refund(connector, end, refund.duplicate);
    tracing::info!(
        refund = %refund.id, payment = %payment.id, invoice = %payment.invoice,
        project = %payment.project, connector, status = %refund.status,
        duplicate = refund.duplicate, "refund ended"
    );
}
