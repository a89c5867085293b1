//! Refunds: written down first, then asked of the payment system with our id as the key, so that
//! asking again is safe. Whatever is heard of one comes in through [`apply_refund_outcome`].

use super::apply::{About, write_events};
use super::{App, Detached, Error, Result};
use crate::clock;
use crate::connectors::{self, CallError, NewRefund, RefundOutcome};
use crate::domain::refund::invoice_status;
use crate::store::invoices;
use crate::store::payments::PaymentRow;
use crate::store::projects::Project;
use crate::store::refunds::{self, RefundRow};
use crate::telemetry::RefundEnd;
use till_shared::event::EventType;
use till_shared::id::{PaymentId, RefundId};
use till_shared::money::Money;
use till_shared::payment::PaymentStatus;
use till_shared::problem::{FieldError, ProblemType};
use till_shared::refund::RefundStatus;

/// Delays of a refund, in milliseconds: the first, which doubles, and the longest.
const RETRY_MS: (i64, i64) = (5_000, 3_600_000);
/// The longest reason, in characters.
const LONGEST_REASON: usize = 500;

/// A refund as a project asks for it.
pub struct RefundWish {
    /// Minor units; all of the rest where absent.
    pub amount: Option<i64>,
    /// Why.
    pub reason: Option<String>,
}

/// Refunds a payment, whole or in part, and gives the refund as it stands after the payment
/// system was asked once. A refund with this id that exists already is that of the same call, which
/// broke off, and is carried on.
///
/// # Errors
/// When there is no such payment, it took no money, its payment system gives none back, or more
/// is asked for than is left. Nothing has changed then.
pub async fn refund(
    detached: &Detached,
    app: &App,
    project: &Project,
    payment: &PaymentId,
    id: RefundId,
    wish: RefundWish,
) -> Result<(RefundRow, PaymentRow)> {
    let payment = app.store.project_payment(&project.id, payment).await?;
    let payment = payment.ok_or_else(|| Error::not_found("payment"))?;
    refundable(&payment)?;
    let refund = write_down(app, &payment, id, wish).await?;
    if refund.status == RefundStatus::Pending {
        carry_out(detached, app, &refund).await?;
    }
    let now = app.store.refund(&refund.id).await?;
    Ok((now.unwrap_or(refund), payment))
}

fn refundable(payment: &PaymentRow) -> Result<()> {
    if payment.status != PaymentStatus::Succeeded {
        return Err(Error::problem(
            ProblemType::NotRefundable,
            format!("The payment is {}: it took no money.", payment.status),
        ));
    }
    let connector = connectors::by_kind(&payment.connector);
    if !connector.is_some_and(|c| c.capabilities().refunds) {
        return Err(Error::problem(
            ProblemType::NotRefundable,
            "The payment system of this payment gives no money back.",
        ));
    }
    Ok(())
}

async fn write_down(
    app: &App,
    payment: &PaymentRow,
    id: RefundId,
    wish: RefundWish,
) -> Result<RefundRow> {
    let too_long = |reason: &String| reason.chars().count() > LONGEST_REASON;
    if wish.reason.as_ref().is_some_and(too_long) {
        let message = format!("at most {LONGEST_REASON} characters");
        return Err(Error::fields(vec![FieldError::new(
            "reason", "too_long", message,
        )]));
    }
    let mut tx = app.store.begin().await?;
    invoices::lock(&mut tx, &payment.invoice).await?;
    if let Some(known) = refunds::get(&mut tx, &id).await? {
        return Ok(known);
    }
    let rest = payment.money.amount - refunds::claimed(&mut tx, &payment.id).await?;
    let amount = wish.amount.unwrap_or(rest);
    if rest <= 0 {
        return Err(Error::problem(
            ProblemType::NotRefundable,
            "All of it is given back already, or about to be.",
        ));
    }
    if !(1..=rest).contains(&amount) {
        let message = format!("from 1 to {rest} minor units, which is what is left");
        return Err(Error::fields(vec![FieldError::new(
            "amount",
            "out_of_range",
            message,
        )]));
    }
    let now = clock::now_ms();
    let refund = RefundRow {
        amount,
        reason: wish.reason,
        // Should this server die before the answer, housekeeping asks.
        next_attempt_at: Some(now + app.call_lease_ms()),
        ..new_row(payment, id, now)
    };
    refunds::insert(&mut tx, &refund).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(refund)
}

