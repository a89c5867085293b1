//! Usage: TILL_SIGNING_SECRET=whsec_... callbacks
//!
//! Needs the crates axum 0.8, serde_json 1, standardwebhooks 1 and tokio 1 (features: full).

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::sync::Arc;
use std::{env, error::Error};

async fn callback(
    State(webhook): State<Arc<Webhook>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, StatusCode> {
    let verified = webhook.verify(&body, &headers);
    verified.map_err(|_| StatusCode::UNAUTHORIZED)?;
    let event: Value = serde_json::from_slice(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let order_id = event["data"]["invoice"]["order_id"].as_str();
    if event["type"] == "order.check" {
        // Your orders, with amounts in minor units. A real shop reads them from its database.
        let body = match order_id {
            Some("42") => json!({"accept": true, "amount": 1999, "currency": "EUR"}),
            _ => json!({"accept": false, "reason": "unknown order"}),
        };
        return Ok(Json(body).into_response());
    }
    if event["type"] == "invoice.paid" {
        // Fulfill the order once per event["id"]: an event may be delivered more than once.
        println!("order {} is paid", order_id.unwrap_or_default());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let webhook = Webhook::new(&env::var("TILL_SIGNING_SECRET")?)?;
    let router = Router::new()
        .fallback(post(callback))
        .with_state(Arc::new(webhook));
    let port = env::var("PORT").unwrap_or_else(|_| "8700".to_owned());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}
