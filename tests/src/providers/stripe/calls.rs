//! Stripe's calls.

use super::objects::{
    by_intent, declined, error, intent, is_session, missing, refund, refused, session,
};
use crate::providers::Plan;
use crate::providers::mock::{Entry, Mock, ProviderApi, Refund, State, header};
use axum::Json;
use axum::extract::{Form, Path, Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The key of an account that may not send card numbers.
pub const WITHOUT_RAW_CARDS: &str = "sk_test_stripe_without_raw_cards";
/// The key of an account that may.
pub const KEY: &str = "sk_test_stripe";

type Fields = BTreeMap<String, String>;

fn authorized(headers: &HeaderMap) -> bool {
    let key = header(headers, "authorization");
    let key = key.strip_prefix("Bearer ");
    (key == Some(KEY) || key == Some(WITHOUT_RAW_CARDS))
        && header(headers, "stripe-version") == "2024-06-20"
}

fn unauthorized() -> Response {
    (StatusCode::UNAUTHORIZED, Json(error(401))).into_response()
}

/// `GET /balance`
pub async fn balance(headers: HeaderMap) -> Response {
    if !authorized(&headers) {
        return unauthorized();
    }
    Json(json!({ "object": "balance", "available": [], "pending": [] })).into_response()
}

/// Stores a payment. An idempotency key that was used for another payment is an error.
fn insert(mock: &Mock, headers: &HeaderMap, new: &Entry) -> Result<Entry, Box<Response>> {
    let (entry, created) = mock.insert(&header(headers, "idempotency-key"), new.clone());
    if !created && (entry.amount, &entry.currency) != (new.amount, &new.currency) {
        let error = json!({ "type": "idempotency_error", "message": "Keys are for one request." });
        let response = (StatusCode::BAD_REQUEST, Json(json!({ "error": error })));
        return Err(Box::new(response.into_response()));
    }
    Ok(entry)
}

/// `POST /payment_intents`
pub async fn create<D: ProviderApi>(
    Shared(mock): Shared<Arc<Mock>>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    if let Some(error_response) = mock.error_response(error) {
        return error_response;
    }
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    if !authorized(&headers) {
        return unauthorized();
    }
    let complete = field("confirm") == "true"
        && field("payment_method_data[type]") == "card"
        && !field("payment_method_data[card][number]").is_empty()
        && field("payment_method_types[]") == "card";
    if !complete {
        return refused("parameter_missing", "Missing required param.");
    }
    if header(&headers, "authorization").ends_with(WITHOUT_RAW_CARDS) {
        let error = json!({
            "type": "invalid_request_error",
            "message": "Sending credit card numbers directly to the Stripe API is generally unsafe.",
        });
        let body = json!({ "error": error });
        return (StatusCode::PAYMENT_REQUIRED, Json(body)).into_response();
    }
    let plan = mock.plan();
    let state = match plan {
        Plan::Verify => State::Open,
        Plan::Decline => State::Declined,
        _ => State::Paid,
    };
    let reference = format!("pi_{}", Entry::unique(&field("metadata[till_payment]")));
    let new = entry(&form, reference, state, plan);
    let entry = match insert(&mock, &headers, &new) {
        Ok(entry) => entry,
        Err(error_response) => return *error_response,
    };
    mock.before_response::<D>(&entry).await;
    if entry.state == State::Declined {
        let mut body = declined();
        body["payment_intent"] = intent(&mock, &entry);
        return (StatusCode::PAYMENT_REQUIRED, Json(json!({ "error": body }))).into_response();
    }
    Json(intent(&mock, &entry)).into_response()
}

fn entry(form: &Fields, reference: String, state: State, plan: Plan) -> Entry {
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let either = |a: &str, b: &str| form.get(a).cloned().unwrap_or_else(|| field(b));
    let price = "line_items[0][price_data]";
    let currency = either("currency", &format!("{price}[currency]"));
    Entry {
        reference,
        ours: field("metadata[till_payment]"),
        amount: either("amount", &format!("{price}[unit_amount]"))
            .parse()
            .unwrap_or(0),
        currency: currency.to_uppercase(),
        state,
        plan,
        return_url: either("return_url", "success_url"),
        refunds: vec![],
        dispute: None,
        reversed: false,
    }
}

/// `GET /payment_intents/{id}`
pub async fn read_intent(Shared(mock): Shared<Arc<Mock>>, Path(id): Path<String>) -> Response {
    match by_intent(&mock, &id) {
        Some(entry) => Json(intent(&mock, &entry)).into_response(),
        None => missing(),
    }
}

fn list(data: Vec<Value>) -> Response {
    Json(json!({ "object": "list", "data": data, "has_more": false })).into_response()
}

/// `GET /payment_intents`
pub async fn list_intents(Shared(mock): Shared<Arc<Mock>>) -> Response {
    let entries = mock.entries().clone();
    let direct = entries.iter().rev().filter(|e| !is_session(e));
    list(direct.map(|e| intent(&mock, e)).collect())
}

/// `POST /payment_intents/{id}/cancel`
pub async fn cancel(Shared(mock): Shared<Arc<Mock>>, Path(id): Path<String>) -> Response {
    let Some(entry) = by_intent(&mock, &id) else {
        return missing();
    };
    if !matches!(entry.state, State::Open | State::Declined) {
        return refused("payment_intent_unexpected_state", "It cannot be canceled.");
    }
    mock.with(&entry.ours, |e| e.state = State::Canceled);
    read_intent(Shared(mock), Path(id)).await
}

/// `POST /checkout/sessions`
pub async fn create_session<D: ProviderApi>(
    Shared(mock): Shared<Arc<Mock>>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    if let Some(error_response) = mock.error_response(error) {
        return error_response;
    }
    if !authorized(&headers) {
        return unauthorized();
    }
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let complete = field("mode") == "payment"
        && field("line_items[0][quantity]") == "1"
        && !field("line_items[0][price_data][product_data][name]").is_empty()
        && !field("success_url").is_empty();
    if !complete {
        return refused("parameter_missing", "Missing required param.");
    }
    let reference = format!(
        "cs_test_{}",
        Entry::unique(&field("metadata[till_payment]"))
    );
    let new = entry(&form, reference, State::Open, mock.plan());
    let entry = match insert(&mock, &headers, &new) {
        Ok(entry) => entry,
        Err(error_response) => return *error_response,
    };
    if matches!(entry.plan, Plan::LoseResponse | Plan::WebhookFirst) {
        mock.with(&entry.ours, |e| e.state = State::Paid);
        let paid = mock.entry(&entry.ours).unwrap_or_else(|| entry.clone());
        mock.before_response::<D>(&paid).await;
    }
    Json(session(&mock, &entry, false)).into_response()
}

/// `GET /checkout/sessions/{id}`
pub async fn read_session(
    Shared(mock): Shared<Arc<Mock>>,
    Path(id): Path<String>,
    Query(query): Query<Fields>,
) -> Response {
    let expand = query.get("expand[]").is_some_and(|e| e == "payment_intent");
    match mock.entry(&id).filter(is_session) {
        Some(entry) => Json(session(&mock, &entry, expand)).into_response(),
        None => missing(),
    }
}

/// `GET /checkout/sessions`
pub async fn list_sessions(Shared(mock): Shared<Arc<Mock>>) -> Response {
    let entries = mock.entries().clone();
    let hosted = entries.iter().rev().filter(|e| is_session(e));
    list(hosted.map(|e| session(&mock, e, false)).collect())
}

/// `POST /checkout/sessions/{id}/expire`
pub async fn expire(Shared(mock): Shared<Arc<Mock>>, Path(id): Path<String>) -> Response {
    let Some(entry) = mock.entry(&id).filter(is_session) else {
        return missing();
    };
    if entry.state != State::Open {
        return refused(
            "",
            "Only Checkout Sessions with a status in [\"open\"] can be expired.",
        );
    }
    mock.with(&id, |e| e.state = State::Canceled);
    read_session(Shared(mock), Path(id), Query(Fields::default())).await
}

/// `GET /refunds`, of one PaymentIntent.
pub async fn refunds(Shared(mock): Shared<Arc<Mock>>, Query(query): Query<Fields>) -> Response {
    let id = query.get("payment_intent").cloned().unwrap_or_default();
    match by_intent(&mock, &id) {
        Some(entry) => list(
            entry
                .refunds
                .iter()
                .rev()
                .map(|r| refund(&entry, r))
                .collect(),
        ),
        None => missing(),
    }
}

/// `GET /refunds/{id}`
pub async fn read_refund(Shared(mock): Shared<Arc<Mock>>, Path(id): Path<String>) -> Response {
    let entries = mock.entries().clone();
    let all = entries
        .iter()
        .flat_map(|e| e.refunds.iter().map(move |r| (e, r)));
    match all.into_iter().find(|(_, r)| r.id == id) {
        Some((entry, found)) => Json(refund(entry, found)).into_response(),
        None => missing(),
    }
}

/// `POST /refunds`
pub async fn create_refund(
    Shared(mock): Shared<Arc<Mock>>,
    headers: HeaderMap,
    Form(form): Form<Fields>,
) -> Response {
    if !authorized(&headers) {
        return unauthorized();
    }
    let field = |name: &str| form.get(name).cloned().unwrap_or_default();
    let Some(entry) = by_intent(&mock, &field("payment_intent")) else {
        return missing();
    };
    let ours = field("metadata[till_refund]");
    let new = Refund {
        id: format!("re_{}", Entry::unique(&ours)),
        ours,
        amount: field("amount").parse().unwrap_or(0),
        failed: false,
    };
    let others = entry
        .refunds
        .iter()
        .filter(|r| !r.failed && r.ours != new.ours);
    if others.map(|r| r.amount).sum::<i64>() + new.amount > entry.amount {
        return refused(
            "",
            "The amount is greater than the unrefunded amount on the charge.",
        );
    }
    match mock.create_refund(&entry.ours, new) {
        Some(done) => Json(refund(&entry, &done)).into_response(),
        None => missing(),
    }
}