/// A refund of a whole payment, due at once.
pub(super) fn new_row(payment: &PaymentRow, id: RefundId, now: i64) -> RefundRow {
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

/// Asks the payment system for a refund, once, and writes down how it ended or when to ask again.
///
/// # Errors
/// When the store fails; the refund is asked for again.
#[tracing::instrument(name = "refund", level = "error", skip_all,
    fields(refund = %refund.id, payment = %refund.payment, project = %refund.project))]
pub async fn carry_out(_: &Detached, app: &App, refund: &RefundRow) -> Result<()> {
    let Some(payment) = app.store.payment(&refund.payment).await? else {
        return Ok(());
    };
    let (connector, account) = app.account_of(&payment).await?;
    let money = Money {
        amount: refund.amount,
        currency: payment.money.currency,
    };
    let answer = match payment.reference.as_deref() {
        Some(reference) => {
            let new = NewRefund {
                id: &refund.id,
                known: refund.reference.as_deref(),
                reference,
                money,
            };
            connector.refund(&app.ctx(&account), &new).await
        }
        None => Err(CallError::NotSent("its reference is not known yet".into())),
    };
    let outcome = match answer {
        Ok(outcome) => outcome,
        Err(CallError::Refused(why)) => RefundOutcome::Refused(why),
        Err(error) => {
            // The key makes asking again safe: it is carried out once, whatever we heard.
            tracing::warn!(%error, "refund not answered");
            let at = clock::now_ms() + retry_delay(app, refund.attempts);
            return Ok(app.store.schedule_refund(&refund.id, at).await?);
        }
    };
    apply_refund_outcome(app, &refund.id, outcome).await?;
    Ok(())
}

fn retry_delay(app: &App, attempts: i64) -> i64 {
    let (first, longest) = RETRY_MS;
    (first << attempts.clamp(0, 12)).min(longest) / i64::from(app.config.speedup)
}

/// The one door for what is heard of a refund. One transaction writes refund, invoice and
/// callbacks. `None` when there is no such refund.
///
/// # Errors
/// When the store fails; then nothing has changed.
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
    let now = clock::now_ms();
    refund.updated_at = now;
    let told = match outcome {
        RefundOutcome::Pending(reference) => {
            refund.reference = Some(reference);
            refund.next_attempt_at = Some(now + retry_delay(app, refund.attempts));
            refunds::save(&mut tx, &refund).await?;
            tx.commit().await.map_err(anyhow::Error::from)?;
            return Ok(Some(refund));
        }
        RefundOutcome::Succeeded(reference) => {
            refund.reference = Some(reference);
            refund.status = RefundStatus::Succeeded;
            if refund.duplicate {
                EventType::PaymentDuplicateRefunded
            } else {
                invoice.amount_refunded += refund.amount;
                invoice.status = invoice_status(
                    invoice.status,
                    invoice.money.amount,
                    invoice.amount_refunded,
                );
                EventType::RefundSucceeded
            }
        }
        RefundOutcome::Refused(why) => {
            tracing::error!(
                refund = %refund.id, payment = %payment.id, invoice = %invoice.id,
                project = %project.id, why, "refund refused"
            );
            refund.status = RefundStatus::Failed;
            EventType::RefundFailed
        }
    };
    refund.next_attempt_at = None;
    refunds::save(&mut tx, &refund).await?;
    let about = About {
        payment: Some(&payment),
        refund: Some(&refund),
    };
    write_events(app, &mut tx, &project, &mut invoice, about, &[told]).await?;
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.changed(&invoice.id);
    let ended = match refund.status {
        RefundStatus::Succeeded => RefundEnd::Succeeded,
        RefundStatus::Pending | RefundStatus::Failed => RefundEnd::Failed,
    };
    app.metrics
        .refund(&payment.connector, ended, refund.duplicate);
    tracing::info!(
        refund = %refund.id, payment = %payment.id, invoice = %invoice.id, project = %project.id,
        connector = payment.connector, status = %refund.status, duplicate = refund.duplicate,
        "refund ended"
    );
    Ok(Some(refund))
}
