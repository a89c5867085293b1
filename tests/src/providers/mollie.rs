//! A mock of Mollie: payments, refunds, chargebacks and webhooks.
//!
//! It stands for this documented behavior:
//!
//! - A webhook is not signed and has an id only. <https://docs.mollie.com/reference/webhooks>
//! - Not every payment can be canceled, for example while a bank's page is open (here: those by
//!   Bancontact): HTTP 422. <https://docs.mollie.com/reference/cancel-payment>
//! - A refund is queued first, and may fail after it succeeded. A refund that is canceled is gone:
//!   HTTP 404. <https://docs.mollie.com/reference/get-refund>
//! - A payment embeds one kind of object only, and links to its chargebacks if there are any. A
//!   reversed chargeback stays in the list. <https://docs.mollie.com/reference/get-payment>,
//!   <https://docs.mollie.com/reference/list-chargebacks>
//! - A locale that is not of the form `xx_XX`, or an e-mail address that Mollie does not take (here: those of
//!   the domain `invalid.example`), is an error, HTTP 422, that names the field.
//!   <https://docs.mollie.com/reference/create-payment>
//! - Every error has a status, a title, a detail and a link to the documentation.
//!   <https://docs.mollie.com/reference/error-handling>

use super::mock::{Entry, Mock, MockProvider, ProviderApi, Refund, State, header, method};
use super::{Dispute, Message, Plan};
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
    let ours = !r.ours.is_empty();
    json!({
        "resource": "refund", "id": r.id, "status": if r.failed { "failed" } else { "refunded" },
        "amount": amount(r.amount, currency),
        "metadata": ours.then(|| json!({ "till_refund": r.ours })),
    })
}

fn chargeback(e: &Entry, stage: Dispute) -> Value {
    let reversed = stage == Dispute::Won;
    json!({
        "resource": "chargeback", "id": format!("chb_{}", Entry::unique(&e.ours)),
        "paymentId": e.reference, "amount": amount(e.amount, &e.currency), "reason": null,
        "createdAt": "2126-01-02T00:00:00+00:00",
        "reversedAt": reversed.then_some("2126-01-03T00:00:00+00:00"),
    })
}

/// Whether Mollie cancels the payment on request.
fn is_cancelable(e: &Entry) -> bool {
    e.state == State::Open && !e.reference.starts_with("tr_bancontact")
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
    let mut links = match e.state {
        State::Open => json!({ "checkout": { "href": form, "type": "text/html" } }),
        _ => json!({}),
    };
    if e.dispute.is_some() {
        let href = format!("{}/v2/payments/{}/chargebacks", mock.base, e.reference);
        links["chargebacks"] = json!({ "href": href, "type": "application/hal+json" });
    }
    let refunds: Vec<Value> = e.refunds.iter().map(|r| refund(r, &e.currency)).collect();
    let declined = e.state == State::Declined;
    json!({
        "resource": "payment", "id": e.reference, "mode": "test", "status": status,
        "createdAt": "2126-01-01T00:00:00+00:00", "isCancelable": is_cancelable(e),
        "amount": amount(e.amount, &e.currency), "metadata": { "till_payment": e.ours },
        "details": declined.then(|| json!({ "failureReason": "insufficient_funds" })),
        "_links": links, "_embedded": { "refunds": refunds },
    })
}

fn error(status: u16) -> Value {
    let documentation = json!({ "href": "https://docs.mollie.com/errors", "type": "text/html" });
    json!({
        "status": status, "title": "No", "detail": "no",
        "_links": { "documentation": documentation },
    })
}

