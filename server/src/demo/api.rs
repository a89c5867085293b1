//! What the shop's own page calls.

use super::orders::{MAX_QUANTITY, OrderView, Way};
use super::{Shop, pages, till};
use axum::Json;
use axum::extract::rejection::{FormRejection, JsonRejection};
use axum::extract::{Form, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// What the page's script sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    quantity: u32,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    way: Way,
}

/// What the form sends.
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

/// Why there is no order.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Input(String),
    #[error(transparent)]
    Till(#[from] till::Error),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Input(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Till(_) => StatusCode::BAD_GATEWAY,
        }
    }
}

/// `POST /orders`: an order for the widget, with its invoice and the token for it.
pub async fn create(
    State(shop): State<Arc<Shop>>,
    body: Result<Json<NewOrder>, JsonRejection>,
) -> Response {
    let result = match body {
        Ok(Json(new)) => place(&shop, new.quantity, new.email, new.way).await,
        Err(rejection) => Err(Refusal::Input(rejection.body_text())),
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
        Err(refusal) => {
            let status = refusal.status();
            let body = json!({
                "type": "about:blank",
                "title": status.canonical_reason().unwrap_or_default(),
                "status": status.as_u16(),
                "detail": refusal.to_string(),
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

/// `POST /orders/link`: an order, and on to the hosted page.
pub async fn create_link(
    State(shop): State<Arc<Shop>>,
    form: Result<Form<LinkForm>, FormRejection>,
) -> Response {
    let result = match form {
        Ok(Form(form)) => place(&shop, form.quantity, form.email, Way::Link).await,
        Err(rejection) => Err(Refusal::Input(rejection.body_text())),
    };
    match result {
        Ok((_, invoice)) => Redirect::to(&invoice.payment_url).into_response(),
        Err(refusal) => pages::failure(&shop, refusal.status(), &refusal.to_string()),
    }
}

/// `GET /orders.json`: all orders, newest first.
pub async fn list(State(shop): State<Arc<Shop>>) -> Response {
    let body = json!({"data": shop.orders.list()});
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// Takes the order down first, so that no callback can come too early, and then asks for the
/// invoice.
async fn place(
    shop: &Shop,
    quantity: u32,
    email: Option<String>,
    way: Way,
) -> Result<(OrderView, till::Invoice), Refusal> {
    if !(1..=MAX_QUANTITY).contains(&quantity) {
        return Err(Refusal::Input(format!(
            "You can order 1 to {MAX_QUANTITY} prints."
        )));
    }
    let email = email.map(|e| e.trim().to_owned()).filter(|e| !e.is_empty());
    if email
        .as_deref()
        .is_some_and(|e| e.len() > 254 || !e.contains('@'))
    {
        return Err(Refusal::Input("This is not an e-mail address.".to_owned()));
    }
    let order = shop.orders.create(quantity, email, way);
    let invoice = match shop.till.invoice(&order).await {
        Ok(invoice) => invoice,
        Err(error) => {
            tracing::warn!(order = order.id, %error, "demo shop: no invoice");
            // After a lost answer the invoice may exist: the order stays, for its callbacks.
            if matches!(error, till::Error::Refused { .. }) {
                shop.orders.discard(&order.id);
            }
            return Err(error.into());
        }
    };
    let view = shop.orders.invoiced(&order.id, &invoice.id);
    Ok((view.unwrap_or_else(|| order.view()), invoice))
}
