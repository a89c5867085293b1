//! The calls of the shop's page.

use super::orders::{MAX_QUANTITY, OrderView, Way};
use super::shop::Shop;
use super::{pages, till};
use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Form, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// The body of `POST /orders`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    quantity: u32,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    way: Way,
}

/// The form of `POST /orders/link`.
#[derive(Debug, Deserialize)]
pub struct LinkForm {
    #[serde(default = "one")]
    quantity: u32,
    #[serde(default)]
    email: Option<String>,
}

fn one() -> u32 {
    1
}

/// Why an order was not created.
#[derive(Debug, thiserror::Error)]
enum OrderError {
    #[error("{0}")]
    InvalidInput(String),
    #[error(transparent)]
    Till(#[from] till::Error),
}

impl OrderError {
    fn status(&self) -> StatusCode {
        match self {
            Self::InvalidInput(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Till(_) => StatusCode::BAD_GATEWAY,
        }
    }
}

/// `POST /orders`: creates an order and returns it with its invoice and client token.
pub async fn create(
    State(shop): State<Arc<Shop>>,
    body: Result<Json<NewOrder>, JsonRejection>,
) -> Response {
    let result = match body {
        Ok(Json(new)) => place_order(&shop, new.quantity, new.email, new.way).await,
        Err(rejection) => Err(OrderError::InvalidInput(rejection.body_text())),
    };
    match result {
        Ok((order, invoice)) => {
            let body = json!({
                "order": order, "invoice": invoice.id, "token": invoice.client_token,
            });
            (
                StatusCode::CREATED,
                [(header::CACHE_CONTROL, "no-store")],
                Json(body),
            )
                .into_response()
        }
        Err(error) => {
            let status = error.status();
            let body = json!({
                "type": "about:blank",
                "title": status.canonical_reason().unwrap_or_default(),
                "status": status.as_u16(),
                "detail": error.to_string(),
            });
            (
                status,
                [(header::CONTENT_TYPE, "application/problem+json")],
                body.to_string(),
            )
                .into_response()
        }
    }
}

/// `POST /orders/link`: creates an order and redirects to the hosted payment page.
pub async fn create_link(
    State(shop): State<Arc<Shop>>,
    form: Result<Form<LinkForm>, FormRejection>,
) -> Response {
    let result = match form {
        Ok(Form(form)) => place_order(&shop, form.quantity, form.email, Way::Link).await,
        Err(rejection) => Err(OrderError::InvalidInput(rejection.body_text())),
    };
    match result {
        Ok((_, invoice)) => Redirect::to(&invoice.payment_url).into_response(),
        Err(error) => pages::error(&shop, error.status(), &error.to_string()),
    }
}

/// `GET /orders.json`: lists all orders, newest first.
pub async fn list(State(shop): State<Arc<Shop>>) -> Response {
    let body = json!({"data": shop.orders.list()});
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Stores an order and creates its invoice. The order is stored first, because a callback may
/// arrive before the response of the call that creates the invoice.
async fn place_order(
    shop: &Shop,
    quantity: u32,
    email: Option<String>,
    way: Way,
) -> Result<(OrderView, till::Invoice), OrderError> {
    if !(1..=MAX_QUANTITY).contains(&quantity) {
        return Err(OrderError::InvalidInput(format!(
            "You can order 1 to {MAX_QUANTITY} prints."
        )));
    }
    let email = email.map(|e| e.trim().to_owned()).filter(|e| !e.is_empty());
    if email
        .as_deref()
        .is_some_and(|e| e.len() > 254 || !e.contains('@'))
    {
        let message = "Enter a valid email address.".to_owned();
        return Err(OrderError::InvalidInput(message));
    }
    let order = shop.orders.create(quantity, email, way);
    let invoice = match shop.till.create_invoice(&order).await {
        Ok(invoice) => invoice,
        Err(error) => {
            tracing::warn!(order = order.id, %error, "demo shop: no invoice");
            // If the response was lost, the invoice may exist. Its callbacks need the order.
            if matches!(error, till::Error::Rejected { .. }) {
                shop.orders.remove(&order.id);
            }
            return Err(error.into());
        }
    };
    let view = shop.orders.set_invoice(&order.id, &invoice.id);
    Ok((view.unwrap_or_else(|| order.view()), invoice))
}
