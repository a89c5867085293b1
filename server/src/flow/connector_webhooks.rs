//! Webhooks of payment systems, each verified by the payment system's own scheme over the raw body.

use super::accounts::open_account;
use super::error::{Error, Result};
use super::payments::apply_payment_update;
use super::payments::reconcile::refresh;
use super::refunds::apply_refund_outcome;
use crate::app::App;
use crate::clock;
use crate::connectors::{WebhookError, WebhookEvent, WebhookMessage};
use crate::domain::Timing;
use crate::store::connector_accounts::AccountRow;
use crate::store::payments::PaymentRow;
use crate::telemetry::Webhook as Outcome;
use axum::http::HeaderMap;
use till_shared::id::PaymentId;
use till_shared::problem::ProblemType;
use tracing::Span;
use tracing::field::Empty;

/// Receives a webhook and returns the body to answer with. Events are applied first and recorded
/// then: if this process dies in between, the payment system sends the webhook again, which has no
/// further effect.
///
/// # Errors
/// When there is no such account, the webhook is not authentic, or an event can't be applied yet:
/// the payment system sends it again.
pub async fn receive(
    app: &App,
    kind: &str,
    account: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<&'static str> {
    let row = app.store.account(kind, account).await?;
    let row = row.ok_or_else(|| Error::not_found("connector account"))?;
    let (connector, account) = open_account(app, &row)?;
    let timing = Timing::at(clock::now_ms());
    let messages = connector
        .parse_webhook(&app.ctx(&account), headers, body, timing)
        .await
        .map_err(|error| reject(app, &row, error))?;
    let mut result = Ok(());
    for message in messages {
        // An event that can't be applied yet does not delay the rest of the batch.
        result = result.and(process(app, &row, message).await);
    }
    result.map(|()| connector.webhook_response())
}

/// Counts and logs a webhook that is not authentic or not readable.
fn reject(app: &App, account: &AccountRow, error: WebhookError) -> Error {
    let (connector, id) = (&account.kind, &account.account);
    tracing::warn!(connector, account = id, %error, "webhook rejected");
    let (outcome, problem) = match error {
        WebhookError::InvalidSignature(_) => (
            Outcome::InvalidSignature,
            Error::problem(ProblemType::Unauthorized, "The signature is invalid."),
        ),
        WebhookError::Malformed(reason) => (
            Outcome::Malformed,
            Error::problem(ProblemType::InvalidRequest, reason.to_string()),
        ),
        WebhookError::Call(_) => (
            Outcome::Failed,
            Error::problem(
                ProblemType::Unavailable,
                "Your API did not answer a request to verify this webhook. Send it again.",
            ),
        ),
    };
    app.metrics.webhook(connector, outcome);
    problem
}

/// Applies the events of a message, records it and counts it.
async fn process(app: &App, account: &AccountRow, message: WebhookMessage) -> Result<()> {
    let mut applied = Ok(());
    for event in message.events {
        applied = applied.and(apply(app, account, &message.id, event).await);
    }
    let outcome = match &applied {
        Ok(()) => record(app, account, &message.id).await?,
        Err(Error::Problem { kind, .. }) if *kind == ProblemType::NotFound => Outcome::Unmatched,
        Err(_) => Outcome::Failed,
    };
    app.metrics.webhook(&account.kind, outcome);
    applied
}

async fn record(app: &App, account: &AccountRow, webhook: &str) -> Result<Outcome> {
    let (connector, id) = (&account.kind, &account.account);
    let now = clock::now_ms();
    let new = app.store.record_webhook(connector, id, webhook, now);
    if new.await? {
        return Ok(Outcome::Applied);
    }
    tracing::info!(connector, account = id, webhook, "webhook repeated");
    Ok(Outcome::Repeated)
}

/// Applies an event of an account to a payment that the account carries. An event about an unknown
/// payment fails, so that it is sent again: the payment may not be stored yet.
#[tracing::instrument(name = "webhook", level = "error", skip_all,
    fields(connector = account.kind, account = account.account, webhook = webhook, payment = Empty,
        invoice = Empty, project = Empty, refund = Empty))]
async fn apply(app: &App, account: &AccountRow, webhook: &str, event: WebhookEvent) -> Result<()> {
    let missing = || Error::not_found("payment");
    let id = payment_of(app, &event).await?;
    let carried = |p: &PaymentRow| p.connector == account.kind && p.account == account.account;
    let payment = app.store.payment(&id).await?.filter(carried);
    let Some(payment) = payment else {
        tracing::warn!(about = %id, "webhook about an unknown payment");
        return Err(missing());
    };
    Span::current()
        .record("payment", payment.id.as_str())
        .record("invoice", payment.invoice.as_str())
        .record("project", payment.project.as_str());
    tracing::info!("webhook received");
    match event {
        WebhookEvent::Payment(id, update) => {
            let applied = apply_payment_update(app, &id, update).await?;
            applied.ok_or_else(missing)?;
        }
        WebhookEvent::Refund(id, outcome) => {
            let applied = apply_refund_outcome(app, &id, outcome).await?;
            applied.ok_or_else(missing)?;
        }
        WebhookEvent::Refetch(_) => {
            refresh(app, &payment).await?;
        }
    }
    Ok(())
}

/// The payment that an event is about.
async fn payment_of(app: &App, event: &WebhookEvent) -> Result<PaymentId> {
    match event {
        WebhookEvent::Payment(payment, _) | WebhookEvent::Refetch(payment) => Ok(payment.clone()),
        WebhookEvent::Refund(refund, _) => {
            Span::current().record("refund", refund.as_str());
            let refund = app.store.refund(refund).await?;
            Ok(refund.ok_or_else(|| Error::not_found("refund"))?.payment)
        }
    }
}
