//! The shop's pages: small templates, everything dynamic escaped.

use super::Shop;
use super::orders::{OrderView, PRICE, PRODUCT, price};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

const FRAME: &str = include_str!("assets/frame.html");
const HOME: &str = include_str!("assets/home.html");
const ORDERS: &str = include_str!("assets/orders.html");
const THANKS: &str = include_str!("assets/thanks.html");
const MESSAGE: &str = include_str!("assets/message.html");
const CARDS: &str = include_str!("assets/cards.html");

/// What a template's place is filled with.
enum Value<'a> {
    /// Escaped.
    Text(&'a str),
    /// From a template of ours.
    Html(&'a str),
}
use Value::{Html, Text};

/// What comes with the way back from the payment.
#[derive(Debug, Deserialize)]
pub struct Back {
    #[serde(default)]
    order_id: Option<String>,
}

/// The shop.
pub async fn home(State(shop): State<Arc<Shop>>) -> Response {
    let cards = match &shop.sandbox_url {
        Some(url) => fill(CARDS, &[("sandbox", Text(url))]),
        None => String::new(),
    };
    let rows = rows(&shop.orders.list());
    let main = fill(
        HOME,
        &[
            ("product", Text(PRODUCT)),
            ("price", Text(&price(PRICE))),
            ("cents", Text(&PRICE.to_string())),
            ("cards", Html(&cards)),
            ("rows", Html(&rows)),
        ],
    );
    page(&shop, StatusCode::OK, "The Little Print Shop", true, &main)
}

/// The list of orders.
pub async fn orders(State(shop): State<Arc<Shop>>) -> Response {
    let main = fill(ORDERS, &[("rows", Html(&rows(&shop.orders.list())))]);
    page(&shop, StatusCode::OK, "Orders", false, &main)
}

/// Where the buyer comes back to. What the address says of the payment is not believed: the page
/// shows what the callbacks told.
pub async fn thanks(
    State(shop): State<Arc<Shop>>,
    back: Result<Query<Back>, QueryRejection>,
) -> Response {
    let id = back
        .ok()
        .and_then(|Query(b)| b.order_id)
        .unwrap_or_default();
    let Some(order) = shop.orders.get(&id) else {
        let text = "We know no such order. Orders are forgotten when the shop restarts.";
        return failure(&shop, StatusCode::NOT_FOUND, text);
    };
    let main = fill(
        THANKS,
        &[
            ("order", Text(&order.id)),
            ("status", Text(order.status.as_str())),
            ("label", Text(order.label)),
            ("headline", Text(order.headline)),
            ("price", Text(&order.price)),
        ],
    );
    page(&shop, StatusCode::OK, "Thank you", false, &main)
}

/// Any other address.
pub async fn not_found(State(shop): State<Arc<Shop>>) -> Response {
    failure(&shop, StatusCode::NOT_FOUND, "There is no such page.")
}

/// Something went wrong, in words.
pub fn failure(shop: &Shop, status: StatusCode, text: &str) -> Response {
    page(
        shop,
        status,
        "That did not work",
        false,
        &fill(MESSAGE, &[("text", Text(text))]),
    )
}

/// The shop's script.
pub async fn script() -> Response {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("assets/shop.js"),
    )
}

/// The shop's style.
pub async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("assets/shop.css"))
}

fn asset(kind: &'static str, body: &'static str) -> Response {
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "no-cache"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ],
        body,
    )
        .into_response()
}

fn page(shop: &Shop, status: StatusCode, title: &str, buys: bool, main: &str) -> Response {
    let nonce = hex::encode(rand::random::<[u8; 16]>());
    let widget = if buys {
        fill(
            r#"<script src="{{origin}}/till.js" data-project="{{pk}}" data-mode="iframe" nonce="{{nonce}}" async></script>"#,
            &[
                ("origin", Text(&shop.widget_origin)),
                ("pk", Text(&shop.pk)),
                ("nonce", Text(&nonce)),
            ],
        )
    } else {
        String::new()
    };
    let html = fill(
        FRAME,
        &[
            ("title", Text(title)),
            ("pk", Text(&shop.pk)),
            ("nonce", Text(&nonce)),
            ("widget", Html(&widget)),
            ("main", Html(main)),
        ],
    );
    let origin = &shop.widget_origin;
    // The form leads on to the hosted page, and browsers hold redirects to form-action as well.
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' {origin}; frame-src {origin}; \
         connect-src 'self' {origin}; style-src 'self'; img-src 'self' data:; \
         form-action 'self' {origin}; base-uri 'none'; frame-ancestors 'none'"
    );
    (
        status,
        [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, "no-store"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
        ],
        [(header::CONTENT_SECURITY_POLICY, policy)],
        html,
    )
        .into_response()
}

fn rows(orders: &[OrderView]) -> String {
    const ROW: &str = include_str!("assets/row.html");
    orders
        .iter()
        .map(|o| {
            fill(
                ROW,
                &[
                    ("order", Text(&o.id)),
                    ("status", Text(o.status.as_str())),
                    ("label", Text(o.label)),
                    ("price", Text(&o.price)),
                    ("way", Text(o.way.as_str())),
                    ("invoice", Text(o.invoice.as_deref().unwrap_or("–"))),
                    ("callbacks", Text(&o.callbacks.to_string())),
                ],
            )
        })
        .collect()
}

/// Fills the `{{places}}` of a template, in one pass: what is filled in is not looked at again.
fn fill(template: &str, values: &[(&str, Value<'_>)]) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, after)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        match values.iter().find(|(n, _)| *n == name) {
            Some((_, Text(text))) => escape(text, &mut out),
            Some((_, Html(html))) => out.push_str(html),
            None => {}
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
}
