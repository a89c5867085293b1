//! The public pages: the list of test cards, the style sheet and the health check.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use maud::{DOCTYPE, Markup, html};
use till_shared::card::group_number;

use super::app::App;
use super::cards::TEST_CARDS;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/sandbox") }))
        .route("/sandbox", get(cards))
        .route("/sandbox.css", get(style))
        .route("/healthz", get(health))
}

async fn health(State(app): State<App>) -> impl IntoResponse {
    match sqlx::query("select 1").execute(&app.pool).await {
        Ok(_) => (StatusCode::OK, "ok"),
        Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "The ledger is not available.",
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

async fn cards() -> impl IntoResponse {
    let body = html! {
        h1 { "Test cards" }
        p {
            "The sandbox moves no real money. Use any expiry date in the future and any CVC of 3 or "
            "4 digits. Any other card number is declined with incorrect_number. Cancel on the "
            "verification form declines the payment with verification_abandoned."
        }
        p {
            "To refund a payment without your server, as in a payment system's dashboard, open "
            code { "/sandbox/payments/" em { "reference" } }
            " with the payment's reference, which begins with sbp_."
        }
        table {
            thead {
                tr {
                    th scope="col" { "Number" }
                    th scope="col" { "Brand" }
                    th scope="col" { "What happens" }
                }
            }
            tbody {
                @for card in TEST_CARDS {
                    tr {
                        td { code { (group_number(card.number)) } }
                        td { (card.brand) }
                        td { (card.description) }
                    }
                }
            }
        }
    };
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'";
    (
        [(header::CONTENT_SECURITY_POLICY, policy)],
        document("Test cards", "wide", &body),
    )
}

/// Renders a page. `width` is a class of the style sheet: `narrow` or `wide`.
pub(super) fn document(title: &str, width: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (title) }
                link rel="stylesheet" href="/sandbox.css";
            }
            body {
                main class=(width) {
                    header {
                        span class="mark" aria-hidden="true" {}
                        "Sandbox Bank "
                        small { "test mode" }
                    }
                    (body)
                }
            }
        }
    }
}
