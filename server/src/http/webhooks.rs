//! Webhooks of the payment providers, each verified by the provider's scheme over the raw body.

use super::middleware::extract::{Path, body};
use super::middleware::limits::RequestPermit;
use super::openapi::problems;
use crate::app::App;
use crate::flow::{Result, connector_webhooks};
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::HeaderMap;
use std::sync::Arc;
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
#[utoipa::path(post, path = "/v1/connectors/{kind}/{account}/webhooks", operation_id = "receiveWebhook",
    tag = "operation",
    security(()),
    params(("kind" = String, Path, description = "The connector's kind, for example `stripe`"),
        ("account" = String, Path, description = "The account's id, from the project's settings")),
    request_body(description = "As the payment provider sends it", content(
        (serde_json::Value = "application/json"), (String = "application/x-www-form-urlencoded"))),
    responses((status = 200, content_type = "text/plain", body = String,
            description = "Received. The body is what the payment provider expects"),
        WebhookProblems))]
async fn receive(
    State(app): State<Arc<App>>,
    permit: RequestPermit,
    Path((kind, account)): Path<(String, String)>,
    headers: HeaderMap,
    bytes: std::result::Result<Bytes, BytesRejection>,
) -> Result<&'static str> {
    let bytes = bytes.map_err(body)?;
    permit.share(format_args!("{kind} {account}"))?;
    connector_webhooks::receive(&app, &kind, &account, &headers, &bytes).await
}