fn unprocessable(field: Option<&str>) -> Response {
    let mut body = error(422);
    if let Some(field) = field {
        body["field"] = field.into();
    }
    (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
}

fn ping(id: &str) -> Message {
    Message {
        headers: vec![("content-type", "application/x-www-form-urlencoded".into())],
        body: format!("id={id}"),
    }
}

impl ProviderApi for MollieApi {
    const KIND: &'static str = "mollie";
    const REPORTS_LOST_DISPUTES: bool = false;

    fn router(mock: Arc<Mock>) -> Router {
        Router::new()
            .route("/v2/payments", post(create).get(list))
            .route("/v2/payments/{id}", get(read).delete(cancel))
            .route("/v2/payments/{id}/refunds", post(create_refund))
            .route("/v2/payments/{id}/refunds/{refund}", get(read_refund))
            .route("/v2/payments/{id}/chargebacks", get(chargebacks))
            .route("/v2/methods", get(methods))
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

    fn refund_failed(_: &Mock, entry: &Entry, _: &Refund) -> Message {
        ping(&entry.reference)
    }

    fn dashboard_refund(_: &Mock, entry: &Entry, _: &Refund) -> Message {
        ping(&entry.reference)
    }

    /// Mollie reports that a chargeback is reversed, and not that it never will be.
    fn dispute(_: &Mock, entry: &Entry, _: Dispute) -> Message {
        ping(&entry.reference)
    }

    /// Mollie takes a payment back by a chargeback only.
    fn reversal(_: &Mock, _: &Entry) -> Option<Message> {
        None
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

fn authorized(headers: &HeaderMap) -> bool {
    header(headers, "authorization") == "Bearer test_mollie_key"
}

fn unauthorized() -> Response {
    (StatusCode::UNAUTHORIZED, Json(error(401))).into_response()
}

async fn methods(headers: HeaderMap) -> Response {
    if !authorized(&headers) {
        return unauthorized();
    }
    Json(json!({ "count": 0, "_embedded": { "methods": [] } })).into_response()
}

async fn create(
    Shared(mock): Shared<Arc<Mock>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Some(error_response) = mock.error_response(error) {
        return error_response;
    }
    if !authorized(&headers) {
        return unauthorized();
    }
    let locale = body["locale"].as_str();
    if locale.is_some_and(|locale| locale.len() != 5 || !locale.contains('_')) {
        return unprocessable(Some("locale"));
    }
    let email = body["billingAddress"]["email"].as_str();
    if email.is_some_and(|email| email.ends_with("@invalid.example")) {
        return unprocessable(Some("billingAddress.email"));
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours = text(&body["metadata"]["till_payment"]);
    let currency = text(&body["amount"]["currency"]);
    let plan = mock.plan();
    let bancontact = if body["method"] == "bancontact" {
        "bancontact"
    } else {
        ""
    };
    let new = Entry {
        reference: format!("tr_{bancontact}{}", Entry::unique(&ours)),
        ours,
        amount: minor(&text(&body["amount"]["value"]), &currency),
        currency,
        state: State::Open,
        plan,
        return_url: text(&body["redirectUrl"]),
        refunds: vec![],
        dispute: None,
        reversed: false,
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
        let open = is_cancelable(entry);
        if open {
            entry.state = State::Canceled;
        }
        open
    });
    match open {
        Some(true) => read(Shared(mock), Path(id)).await,
        Some(false) => unprocessable(None),
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
        failed: false,
    };
    let rest = mock.with(&id, |entry| {
        let others = entry
            .refunds
            .iter()
            .filter(|r| !r.failed && r.ours != new.ours);
        entry.amount - others.map(|r| r.amount).sum::<i64>()
    });
    if rest.is_some_and(|rest| new.amount > rest) {
        return unprocessable(Some("amount"));
    }
    match mock.create_refund(&id, new) {
        Some(done) => {
            let mut queued = refund(&done, &currency);
            queued["status"] = "queued".into();
            (StatusCode::CREATED, Json(queued)).into_response()
        }
        None => missing(),
    }
}

async fn read_refund(
    Shared(mock): Shared<Arc<Mock>>,
    Path((id, refund_id)): Path<(String, String)>,
) -> Response {
    let entry = mock.entry(&id);
    let found = entry.and_then(|e| {
        let found = e.refunds.iter().find(|r| r.id == refund_id)?;
        Some(refund(found, &e.currency))
    });
    found.map_or_else(missing, |found| Json(found).into_response())
}

async fn chargebacks(Shared(mock): Shared<Arc<Mock>>, Path(id): Path<String>) -> Response {
    let Some(entry) = mock.entry(&id) else {
        return missing();
    };
    let all: Vec<Value> = entry
        .dispute
        .iter()
        .map(|stage| chargeback(&entry, *stage))
        .collect();
    Json(json!({ "_embedded": { "chargebacks": all }, "_links": { "next": null } })).into_response()
}
