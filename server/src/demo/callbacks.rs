//! The receiver of callbacks. It verifies the signature over the raw body.

use super::event::Event;
use super::orders::{CURRENCY, CallbackResult};
use super::shop::Shop;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;

/// `POST /callbacks` and `POST /check`: responds to an order check with 200 and to any other
/// callback with 204.
pub async fn receive(State(shop): State<Arc<Shop>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(error) = shop.webhook.verify(&body, &headers) {
        tracing::warn!(%error, "demo shop: callback rejected");
        return (StatusCode::UNAUTHORIZED, "Invalid signature.\n").into_response();
    }
    // The signature covers the id, so the header is present.
    let id = headers
        .get("webhook-id")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let event: Event = match serde_json::from_slice(&body) {
        Ok(event) => event,
        Err(error) => {
            tracing::warn!(%error, id, "demo shop: invalid callback");
            return (StatusCode::BAD_REQUEST, "Invalid body.\n").into_response();
        }
    };
    if event.kind == "order.check" {
        let decision = match shop.orders.confirm(&event) {
            Some(amount) => json!({"accept": true, "amount": amount, "currency": CURRENCY}),
            None => json!({"accept": false, "reason": "unknown order"}),
        };
        return Json(decision).into_response();
    }
    // A callback about an unknown order gets 204 too, because a retry would not change the result.
    match shop.orders.apply(id, &event) {
        CallbackResult::UnknownOrder if event.kind != "ping" => {
            tracing::warn!(
                id,
                kind = event.kind,
                "demo shop: callback for an unknown order"
            );
        }
        result => tracing::info!(id, kind = event.kind, ?result, "demo shop: callback"),
    }
    StatusCode::NO_CONTENT.into_response()
}
