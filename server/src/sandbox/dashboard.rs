//! The merchant's dashboard: a payment's page, with a form that refunds it without the merchant's
//! server. The payment's id in the address is the only key: it cannot be guessed.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;
use till_shared::money::Money;

use super::accounts::Account;
use super::app::App;
use super::disputes::{self, Dispute};
use super::error::{ApiError, ApiResult};
use super::payment::Payment;
use super::refunds::{self, Refund, refund_in_dashboard};
use super::requests::JsonBody;
use super::{ledger, pages};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/sandbox/payments/{id}", get(show).post(refund))
        .route("/v1/payments/{id}/dashboard_refunds", post(refund_by_api))
}

#[derive(Deserialize)]
struct RefundForm {
    /// A decimal string; the rest of the payment where empty.
    #[serde(default)]
    amount: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundBody {
    /// In minor units; the rest of the payment where absent.
    amount: Option<i64>,
}

/// `GET /sandbox/payments/{id}`: shows a payment.
async fn show(State(app): State<App>, Path(id): Path<String>) -> ApiResult<Response> {
    page(&app, &id, None).await
}

/// `POST /sandbox/payments/{id}`: refunds a payment, in full or in part.
async fn refund(
    State(app): State<App>,
    Path(id): Path<String>,
    Form(form): Form<RefundForm>,
) -> ApiResult<Response> {
    let payment = ledger::find_any(&app.pool, &id).await?;
    let payment = payment.ok_or_else(ApiError::not_found)?;
    let refunded = match minor_units(&payment, form.amount.trim()) {
        Ok(amount) => refund_in_dashboard(&app, &id, amount).await,
        Err(error) => Err(error),
    };
    match refunded {
        Ok(_) => Ok(Redirect::to(&format!("/sandbox/payments/{id}")).into_response()),
        Err(error) => page(&app, &id, Some(&error)).await,
    }
}

fn minor_units(payment: &Payment, text: &str) -> ApiResult<Option<i64>> {
    if text.is_empty() {
        return Ok(None);
    }
    let currency = payment.currency.parse().ok();
    let money = currency.and_then(|currency| Money::from_decimal(text, currency).ok());
    let money = money
        .ok_or_else(|| ApiError::unprocessable("invalid_amount", "The amount cannot be read."))?;
    Ok(Some(money.amount))
}

/// `POST /v1/payments/{id}/dashboard_refunds`: does what the dashboard does, for tests.
async fn refund_by_api(
    State(app): State<App>,
    account: Account,
    Path(id): Path<String>,
    JsonBody(body): JsonBody<RefundBody>,
) -> ApiResult<Json<Value>> {
    ledger::find(&app.pool, &account.id, &id).await?;
    let refund = refund_in_dashboard(&app, &id, body.amount).await?;
    Ok(Json(refund.to_json()))
}

async fn page(app: &App, id: &str, error: Option<&ApiError>) -> ApiResult<Response> {
    let payment = ledger::find_any(&app.pool, id).await?;
    let payment = payment.ok_or_else(ApiError::not_found)?;
    let refunds = refunds::of_payment(&app.pool, id, None).await?;
    let disputes = disputes::of_payment(&app.pool, id).await?;
    let body = body(&payment, &refunds, &disputes, error);
    let policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'self'; \
        frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let status = if error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    Ok((status, headers, pages::document("Payment", "narrow", &body)).into_response())
}

fn body(
    payment: &Payment,
    refunds: &[Refund],
    disputes: &[Dispute],
    error: Option<&ApiError>,
) -> Markup {
    let row = |name: &str, value: &str| {
        html! { div { dt { (name) } dd { (value) } } }
    };
    html! {
        h1 { "Payment" }
        dl {
            div { dt { "Amount" } dd class="amount" { (payment.display(payment.amount)) } }
            (row("Status", &payment.status))
            (row("Reference", &payment.reference))
            @for refund in refunds {
                (row(
                    if refund.dashboard { "Refund, dashboard" } else { "Refund" },
                    &format!("{}, {}", payment.display(refund.amount), refund.status),
                ))
            }
            @for dispute in disputes {
                (row("Dispute", &format!("{}, {}", payment.display(dispute.amount), dispute.status)))
            }
            @if payment.reversed > 0 {
                (row("Taken back", &payment.display(payment.reversed)))
            }
        }
        @if let Some(error) = error {
            p role="alert" { (error.message()) }
        }
        @if payment.refundable() > 0 {
            form method="post" {
                label for="amount" { "Amount" }
                input id="amount" name="amount" inputmode="decimal"
                    placeholder=(payment.display(payment.refundable()));
                button id="refund" { "Refund" }
            }
        }
    }
}
