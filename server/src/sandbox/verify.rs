//! The verification form: the page of a bank where the buyer confirms.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use serde::Deserialize;

use super::App;
use super::error::{ApiError, ApiResult};
use super::ledger::{self, Payment};
use super::pages::{self, escape};

pub(super) fn router() -> Router<App> {
    Router::new().route("/verify/{token}", get(show).post(act))
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

async fn show(State(app): State<App>, Path(token): Path<String>) -> Response {
    match ledger::by_token(&app.pool, &token).await {
        Ok(Some(payment)) => page(&payment),
        Ok(None) => nothing_here(),
        Err(error) => ApiError::from(error).into_response(),
    }
}

async fn act(
    State(app): State<App>,
    Path(token): Path<String>,
    Form(form): Form<ActionForm>,
) -> ApiResult<Response> {
    let mut tx = ledger::begin(&app.pool).await?;
    let Some(payment) = ledger::by_token(&mut *tx, &token).await? else {
        return Ok(nothing_here());
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

fn nothing_here() -> Response {
    let body = "<h1>Nothing to confirm</h1><p>This page belongs to no payment.</p>";
    (
        StatusCode::NOT_FOUND,
        page_headers(true),
        Html(pages::bank(body)),
    )
        .into_response()
}

fn page(payment: &Payment) -> Response {
    let framable = payment.framable.unwrap_or(false);
    let body = match payment.awaits_verification() {
        true => question(payment),
        false => result(payment),
    };
    (page_headers(framable), Html(pages::bank(&body))).into_response()
}

fn page_headers(framable: bool) -> HeaderMap {
    // No `form-action`: browsers apply it to the redirect that follows the form, too.
    let policy = match framable {
        true => "default-src 'none'; style-src 'self'; base-uri 'none'",
        false => "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    };
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(policy),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    if !framable {
        headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    headers
}

fn question(payment: &Payment) -> String {
    let (title, note) = match &payment.last4 {
        Some(_) => (
            "Confirm your payment",
            "Your bank asks you to confirm this payment.",
        ),
        None => (
            "Pay with Sandbox Bank",
            "A test form: Confirm pays, Cancel refuses. No real money moves.",
        ),
    };
    format!(
        r#"<h1>{title}</h1><p>{note}</p>{details}
<form method="post">
<button id="confirm" name="action" value="confirm">Confirm</button>
<button id="cancel" name="action" value="cancel" class="quiet">Cancel</button>
</form>"#,
        details = details(payment),
    )
}

fn result(payment: &Payment) -> String {
    let (title, note) = match payment.status.as_str() {
        "succeeded" => ("Payment confirmed", "The payment went through."),
        "canceled" => ("Payment canceled", "The merchant withdrew this payment."),
        "declined" => match payment.decline_code.as_deref() {
            Some("verification_abandoned") => (
                "Payment not confirmed",
                "It was canceled, or the time to confirm ran out.",
            ),
            _ => ("Payment declined", "Nothing was taken."),
        },
        _ => ("Payment in progress", "There is nothing left to confirm."),
    };
    format!(
        r#"<h1>{title}</h1><p role="status">{note}</p>{details}
<p><a id="return" class="button" href="{href}">Back to the merchant</a></p>"#,
        details = details(payment),
        href = escape(&payment.return_url),
    )
}

fn details(payment: &Payment) -> String {
    let card = match (&payment.brand, &payment.last4) {
        (Some(brand), Some(last4)) => format!(
            "<div><dt>Card</dt><dd>{} •••• {}</dd></div>",
            escape(brand),
            escape(last4)
        ),
        _ => String::new(),
    };
    format!(
        r#"<dl><div><dt>Amount</dt><dd class="amount">{amount}</dd></div>
<div><dt>Reference</dt><dd>{reference}</dd></div>{card}</dl>"#,
        amount = escape(&pages::money(payment.amount, &payment.currency)),
        reference = escape(&payment.reference),
    )
}
