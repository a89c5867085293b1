//! Callbacks: verified over the raw body, each one taken once, the newest state wins.

use super::Shop;
use super::orders::Outcome;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

/// What the shop reads of a callback. Other fields may come: they are not ours to judge.
#[derive(Debug, Deserialize)]
pub struct Event {
    /// What it tells.
    #[serde(rename = "type")]
    pub kind: String,
    /// Counts up per invoice.
    #[serde(default)]
    pub sequence: i64,
    /// What it is about.
    #[serde(default)]
    pub data: Data,
}

/// What an event is about.
#[derive(Debug, Default, Deserialize)]
pub struct Data {
    /// The invoice; absent in a ping.
    #[serde(default)]
    pub invoice: Option<Invoice>,
}

/// What the shop reads of an invoice.
#[derive(Debug, Deserialize)]
pub struct Invoice {
    /// Absent while the invoice doesn't exist yet.
    #[serde(default)]
    pub id: Option<String>,
    /// Our own order.
    pub order_id: String,
    /// In minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// Where it stands.
    #[serde(default)]
    pub status: Option<String>,
}

impl Event {
    /// Our own order.
    pub fn order_id(&self) -> Option<&str> {
        self.data.invoice.as_ref().map(|i| i.order_id.as_str())
    }

    /// Where the invoice stood when this was written.
    pub fn invoice_status(&self) -> Option<&str> {
        self.data.invoice.as_ref().and_then(|i| i.status.as_deref())
    }
}

/// Takes a notification (204) or answers an order check (200).
pub async fn receive(State(shop): State<Arc<Shop>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(error) = shop.webhook.verify(&body, &headers) {
        tracing::warn!(%error, "demo shop: refused a callback");
        return (StatusCode::UNAUTHORIZED, "The signature is not right.\n").into_response();
    }
    // Signed, so it is there and readable.
    let id = headers
        .get("webhook-id")
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let event: Event = match serde_json::from_slice(&body) {
        Ok(event) => event,
        Err(error) => {
            tracing::warn!(%error, id, "demo shop: unreadable callback");
            return (StatusCode::BAD_REQUEST, "The body can't be read.\n").into_response();
        }
    };
    if event.kind == "order.check" {
        return Json(if shop.orders.accepts(&event) {
            serde_json::json!({"accept": true})
        } else {
            serde_json::json!({"accept": false, "reason": "unknown order"})
        })
        .into_response();
    }
    // What isn't ours is answered well too: a retry would not make it ours.
    match shop.orders.apply(id, &event) {
        Outcome::NotOurs if event.kind != "ping" => {
            tracing::warn!(
                id,
                kind = event.kind,
                "demo shop: a callback about no known order"
            );
        }
        outcome => tracing::info!(id, kind = event.kind, ?outcome, "demo shop: callback"),
    }
    StatusCode::NO_CONTENT.into_response()
}
