//! A mock of Stripe: payment methods, PaymentIntents, Checkout Sessions and refunds.

use super::mock::{Entry, Mock, MockProvider, ProviderApi, Refund, State, card, header};
use super::{Message, Plan, hmac_hex, now};
use axum::extract::{Form, Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

const SECRET: &str = "whsec_stripe_test";

/// Stripe.
pub type Stripe = MockProvider<StripeApi>;

/// Stripe's API.
pub struct StripeApi;

type Fields = Form<BTreeMap<String, String>>;

fn intent(mock: &Mock, e: &Entry) -> Value {
    let status = match e.state {
        State::Open => "requires_action",
        State::Confirmed => "processing",
        State::Paid => "succeeded",
        State::Declined => "requires_payment_method",
        State::Canceled => "canceled",
    };
    let paid = e.state == State::Paid;
    json!({
        "id": e.reference, "object": "payment_intent", "status": status,
        "amount": e.amount, "amount_received": if paid { e.amount } else { 0 },
        "currency": e.currency.to_lowercase(), "created": now(),
        "metadata": { "till_payment": e.ours },
        "next_action": (e.state == State::Open).then(|| json!({
            "type": "redirect_to_url",
            "redirect_to_url": { "url": mock.form(&e.reference) },
        })),
        "last_payment_error": (e.state == State::Declined).then(declined),
    })
}

fn declined() -> Value {
    json!({
        "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
    })
}

fn error(status: u16) -> Value {
    json!({ "error": { "type": "invalid_request_error", "message": format!("HTTP {status}") } })
}

fn refund(e: &Entry, r: &Refund) -> Value {
    json!({
        "id": r.id, "object": "refund", "status": "succeeded", "amount": r.amount,
        "payment_intent": e.reference, "metadata": { "till_refund": r.ours },
    })
}

fn signed(body: String, secret: &str, at: i64) -> Message {
    let signature = hmac_hex(secret.as_bytes(), &format!("{at}.{body}"));
    let header = format!("t={at},v1={},v1={signature},v0=00", "0".repeat(64));
    Message {
        headers: vec![("stripe-signature", header)],
        body,
    }
}

fn event(kind: &str, object: &Value) -> String {
    let id = format!("evt_{}", hmac_hex(b"", &object.to_string()));
    json!({ "id": id, "object": "event", "type": kind, "data": { "object": object } }).to_string()
}

impl ProviderApi for StripeApi {
    const KIND: &'static str = "stripe";

    fn router(mock: Arc<Mock>) -> Router {
        Router::new()
            .route("/v1/payment_methods", post(payment_method))
            .route("/v1/payment_intents", post(create).get(list))
            .route("/v1/payment_intents/{id}", get(read))
            .route("/v1/payment_intents/{id}/cancel", post(cancel))
            .route("/v1/checkout/sessions", get(no_sessions))
            .route("/v1/refunds", post(create_refund).get(refunds))
            .with_state(mock)
    }

    fn credentials(base: &str) -> Value {
        json!({ "secret_key": "sk_test_stripe", "webhook_secret": SECRET, "base_url": base })
    }

    fn pay(_: Plan) -> Value {
        card()
    }

    fn message(mock: &Mock, entry: &Entry) -> Message {
        signed(
            event("payment_intent.updated", &intent(mock, entry)),
            SECRET,
            now(),
        )
    }

    fn refunded(_: &Mock, entry: &Entry, found: &Refund) -> Option<Message> {
        Some(signed(
            event("refund.updated", &refund(entry, found)),
            SECRET,
            now(),
        ))
    }

    fn forged_webhooks(mock: &Mock, entry: &Entry) -> Vec<Message> {
        let body = event("payment_intent.succeeded", &intent(mock, entry));
        let good = signed(body.clone(), SECRET, now());
        vec![
            good.altered("requires_action", "succeeded"),
            signed(body.clone(), "whsec_of_another", now()),
            signed(body, SECRET, now() - 301),
            good.with("stripe-signature", "t=,v1="),
            Message {
                headers: vec![],
                ..good
            },
        ]
    }

    fn confirmed(entry: &mut Entry) {
        entry.state = State::Paid;
    }

    fn returned(entry: &Entry) -> Vec<(&'static str, String)> {
        vec![
            ("payment_intent", entry.reference.clone()),
            ("redirect_status", "succeeded".into()),
        ]
    }
}

fn authorized(headers: &HeaderMap) -> bool {
    header(headers, "authorization") == "Bearer sk_test_stripe"
        && header(headers, "stripe-version") == "2024-06-20"
}

async fn payment_method(headers: HeaderMap, Form(form): Fields) -> Response {
    let number = form.get("card[number]").map_or("", String::as_str);
    if !authorized(&headers) || form.get("type").map(String::as_str) != Some("card") {
        return (StatusCode::BAD_REQUEST, Json(error(400))).into_response();
    }
    Json(json!({ "id": format!("pm_{}", number.len()), "object": "payment_method" }))
        .into_response()
}

async fn create(
    Shared(mock): Shared<Arc<Mock>>,
    headers: HeaderMap,
    Form(form): Fields,
) -> Response {
    if let Some(error_response) = mock.error_response(error) {
        return error_response;
    }
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let complete = field("confirm") == "true"
        && field("payment_method").starts_with("pm_")
        && field("payment_method_types[]") == "card";
    if !authorized(&headers) || !complete {
        return (StatusCode::BAD_REQUEST, Json(error(400))).into_response();
    }
    let plan = mock.plan();
    let ours = field("metadata[till_payment]");
    let state = match plan {
        Plan::Verify => State::Open,
        Plan::Decline => State::Declined,
        _ => State::Paid,
    };
    let new = Entry {
        reference: format!("pi_{}", Entry::unique(&ours)),
        ours,
        amount: field("amount").parse().unwrap_or(0),
        currency: field("currency").to_uppercase(),
        state,
        plan,
        return_url: field("return_url"),
        refunds: vec![],
    };
    let (entry, _) = mock.insert(&header(&headers, "idempotency-key"), new);
    mock.before_response::<StripeApi>(&entry).await;
    if entry.state == State::Declined {
        let mut body = declined();
        body["payment_intent"] = intent(&mock, &entry);
        return (StatusCode::PAYMENT_REQUIRED, Json(json!({ "error": body }))).into_response();
    }
    Json(intent(&mock, &entry)).into_response()
}

async fn read(Shared(mock): Shared<Arc<Mock>>, Path(id): Path<String>) -> Response {
    match mock.entry(&id) {
        Some(entry) => Json(intent(&mock, &entry)).into_response(),
        None => (StatusCode::NOT_FOUND, Json(error(404))).into_response(),
    }
}

async fn list(Shared(mock): Shared<Arc<Mock>>) -> Json<Value> {
    let entries = mock.entries().clone();
    let data: Vec<Value> = entries.iter().map(|e| intent(&mock, e)).collect();
    Json(json!({ "object": "list", "data": data, "has_more": false }))
}

async fn no_sessions() -> Json<Value> {
    Json(json!({ "object": "list", "data": [], "has_more": false }))
}

async fn cancel(Shared(mock): Shared<Arc<Mock>>, Path(id): Path<String>) -> Response {
    let entry = mock.with(&id, |entry| {
        if entry.state == State::Open {
            entry.state = State::Canceled;
        }
        entry.clone()
    });
    match entry {
        Some(entry) => Json(intent(&mock, &entry)).into_response(),
        None => (StatusCode::NOT_FOUND, Json(error(404))).into_response(),
    }
}

async fn refunds(Shared(mock): Shared<Arc<Mock>>) -> Json<Value> {
    let entries = mock.entries().clone();
    let all = entries
        .iter()
        .flat_map(|e| e.refunds.iter().map(move |r| refund(e, r)));
    Json(json!({ "object": "list", "data": all.collect::<Vec<_>>(), "has_more": false }))
}

async fn create_refund(Shared(mock): Shared<Arc<Mock>>, Form(form): Fields) -> Response {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let ours = field("metadata[till_refund]");
    let new = Refund {
        id: format!("re_{}", Entry::unique(&ours)),
        ours,
        amount: field("amount").parse().unwrap_or(0),
    };
    let reference = field("payment_intent");
    let done = mock.create_refund(&reference, new);
    match done.zip(mock.entry(&reference)) {
        Some((done, entry)) => Json(refund(&entry, &done)).into_response(),
        None => (StatusCode::NOT_FOUND, Json(error(404))).into_response(),
    }
}
