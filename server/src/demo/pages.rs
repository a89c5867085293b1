//! The handlers of the shop's pages and assets.

use super::shop::Shop;
use super::views;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::Markup;
use serde::Deserialize;
use std::sync::Arc;

/// The query of the URL to which Till returns the buyer.
#[derive(Debug, Deserialize)]
pub struct ReturnQuery {
    #[serde(default)]
    order_id: Option<String>,
}

/// `GET /`: the product, the orders and the widget.
pub async fn home(State(shop): State<Arc<Shop>>) -> Response {
    let main = views::home(&shop.orders.list(), shop.sandbox_url.as_deref());
    page(&shop, StatusCode::OK, "The Little Print Shop", true, &main)
}

/// `GET /orders`: the list of orders.
pub async fn orders(State(shop): State<Arc<Shop>>) -> Response {
    let main = views::orders(&shop.orders.list());
    page(&shop, StatusCode::OK, "Orders", false, &main)
}

/// `GET /thanks`: the page to which the buyer returns. It shows the order's status from the
/// callbacks and ignores the status in the query, which the buyer can change.
pub async fn thanks(
    State(shop): State<Arc<Shop>>,
    query: Result<Query<ReturnQuery>, QueryRejection>,
) -> Response {
    let id = query
        .ok()
        .and_then(|Query(query)| query.order_id)
        .unwrap_or_default();
    let Some(order) = shop.orders.get(&id) else {
        let message = "Order not found. The shop keeps its orders until it restarts.";
        return error(&shop, StatusCode::NOT_FOUND, message);
    };
    let main = views::thanks(&order);
    page(&shop, StatusCode::OK, "Your order", false, &main)
}

/// Any other path.
pub async fn not_found(State(shop): State<Arc<Shop>>) -> Response {
    error(&shop, StatusCode::NOT_FOUND, "Page not found.")
}

/// Returns an error page.
pub fn error(shop: &Shop, status: StatusCode, message: &str) -> Response {
    let main = views::error(message);
    page(shop, status, "Something went wrong", false, &main)
}

/// `GET /shop.js`.
pub async fn script() -> Response {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("assets/shop.js"),
    )
}

/// `GET /shop.css`.
pub async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("assets/shop.css"))
}

fn asset(content_type: &'static str, body: &'static str) -> Response {
    (
        [
            (header::CONTENT_TYPE, content_type),
            (header::CACHE_CONTROL, "no-cache"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        body,
    )
        .into_response()
}

fn page(
    shop: &Shop,
    status: StatusCode,
    title: &str,
    with_widget: bool,
    main: &Markup,
) -> Response {
    let nonce = hex::encode(rand::random::<[u8; 16]>());
    let origin = &shop.widget_origin;
    // Browsers apply form-action to redirects too, and the form redirects to the payment page.
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' {origin}; frame-src {origin}; \
         connect-src 'self' {origin}; style-src 'self'; img-src 'self' data:; \
         form-action 'self' {origin}; base-uri 'none'; frame-ancestors 'none'"
    );
    (
        status,
        [
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
        ],
        [(header::CONTENT_SECURITY_POLICY, policy)],
        views::page(shop, title, &nonce, with_widget, main),
    )
        .into_response()
}
