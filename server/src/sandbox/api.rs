//! The merchant's side: accounts and payments.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::cards::{self, Answer, Outcome};
use super::error::{ApiError, ApiResult};
use super::ledger::{self, CardTrace, Created, NewPayment};
use super::{App, new_id, new_secret, now_ms};

/// Says that an answer was given before.
pub(super) const REPLAYED: [(&str, &str); 1] = [("idempotent-replayed", "true")];

/// How long a connection is held whose answer never comes.
const HOLD: Duration = Duration::from_secs(120);

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/v1/accounts", post(create_account))
        .route("/v1/payments", post(create).get(list))
        .route("/v1/payments/{id}", get(read))
        .route("/v1/payments/{id}/cancel", post(cancel))
}

/// The account whose API key a request carries.
#[derive(sqlx::FromRow)]
pub(super) struct Account {
    pub id: String,
}

impl FromRequestParts<App> for Account {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> ApiResult<Self> {
        let key = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(ApiError::unauthorized)?;
        sqlx::query_as("select id from accounts where key_hash = $1")
            .bind(sha256(key.trim().as_bytes()))
            .fetch_optional(&app.pool)
            .await?
            .ok_or_else(ApiError::unauthorized)
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountBody {
    name: Option<String>,
}

async fn create_account(State(app): State<App>, body: Bytes) -> ApiResult<Response> {
    let body: AccountBody = match body.is_empty() {
        true => AccountBody::default(),
        false => parse(&body)?,
    };
    let (id, key, secret) = (
        new_id("acct_"),
        new_secret("sbx_key_"),
        new_secret("sbx_whsec_"),
    );
    sqlx::query(
        "insert into accounts (id, name, key_hash, webhook_secret, created_at)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(&id)
    .bind(body.name.unwrap_or_default())
    .bind(sha256(key.as_bytes()))
    .bind(&secret)
    .bind(now_ms())
    .execute(&app.pool)
    .await?;
    let body = json!({"account": id, "api_key": key, "webhook_secret": secret});
    Ok((StatusCode::CREATED, Json(body)).into_response())
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
        if self.amount <= 0 {
            return Err(ApiError::unprocessable(
                "invalid_amount",
                "The amount is not above zero.",
            ));
        }
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            let message = "The currency is not three capital letters.";
            return Err(ApiError::unprocessable("invalid_currency", message));
        }
        for text in [Some(&self.return_url), self.webhook_url.as_ref()]
            .into_iter()
            .flatten()
        {
            let web = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            if !web {
                let message = "return_url and webhook_url are http or https URLs.";
                return Err(ApiError::unprocessable("invalid_url", message));
            }
        }
        match &self.card {
            Some(card) if !(1..=12).contains(&card.exp_month) => Err(ApiError::unprocessable(
                "invalid_expiry",
                "exp_month is 1 to 12.",
            )),
            _ => Ok(()),
        }
    }

