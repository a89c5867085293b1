//! The pages that need no account: the list of test cards, the style, the health check.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::get;

use till_shared::card::group_number;
use till_shared::money::{Currency, Money};

use super::App;
use super::cards::{TEST_CARDS, TestCard};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/sandbox") }))
        .route("/sandbox", get(cards_page))
        .route("/sandbox.css", get(style))
        .route("/healthz", get(health))
}

async fn health(State(app): State<App>) -> impl IntoResponse {
    match sqlx::query("select 1").execute(&app.pool).await {
        Ok(_) => (StatusCode::OK, "ok"),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the ledger does not answer",
        ),
    }
}

async fn style() -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=300"),
    ];
    (headers, include_str!("style.css"))
}

async fn cards_page() -> impl IntoResponse {
    let rows: String = TEST_CARDS.iter().map(row).collect();
    let body = format!(
        r#"<h1>Test cards</h1>
<p>No real money moves here. Use any future expiry date and any CVC of 3 or 4 digits.
Any other card number is declined: incorrect_number. Cancel on a verification form declines
with verification_abandoned.</p>
<table>
<thead><tr><th scope="col">Number</th><th scope="col">Brand</th><th scope="col">What happens</th></tr></thead>
<tbody>{rows}</tbody>
</table>"#
    );
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'";
    (
        [(header::CONTENT_SECURITY_POLICY, policy)],
        Html(document("Test cards", "wide", &body)),
    )
}

fn row(card: &TestCard) -> String {
    format!(
        "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
        group_number(card.number),
        card.brand,
        escape(card.description),
    )
}

/// A page of the bank.
pub(super) fn bank(body: &str) -> String {
    document("Sandbox Bank", "narrow", body)
}

fn document(title: &str, width: &str, body: &str) -> String {
    format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="stylesheet" href="/sandbox.css">
</head>
<body>
<main class="{width}">
<header><span class="mark" aria-hidden="true"></span>Sandbox Bank <small>test mode</small></header>
{body}
</main>
</body>
</html>
"#
    )
}

/// Text made safe inside HTML, attributes in quotes included.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// An amount in minor units, for a person.
pub(super) fn money(amount: i64, currency: &str) -> String {
    match currency.parse::<Currency>() {
        Ok(currency) => format!("{} {currency}", Money { amount, currency }.to_decimal()),
        Err(_) => format!("{amount} {currency}"),
    }
}
