//! Webhooks of the payment providers, each verified by the provider's scheme over the raw body.

use super::middleware::error::unauthorized;
use super::middleware::extract::body;
use super::openapi::problems;
use crate::clock;
use crate::connectors::{News, WebhookError};
use crate::domain::Timing;
use crate::flow::apply::apply_payment_update;
use crate::flow::give_up::refresh;
use crate::flow::refund::apply_refund_outcome;
use crate::flow::{App, Error, Result};
use crate::store::accounts::AccountRow;
use crate::store::payments::PaymentRow;
use crate::telemetry::Webhook as Known;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use std::sync::Arc;
use till_shared::problem::ProblemType;
use tracing::Span;
use tracing::field::Empty;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(receive))
}

problems!(WebhookProblems: InvalidRequest, Unauthorized, NotFound, PayloadTooLarge, Unavailable);

/// Receive a webhook of a payment provider
///
/// Verified by the provider's own scheme over the raw body. An event that is received again has no
/// further effect.
#[utoipa::path(post, path = "/v1/connectors/{kind}/{account}/webhooks", tag = "operation",
    params(("kind" = String, Path, description = "The connector's kind"),
        ("account" = String, Path, description = "The account's id")),
    responses((status = 200, description = "Received"), WebhookProblems))]
async fn receive(
    State(app): State<Arc<App>>,
    Path((kind, account)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: std::result::Result<Bytes, BytesRejection>,
) -> Result<String> {
    let bytes = bytes.map_err(body)?;
    let row = app.store.account(&kind, &account).await?;
    let row = row.ok_or_else(|| Error::not_found("connector account"))?;
    let (connector, opened) = app.open_account(&row)?;
    let timing = Timing::at(clock::now_ms());
    let webhooks = connector
        .parse_webhook(&app.ctx(&opened), &headers, &bytes, timing)
        .await
        .map_err(|error| refused(&app, &row, error))?;
    let mut outcome = Ok(());
    for webhook in webhooks {
        // One that can't be applied yet does not hold up the rest of its batch.
        let mut applied = Ok(());
        for news in webhook.news {
            applied = applied.and(apply(&app, &row, &webhook.event_id, news).await);
        }
        let known = match &applied {
            Ok(()) => record(&app, &row, &webhook.event_id).await?,
            Err(Error::Problem { kind, .. }) if *kind == ProblemType::NotFound => Known::Unmatched,
            Err(_) => Known::Failed,
        };
        app.metrics.webhook(&row.kind, known);
        outcome = outcome.and(applied);
    }
    outcome.map(|()| connector.webhook_answer().to_owned())
}

fn refused(app: &App, row: &AccountRow, error: WebhookError) -> Error {
    let (connector, account) = (&row.kind, &row.account);
    tracing::warn!(connector, account, %error, "a webhook was refused");
    let (known, problem) = match error {
        WebhookError::Forged(_) => (
            Known::Forged,
            unauthorized("The signature does not verify."),
        ),
        WebhookError::Malformed(why) => (
            Known::Malformed,
            Error::problem(ProblemType::InvalidRequest, why),
        ),
        WebhookError::Unanswered(_) => (
            Known::Failed,
            Error::problem(
                ProblemType::Unavailable,
                "Your own service did not answer when it was asked. Please send it again.",
            ),
        ),
    };
    app.metrics.webhook(connector, known);
    problem
}

async fn record(app: &App, row: &AccountRow, webhook: &str) -> Result<Known> {
    let (connector, account) = (&row.kind, &row.account);
    let now = clock::now_ms();
    let new = app.store.record_webhook(connector, account, webhook, now);
    if new.await? {
        return Ok(Known::Applied);
    }
    tracing::info!(connector, account, webhook, "a webhook came again");
    Ok(Known::Repeated)
}

/// Applies what an account says of a payment that it carries. What is not known here is to come
/// again; another account's is none of its business.
#[tracing::instrument(name = "webhook", level = "error", skip_all,
    fields(connector = account.kind, account = account.account, webhook = webhook, payment = Empty,
        invoice = Empty, project = Empty, refund = Empty))]
async fn apply(app: &App, account: &AccountRow, webhook: &str, news: News) -> Result<()> {
    let missing = || Error::not_found("payment");
    let about = match &news {
        News::Payment(payment, _) | News::Ask(payment) => payment.clone(),
        News::Refund(refund, _) => {
            Span::current().record("refund", refund.as_str());
            let refund = app.store.refund(refund).await?;
            refund.ok_or_else(|| Error::not_found("refund"))?.payment
        }
    };
    let payment = app.store.payment(&about).await?;
    let carries = |p: &PaymentRow| p.connector == account.kind && p.account == account.account;
    let Some(payment) = payment.filter(carries) else {
        tracing::warn!(about = %about, "a webhook about a payment that is not known here");
        return Err(missing());
    };
    Span::current()
        .record("payment", payment.id.as_str())
        .record("invoice", payment.invoice.as_str())
        .record("project", payment.project.as_str());
    tracing::info!("a webhook came");
    match news {
        News::Payment(id, update) => {
            apply_payment_update(app, &id, update)
                .await?
                .ok_or_else(missing)?;
        }
        News::Refund(id, outcome) => {
            apply_refund_outcome(app, &id, outcome)
                .await?
                .ok_or_else(missing)?;
        }
        News::Ask(_) => {
            refresh(app, &payment).await?;
        }
    }
    Ok(())
}
