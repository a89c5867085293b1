//! What the payment systems tell, each verified by its own scheme over the raw body.

use super::error::unauthorized;
use super::extract::body;
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
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use std::sync::Arc;
use till_shared::problem::ProblemType;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The call.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(receive))
}

problems!(WebhookProblems: InvalidRequest, Unauthorized, NotFound, PayloadTooLarge, Unavailable);

/// A payment system tells what became of a payment or refund
///
/// Verified by the payment system's own scheme over the raw body. Applied, then recorded: should
/// this server die in between, the message comes again and has no further effect.
#[utoipa::path(post, path = "/v1/connectors/{kind}/{account}/webhooks", tag = "operation",
    params(("kind" = String, Path, description = "The connector's kind"),
        ("account" = String, Path, description = "The account's id")),
    responses((status = 200, description = "Taken"), WebhookProblems))]
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
        .map_err(|error| {
            tracing::warn!(kind, account, %error, "a webhook was refused");
            match error {
                WebhookError::Forged(_) => unauthorized("The signature does not verify."),
                WebhookError::Malformed(why) => Error::problem(ProblemType::InvalidRequest, why),
                WebhookError::Unanswered(_) => Error::problem(
                    ProblemType::Unavailable,
                    "Your own service did not answer when it was asked. Please send it again.",
                ),
            }
        })?;
    let mut outcome = Ok(());
    for webhook in webhooks {
        // One that can't be applied yet does not hold up the rest of its batch.
        let mut applied = Ok(());
        for news in webhook.news {
            applied = applied.and(apply(&app, &row, news).await);
        }
        if applied.is_ok() {
            record(&app, &row, &webhook.event_id).await?;
        }
        outcome = outcome.and(applied);
    }
    outcome.map(|()| connector.webhook_answer().to_owned())
}

async fn record(app: &App, account: &AccountRow, event: &str) -> Result<()> {
    let (kind, account) = (&account.kind, &account.account);
    let now = clock::now_ms();
    if !app.store.record_webhook(kind, account, event, now).await? {
        tracing::info!(kind, account, event, "a webhook came again");
    }
    Ok(())
}

/// Applies what an account says of a payment that it carries. What is not known here is to come
/// again; another account's is none of its business.
async fn apply(app: &App, account: &AccountRow, news: News) -> Result<()> {
    let missing = || Error::not_found("payment");
    let about = match &news {
        News::Payment(payment, _) | News::Ask(payment) => payment.clone(),
        News::Refund(refund, _) => {
            let refund = app.store.refund(refund).await?;
            refund.ok_or_else(|| Error::not_found("refund"))?.payment
        }
    };
    let payment = app.store.payment(&about).await?;
    let carries = |p: &PaymentRow| p.connector == account.kind && p.account == account.account;
    let payment = payment.filter(carries).ok_or_else(missing)?;
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
