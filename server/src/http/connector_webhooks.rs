//! What the payment systems tell, each verified by its own scheme over the raw body.

use super::error::unauthorized;
use super::extract::body;
use super::openapi::problems;
use crate::clock;
use crate::connectors::{News, WebhookError};
use crate::domain::Timing;
use crate::flow::apply::apply_payment_update;
use crate::flow::refund::apply_refund_outcome;
use crate::flow::{App, Error, Result};
use axum::Json;
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
) -> Result<Json<serde_json::Value>> {
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
    for webhook in webhooks {
        apply(&app, webhook.news).await?;
        let now = clock::now_ms();
        let event = &webhook.event_id;
        if !app
            .store
            .record_webhook(&kind, &account, event, now)
            .await?
        {
            tracing::info!(kind, account, event, "a webhook came again");
        }
    }
    Ok(Json(serde_json::json!({ "received": true })))
}

/// Known before the payment system was asked; what is not is to come again.
async fn apply(app: &App, news: Vec<News>) -> Result<()> {
    for news in news {
        match news {
            News::Payment(payment, update) => {
                let applied = apply_payment_update(app, &payment, update).await?;
                applied.ok_or_else(|| Error::not_found("payment"))?;
            }
            News::Refund(refund, outcome) => {
                let applied = apply_refund_outcome(app, &refund, outcome).await?;
                applied.ok_or_else(|| Error::not_found("refund"))?;
            }
        }
    }
    Ok(())
}
