//! The verification form: the bank's page where the buyer confirms a payment.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use maud::{Markup, html};
use serde::Deserialize;

use super::app::App;
use super::error::{ApiError, ApiResult};
use super::ledger;
use super::pages;
use super::payment::Payment;

pub(super) fn router() -> Router<App> {
    Router::new().route("/verify/{token}", get(show).post(submit))
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Confirm,
    Cancel,
}

#[derive(Deserialize)]
struct ActionForm {
    action: Action,
}

/// `GET /verify/{token}`: shows the form, or the result once the payment is in a final status.
async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    match ledger::find_by_token(&app.pool, &token).await {
        Ok(Some(payment)) => page(&payment),
        Ok(None) => not_found(),
        Err(error) => ApiError::from(error).into_response(),
    }
}

/// `POST /verify/{token}`: confirms or cancels, then redirects to the merchant.
async fn submit(
    State(app): State<App>,
    Path(token): Path<String>,
    Form(form): Form<ActionForm>,
) -> ApiResult<Response> {
    let mut tx = ledger::begin(&app.pool).await?;
    let Some(payment) = ledger::find_by_token(&mut *tx, &token).await? else {
        return Ok(not_found());
    };
    let (status, decline) = match (form.action, payment.confirm_declines.as_deref()) {
        (Action::Confirm, None) => ("succeeded", None),
        (Action::Confirm, Some(code)) => ("declined", Some(code)),
        (Action::Cancel, _) => ("declined", Some("verification_abandoned")),
    };
    ledger::settle(&mut tx, &payment, &app.public_url, status, decline, Some(0)).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Redirect::to(&payment.return_url).into_response())
}

fn not_found() -> Response {
    let body = html! {
        h1 { "Payment not found" }
        p { "This link does not belong to a payment." }
    };
    (StatusCode::NOT_FOUND, headers(true), bank_page(&body)).into_response()
}

fn page(payment: &Payment) -> Response {
    let framable = payment.framable.unwrap_or(false);
    let body = if payment.requires_verification() {
        form(payment)
    } else {
        result(payment)
    };
    (headers(framable), bank_page(&body)).into_response()
}

fn bank_page(body: &Markup) -> Markup {
    pages::document("Sandbox Bank", "narrow", body)
}

fn headers(framable: bool) -> HeaderMap {
    // The policy has no `form-action`: browsers apply it to the redirect after the form, too.
    let policy = if framable {
        "default-src 'none'; style-src 'self'; base-uri 'none'"
    } else {
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'"
    };
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if !framable {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    headers
}

fn form(payment: &Payment) -> Markup {
    let (title, note) = if payment.last4.is_some() {
        (
            "Confirm your payment",
            "Your bank asks you to confirm this payment.",
        )
    } else {
        (
            "Pay with Sandbox Bank",
            "This is a test form. Confirm pays and Cancel declines. No real money moves.",
        )
    };
    html! {
        h1 { (title) }
        p { (note) }
        (details(payment))
        form method="post" {
            button id="confirm" name="action" value="confirm" { "Confirm" }
            button id="cancel" name="action" value="cancel" class="quiet" { "Cancel" }
        }
    }
}

fn result(payment: &Payment) -> Markup {
    let (title, note) = match (payment.status.as_str(), payment.decline_code.as_deref()) {
        ("succeeded", _) => ("Payment confirmed", "The payment succeeded."),
        ("canceled", _) => (
            "Payment canceled",
            "The merchant canceled this payment. Your card was not charged.",
        ),
        ("declined", Some("verification_abandoned")) => (
            "Payment not confirmed",
            "The confirmation was canceled or it expired. Your card was not charged.",
        ),
        ("declined", _) => ("Payment declined", "Your card was not charged."),
        _ => ("Payment in progress", "This payment needs no confirmation."),
    };
    html! {
        h1 { (title) }
        p role="status" { (note) }
        (details(payment))
        p { a id="return" class="button" href=(payment.return_url) { "Back to the merchant" } }
    }
}

fn details(payment: &Payment) -> Markup {
    html! {
        dl {
            div { dt { "Amount" } dd class="amount" { (payment.display(payment.amount)) } }
            div { dt { "Reference" } dd { (payment.reference) } }
            @if let (Some(brand), Some(last4)) = (&payment.brand, &payment.last4) {
                div { dt { "Card" } dd { (brand) " •••• " (last4) } }
            }
        }
    }
}
