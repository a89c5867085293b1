//! Stripe's objects.

use crate::providers::mock::{Entry, Mock, Refund, State};
use crate::providers::now;
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// Whether a payment was made on a Checkout Session.
pub fn is_session(e: &Entry) -> bool {
    e.reference.starts_with("cs_")
}

/// Returns the id of a payment's PaymentIntent.
pub fn intent_id(e: &Entry) -> String {
    format!("pi_{}", Entry::unique(&e.ours))
}

/// Returns a payment by the id of its PaymentIntent.
pub fn by_intent(mock: &Mock, id: &str) -> Option<Entry> {
    let entries = mock.entries();
    let has_intent = |e: &&Entry| !is_session(e) || e.state != State::Open;
    let mut found = entries.iter().filter(has_intent);
    found
        .find(|e| intent_id(e) == id || e.reference == id)
        .cloned()
}

/// Returns a PaymentIntent.
pub fn intent(mock: &Mock, e: &Entry) -> Value {
    let status = match e.state {
        State::Open => "requires_action",
        State::Confirmed => "processing",
        State::Paid => "succeeded",
        State::Declined => "requires_payment_method",
        State::Canceled => "canceled",
    };
    let paid = e.state == State::Paid;
    let id = if is_session(e) {
        intent_id(e)
    } else {
        e.reference.clone()
    };
    let metadata = if is_session(e) {
        json!({ "order_id": "1" })
    } else {
        json!({ "till_payment": e.ours })
    };
    json!({
        "id": id, "object": "payment_intent", "status": status,
        "amount": e.amount, "amount_received": if paid { e.amount } else { 0 },
        "currency": e.currency.to_lowercase(), "created": now(), "metadata": metadata,
        "next_action": (e.state == State::Open).then(|| json!({
            "type": "redirect_to_url",
            "redirect_to_url": { "url": mock.form(&e.reference) },
        })),
        "last_payment_error": (e.state == State::Declined).then(declined),
    })
}

/// Returns a Checkout Session; `expand` is whether it contains its PaymentIntent.
pub fn session(mock: &Mock, e: &Entry, expand: bool) -> Value {
    let (status, payment_status) = match e.state {
        State::Open => ("open", "unpaid"),
        State::Confirmed | State::Declined => ("complete", "unpaid"),
        State::Paid => ("complete", "paid"),
        State::Canceled => ("expired", "unpaid"),
    };
    let open = e.state == State::Open;
    let payment_intent = match e.state {
        State::Open | State::Canceled => Value::Null,
        _ if expand => intent(mock, e),
        _ => intent_id(e).into(),
    };
    json!({
        "id": e.reference, "object": "checkout.session", "mode": "payment", "status": status,
        "payment_status": payment_status, "payment_intent": payment_intent,
        "amount_total": e.amount, "currency": e.currency.to_lowercase(), "created": now(),
        "url": open.then(|| mock.form(&e.reference)), "metadata": { "till_payment": e.ours },
    })
}

/// Returns the error of a declined card.
pub fn declined() -> Value {
    json!({
        "type": "card_error", "code": "card_declined", "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
    })
}

/// Returns the body of an error with a status.
pub fn error(status: u16) -> Value {
    let kind = if status < 500 {
        "invalid_request_error"
    } else {
        "api_error"
    };
    json!({ "error": { "type": kind, "message": format!("HTTP {status}") } })
}

/// Returns the response to a request that cannot be processed.
pub fn refused(code: &str, message: &str) -> Response {
    let error = json!({ "type": "invalid_request_error", "code": code, "message": message });
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
}

/// Returns the response to a request for an unknown object.
pub fn missing() -> Response {
    let error = json!({
        "type": "invalid_request_error", "code": "resource_missing", "message": "No such object",
    });
    (StatusCode::NOT_FOUND, Json(json!({ "error": error }))).into_response()
}

/// Returns a refund.
pub fn refund(e: &Entry, r: &Refund) -> Value {
    let metadata = if r.ours.is_empty() {
        json!({})
    } else {
        json!({ "till_refund": r.ours })
    };
    json!({
        "id": r.id, "object": "refund", "status": if r.failed { "failed" } else { "succeeded" },
        "amount": r.amount, "currency": e.currency.to_lowercase(),
        "payment_intent": intent_id(e), "charge": format!("ch_{}", Entry::unique(&e.ours)),
        "failure_reason": r.failed.then_some("lost_or_stolen_card"), "metadata": metadata,
    })
}

/// Returns the charge of a payment, without its refunds.
pub fn charge(e: &Entry) -> Value {
    let refunded: i64 = e
        .refunds
        .iter()
        .filter(|r| !r.failed)
        .map(|r| r.amount)
        .sum();
    json!({
        "id": format!("ch_{}", Entry::unique(&e.ours)), "object": "charge", "status": "succeeded",
        "amount": e.amount, "amount_refunded": refunded, "payment_intent": intent_id(e),
        "currency": e.currency.to_lowercase(), "metadata": {},
    })
}