    /// Tells this body from another one without the card's number and CVC.
    fn fingerprint(&self, card: Option<&CardTrace>) -> ApiResult<String> {
        let holder = self.card.as_ref().map(|card| &card.holder);
        let card = card.map(|card| (&card.last4, card.exp_month, card.exp_year, holder));
        let urls = (&self.return_url, &self.webhook_url);
        fingerprint(&(self.amount, &self.currency, &self.reference, urls, card))
    }
}

impl CardBody {
    fn judge(&self) -> (&'static str, Outcome, CardTrace) {
        let digits: String = self
            .number
            .expose_secret()
            .chars()
            .filter(|c| !c.is_whitespace() && *c != '-')
            .collect();
        let known = cards::find(&digits);
        let exp_year = if self.exp_year < 100 {
            self.exp_year + 2000
        } else {
            self.exp_year
        };
        let looks_like_a_card = digits.len() >= 12 && digits.bytes().all(|b| b.is_ascii_digit());
        let trace = CardTrace {
            brand: known.map_or("unknown", |card| card.brand),
            last4: match looks_like_a_card {
                true => digits.chars().skip(digits.len() - 4).collect(),
                false => String::new(),
            },
            exp_month: self.exp_month,
            exp_year,
        };
        let cvc = self.cvc.expose_secret();
        let today = jiff::tz::Offset::UTC.to_datetime(crate::clock::now());
        let this_month = (i64::from(today.year()), i64::from(today.month()));
        let (name, outcome) = match known {
            Some(card) => {
                if (exp_year, self.exp_month) < this_month {
                    ("expired_card", Outcome::Decline("expired_card"))
                } else if !matches!(cvc.len(), 3 | 4) || !cvc.bytes().all(|b| b.is_ascii_digit()) {
                    ("incorrect_cvc", Outcome::Decline("incorrect_cvc"))
                } else {
                    (card.name, card.outcome)
                }
            }
            _ => ("incorrect_number", Outcome::Decline("incorrect_number")),
        };
        (name, outcome, trace)
    }
}

async fn create(
    State(app): State<App>,
    account: Account,
    headers: HeaderMap,
    body: Bytes,
) -> ApiResult<Response> {
    let key = idempotency_key(&headers)?;
    let body: PaymentBody = parse(&body)?;
    body.check()?;
    let (outcome_name, outcome, card) = match &body.card {
        Some(card) => {
            let (name, outcome, trace) = card.judge();
            (name, outcome, Some(trace))
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
        Created::Now(payment) => payment,
        Created::Before(payment) => {
            return Ok((REPLAYED, json_text(payment.answer)).into_response());
        }
    };
    app.wake.notify_one();
    tracing::info!(
        payment = payment.id,
        outcome = payment.outcome,
        "sandbox payment"
    );
    match plan.answer {
        Answer::Now => {}
        Answer::After(seconds) => hold(&app, Duration::from_secs(seconds)).await,
        Answer::Never => {
            hold(&app, HOLD).await;
            return Err(ApiError::gateway_timeout());
        }
        Answer::ServerError => return Err(ApiError::internal()),
    }
    Ok(json_text(payment.answer).into_response())
}

/// Waits, but not beyond the sandbox's own end.
async fn hold(app: &App, time: Duration) {
    tokio::select! {
        () = tokio::time::sleep(time) => {}
        () = app.stop.cancelled() => {}
    }
}

async fn read(
    State(app): State<App>,
    account: Account,
    Path(id): Path<String>,
) -> ApiResult<Json<Value>> {
    let payment = ledger::find(&app.pool, &account.id, &id).await?;
    Ok(Json(payment.to_json(&app.public_url)))
}

/// The filter of a list.
#[derive(Deserialize)]
pub(super) struct ByReference {
    pub reference: Option<String>,
}

async fn list(
    State(app): State<App>,
    account: Account,
    Query(query): Query<ByReference>,
) -> ApiResult<Json<Value>> {
    let payments = ledger::list(&app.pool, &account.id, query.reference.as_deref()).await?;
    let data: Vec<Value> = payments
        .iter()
        .map(|p| p.to_json(&app.public_url))
        .collect();
    Ok(Json(json!({ "data": data })))
}

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
    if !payment.awaits_verification() {
        let message = "Only a payment that waits for verification can be canceled.";
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

/// Reads a JSON body. The message never repeats a value from it: it could be a card number.
pub(super) fn parse<T: DeserializeOwned>(body: &[u8]) -> ApiResult<T> {
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        let message = match text.starts_with("missing field") || text.starts_with("unknown field") {
            true => text,
            false => format!(
                "Bad JSON at line {} column {}.",
                error.line(),
                error.column()
            ),
        };
        ApiError::bad_request("invalid_request", message)
    })
}

/// The request's idempotency key.
pub(super) fn idempotency_key(headers: &HeaderMap) -> ApiResult<String> {
    headers
        .get("idempotency-key")
        .and_then(|value| value.to_str().ok())
        .filter(|key| (1..=255).contains(&key.len()))
        .map(str::to_owned)
        .ok_or_else(|| {
            let message = "An Idempotency-Key header of 1 to 255 visible characters is required.";
            ApiError::bad_request("idempotency_key_required", message)
        })
}

/// A reference is the merchant's own id: 1 to 255 characters.
pub(super) fn check_reference(reference: &str) -> ApiResult<()> {
    match (1..=255).contains(&reference.chars().count()) {
        true => Ok(()),
        false => Err(ApiError::unprocessable(
            "invalid_reference",
            "reference has 1 to 255 characters.",
        )),
    }
}

/// A digest to compare bodies by.
pub(super) fn fingerprint(value: &impl Serialize) -> ApiResult<String> {
    serde_json::to_vec(value)
        .map(|bytes| sha256(&bytes))
        .map_err(|_| ApiError::internal())
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
