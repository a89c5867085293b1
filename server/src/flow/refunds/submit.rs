//! Submitting a refund to its payment system, with our id as the idempotency key.

use super::outcome::apply_refund_outcome;
use super::retry::retry_delay;
use crate::app::App;
use crate::clock;
use crate::connectors::{CallError, Cause, NewRefund, RefundOutcome};
use crate::domain::refund::refusal_ends;
use crate::flow::accounts::account_of;
use crate::flow::detached::Detached;
use crate::flow::error::Result;
use crate::store::refunds::RefundRow;
use till_shared::money::Money;

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
    // Written before the call: if this process dies, its outcome is unknown.
    app.store.mark_refund_sent(&refund.id, true).await?;
    let answer = match &payment.reference {
        Some(reference) => {
            let new = NewRefund {
                id: &refund.id,
                refund_reference: refund.reference.as_deref(),
                payment_reference: &reference.id,
                money,
            };
            connector.refund(&app.ctx(&account), &new).await
        }
        None => Err(CallError::NotSent(Cause::NoReference)),
    };
    let outcome = match answer {
        Ok(outcome) => outcome,
        Err(CallError::Refused(cause)) if refusal_ends(refund.sent) => {
            RefundOutcome::Failed(cause.to_string())
        }
        Err(error) => return retry_later(app, refund, &error).await,
    };
    apply_refund_outcome(app, &refund.id, outcome).await?;
    Ok(())
}

/// Schedules the next call for a refund that a call did not end. The idempotency key makes it safe.
async fn retry_later(app: &App, refund: &RefundRow, error: &CallError) -> Result<()> {
    tracing::warn!(%error, "the payment system did not accept the refund: it is retried");
    let now = clock::now_ms();
    match error {
        CallError::NotSent(_) if !refund.sent => {
            app.store.mark_refund_sent(&refund.id, false).await?;
        }
        CallError::Refused(_) if app.store.mark_refund_refused(&refund.id, now).await? => {
            tracing::error!(
                "the payment system refuses a refund that an earlier call may have made: an \
                 operator has to look at it"
            );
        }
        _ => {}
    }
    let at = now + retry_delay(app, refund.attempts);
    Ok(app.store.schedule_refund(&refund.id, at).await?)
}
