//! PayPal's endpoints.

use super::objects::{capture, error, order, refund};
use super::signer::{self, WEBHOOK};
use crate::providers::Plan;
use crate::providers::mock::{Entry, Mock, Refund, State, header};
use crate::providers::mollie::minor;
use axum::extract::{Path, Request, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const TOKEN: &str = "paypal-access-token";
/// How long a capture is in progress whose response is lost.
const IN_PROGRESS: Duration = Duration::from_secs(2);

/// PayPal's API.
pub struct PayPalApi;

/// PayPal's state besides the ledger.
struct Fake {
    mock: Arc<Mock>,
    /// The invoice ids by order.
    invoices: Mutex<HashMap<String, String>>,
    /// The orders whose capture is in progress.
    capturing: Mutex<HashSet<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the routes.
pub fn router(mock: Arc<Mock>) -> Router {
    let verify = "/v1/notifications/verify-webhook-signature";
    let fake = Fake {
        mock,
        invoices: Mutex::default(),
        capturing: Mutex::default(),
    };
    Router::new()
        .route("/v2/checkout/orders", post(create))
        .route("/v2/checkout/orders/{id}", get(read_order))
        .route("/v2/checkout/orders/{id}/capture", post(capture_order))
        .route("/v2/payments/captures/{id}", get(read_capture))
        .route("/v2/payments/captures/{id}/refund", post(create_refund))
        .route("/v2/payments/refunds/{id}", get(read_refund))
        .route(verify, post(verify_webhook))
        .layer(from_fn(authenticated))
        .route("/v1/oauth2/token", post(token))
        .route("/certificates/{name}", get(certificate))
        .with_state(Arc::new(fake))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// An error about the credentials has another format than the others.
fn rejected(error: &str) -> Response {
    let body = json!({ "error": error, "error_description": "Authentication failed" });
    (StatusCode::UNAUTHORIZED, Json(body)).into_response()
}

fn unprocessable(issue: &str) -> Response {
    let body = error("UNPROCESSABLE_ENTITY", issue);
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

fn missing() -> Response {
    let body = error("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID");
    (StatusCode::NOT_FOUND, Json(body)).into_response()
}

/// Rejects a call without the token.
async fn authenticated(headers: HeaderMap, request: Request, next: Next) -> Response {
    if header(&headers, "authorization") == format!("Bearer {TOKEN}") {
        next.run(request).await
    } else {
        rejected("invalid_token")
    }
}

fn is_minimal(headers: &HeaderMap) -> bool {
    header(headers, "prefer") != "return=representation"
}

async fn token(headers: HeaderMap) -> Response {
    let basic = STANDARD.encode("client:paypal-client-secret");
    if header(&headers, "authorization") == format!("Basic {basic}") {
        Json(json!({ "access_token": TOKEN, "expires_in": 32400 })).into_response()
    } else {
        rejected("invalid_client")
    }
}

async fn certificate(Path(name): Path<String>) -> Response {
    let pem = match name.as_str() {
        "another" => signer::another().map(|s| &s.alone),
        "alone" => signer::paypal().map(|s| &s.alone),
        _ => signer::paypal().map(|s| &s.certificate),
    };
    pem.map_or_else(|_| missing(), |pem| pem.clone().into_response())
}

/// Compares the event byte for byte, as PayPal does: it is the last field.
async fn verify_webhook(body: String) -> Response {
    let given: Value = serde_json::from_str(&body).unwrap_or_default();
    let field = |name: &str| text(&given[name]);
    let event = body.split_once("\"webhook_event\":");
    let event = event.and_then(|(_, rest)| rest.strip_suffix('}'));
    let signed = signer::paypal().is_ok_and(|signer| {
        signer.signed(
            &field("transmission_id"),
            &field("transmission_time"),
            event.unwrap_or_default().as_bytes(),
            &field("transmission_sig"),
        )
    });
    let ours = field("webhook_id") == WEBHOOK && field("auth_algo") == "SHA256withRSA";
    let status = if signed && ours { "SUCCESS" } else { "FAILURE" };
    Json(json!({ "verification_status": status })).into_response()
}

async fn create(
    Shared(fake): Shared<Arc<Fake>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let failed = |status: u16| error("REQUEST_FAILED", &format!("HTTP_{status}"));
    if let Some(error_response) = fake.mock.error_response(failed) {
        return error_response;
    }
    let unit = &body["purchase_units"][0];
    let context = &body["payment_source"]["paypal"]["experience_context"];
    let (ours, invoice) = (text(&unit["custom_id"]), text(&unit["invoice_id"]));
    if ours.len() > 127 || invoice.len() > 127 || text(&unit["description"]).len() > 127 {
        let body = error("INVALID_REQUEST", "INVALID_STRING_LENGTH");
        return (StatusCode::BAD_REQUEST, Json(body)).into_response();
    }
    let currency = text(&unit["amount"]["currency_code"]);
    let new = Entry {
        reference: Entry::unique(&ours).to_uppercase(),
        ours,
        amount: minor(&text(&unit["amount"]["value"]), &currency),
        currency,
        state: State::Open,
        plan: fake.mock.plan(),
        return_url: text(&context["return_url"]),
        refunds: vec![],
        dispute: None,
        reversed: false,
    };
    let key = header(&headers, "paypal-request-id");
    let (entry, _) = fake.mock.insert(&key, new);
    lock(&fake.invoices).insert(entry.reference.clone(), invoice);
    let body = order(&fake.mock, &entry, is_minimal(&headers));
    (StatusCode::CREATED, Json(body)).into_response()
}

async fn read_order(Shared(fake): Shared<Arc<Fake>>, Path(id): Path<String>) -> Response {
    match fake.mock.entry(&id) {
        Some(entry) => Json(order(&fake.mock, &entry, false)).into_response(),
        None => missing(),
    }
}

async fn capture_order(
    Shared(fake): Shared<Arc<Fake>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(entry) = fake.mock.entry(&id) else {
        return missing();
    };
    let request_id = header(&headers, "paypal-request-id");
    match (entry.state, entry.plan) {
        _ if lock(&fake.capturing).contains(&id) => {
            let body = error("RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS");
            return (StatusCode::CONFLICT, Json(body)).into_response();
        }
        (State::Confirmed | State::Declined, Plan::Decline) => {
            fake.mock.with(&id, |e| e.state = State::Declined);
            return unprocessable("INSTRUMENT_DECLINED");
        }
        (State::Confirmed, _) if is_duplicate(&fake, &id) => {
            return unprocessable("DUPLICATE_INVOICE_ID");
        }
        (State::Confirmed, Plan::LoseResponse) => {
            lock(&fake.capturing).insert(id.clone());
            tokio::spawn(end_capture(fake.clone(), id));
        }
        (State::Confirmed, _) => {
            fake.mock.with(&id, |e| e.state = State::Paid);
        }
        // The response to the first request with this id.
        (State::Paid, _) if request_id == format!("{}-capture", entry.ours) => {
            let body = order(&fake.mock, &entry, is_minimal(&headers));
            return Json(body).into_response();
        }
        (State::Paid, _) => return unprocessable("ORDER_ALREADY_CAPTURED"),
        _ => return unprocessable("ORDER_NOT_APPROVED"),
    }
    let entry = fake.mock.entry(&entry.reference).unwrap_or(entry);
    fake.mock.before_response::<PayPalApi>(&entry).await;
    let body = order(&fake.mock, &entry, is_minimal(&headers));
    (StatusCode::CREATED, Json(body)).into_response()
}

/// Returns whether another order with the same invoice id was paid.
fn is_duplicate(fake: &Fake, id: &str) -> bool {
    let invoices = lock(&fake.invoices);
    let entries = fake.mock.entries();
    let mut paid = entries.iter().filter(|e| e.state == State::Paid);
    paid.any(|e| e.reference != id && invoices.get(&e.reference) == invoices.get(id))
}

/// Ends a capture whose response is lost.
async fn end_capture(fake: Arc<Fake>, id: String) {
    tokio::time::sleep(IN_PROGRESS).await;
    fake.mock.with(&id, |e| e.state = State::Paid);
    lock(&fake.capturing).remove(&id);
}

async fn read_capture(Shared(fake): Shared<Arc<Fake>>, Path(id): Path<String>) -> Response {
    let entry = fake.mock.entry(id.strip_prefix('C').unwrap_or_default());
    match entry.filter(|e| e.state == State::Paid) {
        Some(entry) => Json(capture(&fake.mock, &entry)).into_response(),
        None => missing(),
    }
}

/// Creates a refund, and another one when it is called again: PayPal has forgotten the request id.
async fn create_refund(
    Shared(fake): Shared<Arc<Fake>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let ours = text(&body["custom_id"]);
    let currency = text(&body["amount"]["currency_code"]);
    let amount = minor(&text(&body["amount"]["value"]), &currency);
    let made = fake
        .mock
        .with(id.strip_prefix('C').unwrap_or_default(), |entry| {
            let left = entry.refunds.iter().filter(|r| !r.failed);
            let left = entry.amount - left.map(|r| r.amount).sum::<i64>();
            if entry.state != State::Paid || amount > left {
                return None;
            }
            let new = Refund {
                id: format!(
                    "R{}{}",
                    entry.refunds.len(),
                    Entry::unique(&ours).to_uppercase()
                ),
                ours,
                amount,
                failed: false,
            };
            entry.refunds.push(new.clone());
            Some((entry.clone(), new))
        });
    match made {
        Some(Some((entry, new))) => {
            let body = refund(&fake.mock, &entry, &new);
            (StatusCode::CREATED, Json(body)).into_response()
        }
        Some(None) => unprocessable("REFUND_AMOUNT_EXCEEDED"),
        None => missing(),
    }
}

async fn read_refund(Shared(fake): Shared<Arc<Fake>>, Path(id): Path<String>) -> Response {
    let entries = fake.mock.entries().clone();
    let found = entries.iter().find_map(|e| {
        let found = e.refunds.iter().find(|r| r.id == id)?;
        Some(Json(refund(&fake.mock, e, found)))
    });
    found.map_or_else(missing, IntoResponse::into_response)
}
