//! Payments: create, read, list and cancel.

use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::accounts::Account;
use super::app::App;
use super::cards::{self, Outcome};
use super::error::{ApiError, ApiResult};
use super::ledger::{self, Created};
use super::payment::{CardSummary, NewPayment};
use super::plan::CreateResponse;
use super::requests::{
    IdempotencyKey, JsonBody, REPLAYED, ReferenceFilter, check_amount, check_reference, fingerprint,
};
use crate::clock;

/// How long a connection stays open when the response is never sent.
const NEVER: Duration = Duration::from_secs(120);

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/v1/payments", post(create).get(list))
        .route("/v1/payments/{id}", get(read))
        .route("/v1/payments/{id}/cancel", post(cancel))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardBody {
    number: SecretString,
    exp_month: i64,
    exp_year: i64,
    cvc: SecretString,
    holder: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentBody {
    amount: i64,
    currency: String,
    reference: String,
    card: Option<CardBody>,
    return_url: String,
    webhook_url: Option<String>,
}

impl PaymentBody {
    fn check(&self) -> ApiResult<()> {
        check_reference(&self.reference)?;
        check_amount(self.amount)?;
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            let message = "currency must be three uppercase letters.";
            return Err(ApiError::unprocessable("invalid_currency", message));
        }
        for text in [Some(&self.return_url), self.webhook_url.as_ref()]
            .into_iter()
            .flatten()
        {
            let valid = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            if !valid {
                let message = "return_url and webhook_url must be http or https URLs.";
                return Err(ApiError::unprocessable("invalid_url", message));
            }
        }
        match &self.card {
            Some(card) if !(1..=12).contains(&card.exp_month) => Err(ApiError::unprocessable(
                "invalid_expiry",
                "exp_month must be between 1 and 12.",
            )),
            _ => Ok(()),
        }
    }

    /// Returns the request's fingerprint, which contains neither the card number nor the CVC.
    fn fingerprint(&self, card: Option<&CardSummary>) -> ApiResult<String> {
        let holder = self.card.as_ref().map(|card| &card.holder);
        let card = card.map(|card| (&card.last4, card.exp_month, card.exp_year, holder));
        let urls = (&self.return_url, &self.webhook_url);
        fingerprint(&(self.amount, &self.currency, &self.reference, urls, card))
    }
}

impl CardBody {
    /// Returns the outcome's name, the outcome and the card details that may be stored.
    fn evaluate(&self) -> (&'static str, Outcome, CardSummary) {
        let digits: String = self
            .number
            .expose_secret()
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect();
        let test_card = cards::find(&digits);
        let exp_year = if self.exp_year < 100 {
            self.exp_year + 2000
        } else {
            self.exp_year
        };
        let is_card_number = digits.len() >= 12 && digits.bytes().all(|b| b.is_ascii_digit());
        let summary = CardSummary {
            brand: test_card.map_or("unknown", |card| card.brand),
            last4: if is_card_number {
                digits.chars().skip(digits.len() - 4).collect()
            } else {
                String::new()
            },
            exp_month: self.exp_month,
            exp_year,
        };
        let cvc = self.cvc.expose_secret();
        let (month, year) = clock::month_and_year();
        let expired = (exp_year, self.exp_month) < (i64::from(year), i64::from(month));
        let valid_cvc = matches!(cvc.len(), 3 | 4) && cvc.bytes().all(|b| b.is_ascii_digit());
        let decline = |code| (code, Outcome::Decline(code));
        let (name, outcome) = match test_card {
            None => decline("incorrect_number"),
            Some(_) if expired => decline("expired_card"),
            Some(_) if !valid_cvc => decline("incorrect_cvc"),
            Some(card) => (card.name, card.outcome),
        };
        (name, outcome, summary)
    }
}

/// `POST /v1/payments`: creates a payment. Without a card, the buyer pays on a hosted form.
async fn create(
    State(app): State<App>,
    account: Account,
    IdempotencyKey(key): IdempotencyKey,
    JsonBody(body): JsonBody<PaymentBody>,
) -> ApiResult<Response> {
    body.check()?;
    let (outcome_name, outcome, card) = match &body.card {
        Some(card) => {
            let (name, outcome, summary) = card.evaluate();
            (name, outcome, Some(summary))
        }
        None => (
            "hosted",
            Outcome::Verify {
                framable: true,
                confirm_declines: None,
            },
            None,
        ),
    };
    let plan = outcome.plan().ok_or_else(ApiError::unavailable)?;
    let new = NewPayment {
        account: &account.id,
        reference: &body.reference,
        idempotency_key: &key,
        fingerprint: body.fingerprint(card.as_ref())?,
        amount: body.amount,
        currency: &body.currency,
        outcome: outcome_name,
        plan,
        card,
        return_url: &body.return_url,
        webhook_url: body.webhook_url.as_deref(),
    };
    let payment = match ledger::create(&app.pool, &app.public_url, new).await? {
        Created::New(payment) => payment,
        Created::Replayed(payment) => {
            return Ok((REPLAYED, json_text(payment.response)).into_response());
        }
    };
    app.wake.notify_one();
    tracing::info!(
        payment = payment.id,
        outcome = payment.outcome,
        "sandbox payment created"
    );
    match plan.response {
        CreateResponse::Immediate => {}
        CreateResponse::Delayed(delay) => sleep(&app, delay).await,
        CreateResponse::Never => {
            sleep(&app, NEVER).await;
            return Err(ApiError::gateway_timeout());
        }
        CreateResponse::ServerError => return Err(ApiError::internal()),
    }
    Ok(json_text(payment.response).into_response())
}

/// Sleeps, but no longer than the sandbox runs.
async fn sleep(app: &App, time: Duration) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = app.stop.cancelled() => {}
    }
}

/// `GET /v1/payments/{id}`: reads a payment.
async fn read(
    State(app): State<App>,
    account: Account,
    Path(id): Path<String>,
) -> ApiResult<Json<Value>> {
    let payment = ledger::find(&app.pool, &account.id, &id).await?;
    Ok(Json(payment.to_json(&app.public_url)))
}

/// `GET /v1/payments`: lists the account's payments, oldest first.
async fn list(
    State(app): State<App>,
    account: Account,
    Query(filter): Query<ReferenceFilter>,
) -> ApiResult<Json<Value>> {
    let payments = ledger::list(&app.pool, &account.id, filter.reference.as_deref()).await?;
    let data: Vec<Value> = payments
        .iter()
        .map(|p| p.to_json(&app.public_url))
        .collect();
    Ok(Json(json!({ "data": data })))
}

/// `POST /v1/payments/{id}/cancel`: cancels a payment that requires verification.
async fn cancel(
    State(app): State<App>,
    account: Account,
    Path(id): Path<String>,
) -> ApiResult<Json<Value>> {
    let mut tx = ledger::begin(&app.pool).await?;
    let payment = ledger::find(&mut *tx, &account.id, &id).await?;
    if payment.status == "canceled" {
        return Ok(Json(payment.to_json(&app.public_url)));
    }
    if !payment.requires_verification() {
        let message = "Only a payment that requires verification can be canceled.";
        return Err(ApiError::conflict("not_cancelable", message));
    }
    let payment = ledger::settle(
        &mut tx,
        &payment,
        &app.public_url,
        "canceled",
        None,
        Some(0),
    )
    .await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(payment.to_json(&app.public_url)))
}

fn json_text(body: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], body)
}
