//! The reconciler: polls the payment system until the outcome of a live payment is known.

use super::change::poll_delay;
use super::details::is_abandoned;
use super::transition::{apply_payment_update, apply_response};
use crate::app::App;
use crate::clock;
use crate::connectors::{Cause, PaymentUpdate};
use crate::domain::payment::Review;
use crate::flow::accounts::{account_of, payment_ref};
use crate::flow::error::Result;
use crate::store::payments::PaymentRow;
use till_shared::payment::PaymentStatus;

/// Fetches a live payment's status from the payment system, and applies it.
///
/// # Errors
/// `unavailable` if the payment system does not answer; the payment is unchanged.
#[tracing::instrument(level = "error", skip_all,
    fields(payment = %payment.id, invoice = %payment.invoice, project = %payment.project))]
pub async fn refresh(app: &App, payment: &PaymentRow) -> Result<PaymentRow> {
    if !payment.status.is_live() {
        return Ok(payment.clone());
    }
    let (connector, account) = account_of(app, payment).await?;
    let response = connector
        .fetch(&app.ctx(&account), &payment_ref(app, payment))
        .await;
    apply_response(app, payment, response).await
}

/// Polls a live payment's status once, and schedules the next poll. A payment whose verification
/// took too long is canceled instead.
///
/// # Errors
/// When the store fails.
#[tracing::instrument(level = "error", skip_all,
    fields(payment = %payment.id, invoice = %payment.invoice, project = %payment.project,
        checks = payment.checks))]
pub async fn poll_status(app: &App, payment: &PaymentRow) -> Result<()> {
    let age_ms = u64::try_from(clock::now_ms() - payment.created_at).unwrap_or(0);
    let status = match fetch_update(app, payment, age_ms).await? {
        Some(update) => apply_payment_update(app, &payment.id, update)
            .await?
            .map(|payment| payment.status),
        None => Some(payment.status),
    };
    if let Some(status) = status.filter(|status| status.is_live()) {
        let at = clock::now_ms() + poll_delay(app, status, payment.checks);
        app.store.schedule_check(&payment.id, at).await?;
    }
    Ok(())
}

/// The update to apply, if there is one.
async fn fetch_update(
    app: &App,
    payment: &PaymentRow,
    age_ms: u64,
) -> Result<Option<PaymentUpdate>> {
    let (connector, account) = account_of(app, payment).await?;
    let ctx = app.ctx(&account);
    let payment_ref = payment_ref(app, payment);
    let response = if is_abandoned(app, payment) || payment.called_off {
        connector.cancel(&ctx, &payment_ref).await
    } else {
        connector.fetch(&ctx, &payment_ref).await
    };
    Ok(match response {
        Ok(Some(update)) => Some(update),
        // The payment system had it: it may have charged.
        Ok(None) if payment.reference.is_some() => {
            mark_for_review(app, payment, Review::Missing).await?;
            None
        }
        // The payment system never received it.
        Ok(None) if payment_ref.calls_ended => Some(PaymentUpdate::status(PaymentStatus::Failed)),
        Ok(None) => None,
        Err(error) => {
            let age_s = age_ms / 1000;
            tracing::warn!(%error, age_s, "the payment's outcome is still unknown");
            if matches!(error.into_cause(), Cause::TooManyPages) {
                mark_for_review(app, payment, Review::OutOfReach).await?;
            }
            None
        }
    })
}

/// Marks a payment as one that polling will not end: an operator has to look at it.
async fn mark_for_review(app: &App, payment: &PaymentRow, review: Review) -> Result<()> {
    if app.store.mark_for_review(&payment.id, review).await? {
        let reason: &str = review.into();
        tracing::error!(
            reason,
            "an operator has to find out the payment's outcome and resolve it"
        );
    }
    Ok(())
}
