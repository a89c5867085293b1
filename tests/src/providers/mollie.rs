//! A mock of Mollie: payments, refunds and webhooks.

use super::mock::{Entry, Mock, MockProvider, ProviderApi, Refund, State, header, method};
use super::{Message, Plan};
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use till_shared::money::Money;

/// Mollie.
pub type Mollie = MockProvider<MollieApi>;

/// Mollie's API.
pub struct MollieApi;

/// Formats minor units as the decimal string of Mollie and PayPal.
pub fn decimal(amount: i64, currency: &str) -> String {
    let currency = currency.parse();
    currency.map_or_else(
        |_| String::new(),
        |currency| Money { amount, currency }.to_decimal(),
    )
}

/// Parses a decimal string into minor units.
pub fn minor(text: &str, currency: &str) -> i64 {
    let money = currency.parse().ok();
    let money = money.and_then(|currency| Money::from_decimal(text, currency).ok());
    money.map_or(0, |m| m.amount)
}

fn amount(value: i64, currency: &str) -> Value {
    json!({ "value": decimal(value, currency), "currency": currency })
}

fn refund(r: &Refund, currency: &str) -> Value {
    json!({
        "resource": "refund", "id": r.id, "status": "refunded",
        "amount": amount(r.amount, currency), "metadata": { "till_refund": r.ours },
    })
}

fn payment(mock: &Mock, e: &Entry) -> Value {
    let status = match e.state {
        State::Open => "open",
        State::Confirmed => "pending",
        State::Paid => "paid",
        State::Declined => "failed",
        State::Canceled => "canceled",
    };
    let form = mock.form(&e.reference);
    let links = match e.state {
        State::Open => json!({ "checkout": { "href": form, "type": "text/html" } }),
        _ => json!({}),
    };
    let refunds: Vec<Value> = e.refunds.iter().map(|r| refund(r, &e.currency)).collect();
    let declined = e.state == State::Declined;
    json!({
        "resource": "payment", "id": e.reference, "mode": "test", "status": status,
        "createdAt": "2126-01-01T00:00:00+00:00",
        "amount": amount(e.amount, &e.currency), "metadata": { "till_payment": e.ours },
        "details": declined.then(|| json!({ "failureReason": "insufficient_funds" })),
        "_links": links, "_embedded": { "refunds": refunds },
    })
}

fn error(status: u16) -> Value {
    json!({ "status": status, "title": "No", "detail": "no" })
}

fn ping(id: &str) -> Message {
    Message {
        headers: vec![("content-type", "application/x-www-form-urlencoded".into())],
        body: format!("id={id}"),
    }
}

impl ProviderApi for MollieApi {
    const KIND: &'static str = "mollie";

    fn router(mock: Arc<Mock>) -> Router {
        Router::new()
            .route("/v2/payments", post(create).get(list))
            .route("/v2/payments/{id}", get(read).delete(cancel))
            .route("/v2/payments/{id}/refunds", post(create_refund))
            .with_state(mock)
    }

    fn credentials(base: &str) -> Value {
        json!({ "api_key": "test_mollie_key", "base_url": base })
    }

    fn pay(_: Plan) -> Value {
        method("ideal")
    }

    fn message(_: &Mock, entry: &Entry) -> Message {
        ping(&entry.reference)
    }

    fn refunded(_: &Mock, entry: &Entry, _: &Refund) -> Option<Message> {
        Some(ping(&entry.reference))
    }

    /// Mollie's webhooks carry an id only, so only invalid ids are rejected.
    fn forged_webhooks(_: &Mock, _: &Entry) -> Vec<Message> {
        [
            "tr_unknown",
            "",
            "tr_",
            "../refunds",
            "tr_a%2F..%2F..",
            "pay_1",
        ]
        .map(ping)
        .to_vec()
    }

    fn confirmed(entry: &mut Entry) {
        entry.state = match entry.plan {
            Plan::Decline => State::Declined,
            _ => State::Paid,
        };
    }

    fn returned(_: &Entry) -> Vec<(&'static str, String)> {
        vec![]
    }
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, Json(error(404))).into_response()
}

async fn create(
    Shared(mock): Shared<Arc<Mock>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Some(error_response) = mock.error_response(error) {
        return error_response;
    }
    if header(&headers, "authorization") != "Bearer test_mollie_key" {
        return (StatusCode::UNAUTHORIZED, Json(error(401))).into_response();
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours = text(&body["metadata"]["till_payment"]);
    let currency = text(&body["amount"]["currency"]);
    let plan = mock.plan();
    let new = Entry {
        reference: format!("tr_{}", Entry::unique(&ours)),
        ours,
        amount: minor(&text(&body["amount"]["value"]), &currency),
        currency,
        state: State::Open,
        plan,
        return_url: text(&body["redirectUrl"]),
        refunds: vec![],
    };
    let (entry, _) = mock.insert(&header(&headers, "idempotency-key"), new);
    if matches!(plan, Plan::LoseResponse | Plan::WebhookFirst) {
        mock.with(&entry.ours, |e| e.state = State::Paid);
    }
    mock.before_response::<MollieApi>(&entry).await;
    // The state before the webhook: the response is older than the webhook.
    (StatusCode::CREATED, Json(payment(&mock, &entry))).into_response()
}

async fn read(Shared(mock): Shared<Arc<Mock>>, Path(id): Path<String>) -> Response {
    match mock.entry(&id) {
        Some(entry) => Json(payment(&mock, &entry)).into_response(),
        None => missing(),
    }
}

async fn cancel(Shared(mock): Shared<Arc<Mock>>, Path(id): Path<String>) -> Response {
    let open = mock.with(&id, |entry| {
        let open = entry.state == State::Open;
        if open {
            entry.state = State::Canceled;
        }
        open
    });
    match open {
        Some(true) => read(Shared(mock), Path(id)).await,
        Some(false) => (StatusCode::UNPROCESSABLE_ENTITY, Json(error(422))).into_response(),
        None => missing(),
    }
}

async fn list(Shared(mock): Shared<Arc<Mock>>) -> Json<Value> {
    let entries = mock.entries().clone();
    let payments: Vec<Value> = entries.iter().rev().map(|e| payment(&mock, e)).collect();
    Json(json!({ "_embedded": { "payments": payments }, "_links": { "next": null } }))
}

async fn create_refund(
    Shared(mock): Shared<Arc<Mock>>,
    Path(id): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours = text(&body["metadata"]["till_refund"]);
    let currency = text(&body["amount"]["currency"]);
    let new = Refund {
        id: format!("re_{}", Entry::unique(&ours)),
        ours,
        amount: minor(&text(&body["amount"]["value"]), &currency),
    };
    match mock.create_refund(&id, new) {
        Some(done) => {
            let mut queued = refund(&done, &currency);
            queued["status"] = "queued".into();
            (StatusCode::CREATED, Json(queued)).into_response()
        }
        None => missing(),
    }
}
