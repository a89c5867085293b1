//! Webhooks of payment systems, each verified by the payment system's own scheme over the raw body.

use super::accounts::open_account;
use super::disputes::apply_dispute_update;
use super::error::{Error, Result};
use super::payments::reconcile::refresh;
use super::payments::{apply_reversal, apply_to};
use super::refunds::{apply_dashboard_refund, apply_refund_outcome};
use crate::app::App;
use crate::clock;
use crate::connectors::{Subject, WebhookError, WebhookEvent, WebhookMessage};
use crate::domain::Timing;
use crate::store::connector_accounts::AccountRow;
use crate::store::connector_webhooks::NewWebhook;
use crate::store::payments::PaymentRow;
use crate::telemetry::Webhook as Outcome;
use axum::http::HeaderMap;
use till_shared::problem::ProblemType;
use tracing::Span;
use tracing::field::Empty;

/// Receives a webhook and returns the body to answer with. Events are applied first and recorded
/// then: if this process dies in between, the payment system sends the webhook again, which has no
/// further effect.
///
/// # Errors
/// When there is no such account, the webhook is not authentic, or the store fails: the payment system
/// sends it again. An event about a payment that is not the account's is no error.
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
    let ctx = app.ctx(&account);
    let messages = match connector.parse_webhook(&ctx, headers, body, timing).await {
        Ok(messages) => messages,
        Err(WebhookError::Unmatched) => {
            let (connector, account) = (&row.kind, &row.account);
            tracing::info!(
                connector,
                account,
                "webhook about a payment that is not this account's"
            );
            app.metrics.webhook(connector, Outcome::Unmatched);
            vec![]
        }
        Err(error) => return Err(reject(app, &row, error)),
    };
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
        WebhookError::Malformed(_) => (
            Outcome::Malformed,
            Error::problem(
                ProblemType::InvalidRequest,
                "The body cannot be read. The log has the reason.",
            ),
        ),
        WebhookError::Call(_) => (
            Outcome::Failed,
            Error::problem(
                ProblemType::Unavailable,
                "Your API did not answer a request to verify this webhook. Send it again.",
            ),
        ),
        WebhookError::Postponed(_) | WebhookError::Unmatched => (
            Outcome::Failed,
            Error::problem(
                ProblemType::Unavailable,
                "The webhook cannot be processed now. Send it again.",
            ),
        ),
    };
    app.metrics.webhook(connector, outcome);
    problem
}

/// Applies the events of a message, records it and counts it.
async fn process(app: &App, account: &AccountRow, message: WebhookMessage) -> Result<()> {
    let mut applied = Ok(Applied::Known);
    for event in message.events {
        let one = apply(app, account, &message.id, event).await;
        applied = match (applied, one) {
            (Err(error), _) | (_, Err(error)) => Err(error),
            (Ok(Applied::Known), Ok(Applied::Known)) => Ok(Applied::Known),
            (Ok(_), Ok(_)) => Ok(Applied::NotOurs),
        };
    }
    let outcome = match &applied {
        Ok(Applied::Known) => record(app, account, &message.id).await?,
        Ok(Applied::NotOurs) => Outcome::Unmatched,
        Err(_) => Outcome::Failed,
    };
    app.metrics.webhook(&account.kind, outcome);
    applied.map(drop)
}

async fn record(app: &App, account: &AccountRow, webhook: &str) -> Result<Outcome> {
    let (connector, id) = (&account.kind, &account.account);
    let new = NewWebhook {
        connector: connector.clone(),
        account: id.clone(),
        event_id: webhook.to_owned(),
        received_at: clock::now_ms(),
    };
    if app.webhooks.record(new).await? {
        return Ok(Outcome::Applied);
    }
    tracing::info!(connector, account = id, webhook, "webhook repeated");
    Ok(Outcome::Repeated)
}

/// Whether an event is about a payment of the account.
enum Applied {
    /// It is, and the event is applied.
    Known,
    /// It is not. Payment systems send every event to every endpoint.
    NotOurs,
}

/// Applies an event of an account to a payment that the account carries. A payment is stored before
/// its payment system knows of it, so that one that is not stored is not ours.
#[tracing::instrument(name = "webhook", level = "error", skip_all,
    fields(connector = account.kind, account = account.account, webhook = webhook, payment = Empty,
        invoice = Empty, project = Empty, refund = Empty))]
async fn apply(
    app: &App,
    account: &AccountRow,
    webhook: &str,
    event: WebhookEvent,
) -> Result<Applied> {
    let subject = event.subject();
    if let Subject::Refund(refund) = &subject {
        Span::current().record("refund", refund.as_str());
    }
    let known = app.payment_of(&account.kind, &subject).await?;
    let carried = |p: &PaymentRow| p.is_carried_by(&account.kind, &account.account);
    let Some(known) = known.filter(|known| carried(&known.payment)) else {
        tracing::info!("webhook about a payment that is not this account's");
        return Ok(Applied::NotOurs);
    };
    let payment = &known.payment;
    Span::current()
        .record("payment", payment.id.as_str())
        .record("invoice", payment.invoice.as_str())
        .record("project", payment.project.as_str());
    tracing::info!("webhook received");
    match event {
        WebhookEvent::Payment(_, update) => {
            apply_to(app, known, update).await?;
        }
        WebhookEvent::Refund(id, outcome) => {
            apply_refund_outcome(app, &id, outcome).await?;
        }
        WebhookEvent::DashboardRefund(_, refund) => {
            apply_dashboard_refund(app, payment, refund).await?;
        }
        WebhookEvent::Dispute(_, update) => apply_dispute_update(app, payment, update).await?,
        WebhookEvent::Reversal(_, reversal) => apply_reversal(app, payment, &reversal).await?,
        WebhookEvent::Refetch(_) => {
            refresh(app, payment).await?;
        }
    }
    Ok(Applied::Known)
}
