//! Adyen's endpoints.

use super::webhooks::{Event, MERCHANT, authorised, batch, psp, refused};
use crate::providers::mock::{Entry, Mock, Refund, State, header};
use crate::providers::{Message, Plan};
use axum::extract::{Path, Request, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The key of the web service user.
pub const API_KEY: &str = "AQE-adyen-test";
/// Longer than the server's time limit.
const NO_RESPONSE: Duration = Duration::from_secs(60);
/// The delay of a webhook, and of each further attempt.
const DELIVERY: Duration = Duration::from_millis(100);

/// A response.
type Answer = (StatusCode, Value);

#[derive(Clone)]
struct Adyen {
    mock: Arc<Mock>,
    /// The responses by idempotency key.
    answers: Arc<Mutex<HashMap<String, Answer>>>,
}

impl Adyen {
    fn answers(&self) -> MutexGuard<'_, HashMap<String, Answer>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the response to a used idempotency key, or the error that the plan or the credentials
    /// require.
    fn early(&self, headers: &HeaderMap) -> Option<Response> {
        if header(headers, "x-api-key") != API_KEY {
            return Some(answer(error(401, "000", "security")));
        }
        let known = self.answers().get(&key(headers)).cloned();
        known.map(answer)
    }

    fn answer(&self, headers: &HeaderMap, response: Answer) -> Response {
        self.answers().insert(key(headers), response.clone());
        answer(response)
    }

    /// Sends a webhook until it is accepted.
    fn notify(&self, message: Message) {
        let mock = self.mock.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                tokio::time::sleep(DELIVERY).await;
                if mock.deliver(&message).await {
                    return;
                }
            }
        });
    }
}

fn key(headers: &HeaderMap) -> String {
    header(headers, "idempotency-key")
}

fn answer((status, body): Answer) -> Response {
    (status, Json(body)).into_response()
}

fn error(status: u16, code: &str, kind: &str) -> Answer {
    let http = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = json!({ "status": status, "errorCode": code, "message": "no", "errorType": kind });
    (http, body)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns whether a payment is to be made on the page of a link.
pub fn is_link(entry: &Entry) -> bool {
    entry.reference.starts_with("PL")
}

/// Responds without a call that has a used idempotency key or wrong credentials.
async fn early(
    Shared(adyen): Shared<Adyen>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    match adyen.early(&headers) {
        Some(early) => early,
        None => next.run(request).await,
    }
}

/// Returns the API.
pub fn router(mock: Arc<Mock>) -> Router {
    let adyen = Adyen {
        mock,
        answers: Arc::default(),
    };
    Router::new()
        .route("/v71/payments", post(create))
        .route("/v71/payments/details", post(details))
        .route("/v71/payments/{psp}/refunds", post(create_refund))
        .route("/v71/cancels", post(cancel))
        .route("/v71/paymentLinks", post(create_link))
        .route("/v71/paymentMethods", post(payment_methods))
        .layer(from_fn_with_state(adyen.clone(), early))
        .route("/v71/paymentLinks/{id}", get(link).patch(expire_link))
        .with_state(adyen)
}

fn entry(body: &Value, plan: Plan) -> Entry {
    let ours = text(&body["reference"]);
    Entry {
        reference: Entry::unique(&ours).to_uppercase(),
        ours,
        amount: body["amount"]["value"].as_i64().unwrap_or(0),
        currency: text(&body["amount"]["currency"]),
        state: match plan {
            Plan::Verify => State::Open,
            Plan::Decline => State::Declined,
            _ => State::Paid,
        },
        plan,
        return_url: text(&body["returnUrl"]),
        refunds: vec![],
        dispute: None,
        reversed: false,
    }
}

/// Returns whether a payment has what 3-D Secure needs, or needs none.
fn authenticable(body: &Value) -> bool {
    const BROWSER: [&str; 8] = [
        "acceptHeader",
        "colorDepth",
        "javaEnabled",
        "language",
        "screenHeight",
        "screenWidth",
        "timeZoneOffset",
        "userAgent",
    ];
    const BUYER: [&str; 3] = ["shopperEmail", "telephoneNumber", "shopperIP"];
    let known = |value: &Value| !value.is_null() && *value != "";
    let browser = BROWSER.iter().all(|f| known(&body["browserInfo"][f]));
    let buyer = BUYER.iter().any(|f| known(&body[f]));
    body["paymentMethod"]["type"] != "scheme" || browser && buyer && known(&body["origin"])
}

/// Returns the response to `/payments`. A payment that needs a redirect has no reference yet.
fn payment(mock: &Mock, e: &Entry) -> Value {
    if e.state == State::Open {
        let action = json!({
            "type": "redirect", "method": "GET", "paymentMethodType": "scheme",
            "url": mock.form(&e.reference),
        });
        return json!({ "resultCode": "RedirectShopper", "action": action });
    }
    let mut body = json!({ "pspReference": e.reference, "merchantReference": e.ours });
    match e.state {
        State::Paid => body["resultCode"] = "Authorised".into(),
        State::Declined => {
            body["resultCode"] = "Refused".into();
            body["refusalReasonCode"] = "12".into();
            body["refusalReason"] = "Not enough balance".into();
        }
        State::Open | State::Confirmed | State::Canceled => {
            body["resultCode"] = "Received".into();
        }
    }
    body
}

async fn create(
    Shared(adyen): Shared<Adyen>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mock = &adyen.mock;
    if let Some(error) = mock.error_response(|status| error(status, "000", "security").1) {
        return error;
    }
    if body["merchantAccount"] != MERCHANT {
        return answer(error(403, "901", "security"));
    }
    let mut new = entry(&body, mock.plan());
    let refused = !authenticable(&body);
    if refused {
        new.state = State::Declined;
    }
    let (entry, _) = mock.insert(&key(&headers), new);
    let mut response = payment(mock, &entry);
    if refused {
        response["refusalReasonCode"] = "38".into();
        response["refusalReason"] = "Authentication required".into();
    }
    let response = adyen.answer(&headers, (StatusCode::OK, response));
    let succeeded = (entry.state == State::Paid).then(|| authorised(&entry));
    match (entry.plan, succeeded) {
        (Plan::WebhookFirst, Some(message)) => {
            mock.deliver(&message).await;
        }
        (Plan::LoseResponse, Some(message)) => {
            adyen.notify(message);
            tokio::time::sleep(NO_RESPONSE).await;
        }
        (_, Some(message)) => adyen.notify(message),
        (_, None) => {}
    }
    response
}

async fn details(
    Shared(adyen): Shared<Adyen>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let result = text(&body["details"]["redirectResult"]);
    let entry = adyen.mock.with(&result, |entry| {
        if entry.state == State::Confirmed {
            entry.state = State::Paid;
        }
        entry.clone()
    });
    let Some(entry) = entry else {
        return adyen.answer(&headers, error(422, "14_006", "validation"));
    };
    let mut response = json!({ "pspReference": entry.reference, "resultCode": "Authorised" });
    if entry.state == State::Paid {
        adyen.notify(authorised(&entry));
    } else {
        response["resultCode"] = "Refused".into();
        response["refusalReasonCode"] = "11".into();
        response["refusalReason"] = "3D Not Authenticated".into();
        adyen.notify(refused(&entry, "3D Not Authenticated"));
    }
    adyen.answer(&headers, (StatusCode::OK, response))
}

async fn create_refund(
    Shared(adyen): Shared<Adyen>,
    headers: HeaderMap,
    Path(psp): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let ours = text(&body["reference"]);
    let new = Refund {
        id: Entry::unique(&ours).to_uppercase(),
        ours,
        amount: body["amount"]["value"].as_i64().unwrap_or(0),
        failed: false,
    };
    let response = match adyen.mock.create_refund(&psp, new) {
        Some(refund) => {
            let body = json!({
                "merchantAccount": MERCHANT, "paymentPspReference": psp,
                "pspReference": refund.id, "status": "received",
            });
            (StatusCode::CREATED, body)
        }
        None => error(422, "167", "validation"),
    };
    adyen.answer(&headers, response)
}

/// Accepts every request, and reports by webhook what became of it. A captured payment is not
/// canceled. Without a payment, the webhook names none.
async fn cancel(
    Shared(adyen): Shared<Adyen>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if body["merchantAccount"] != MERCHANT || !body["paymentReference"].is_string() {
        return answer(error(422, "901", "validation"));
    }
    let ours = text(&body["paymentReference"]);
    let canceled = adyen.mock.with(&ours, |entry| {
        let open = matches!(entry.state, State::Open | State::Confirmed);
        if open {
            entry.state = State::Canceled;
        }
        (entry.clone(), open)
    });
    let id = format!("TC{}", Entry::unique(&ours).to_uppercase());
    let event = Event {
        code: "TECHNICAL_CANCEL",
        psp: &id,
        reference: &ours,
        success: false,
        ..Event::default()
    };
    let event = match &canceled {
        Some((entry, success)) => Event {
            original: psp(entry),
            amount: entry.amount,
            currency: &entry.currency,
            success: *success,
            ..event
        },
        None => Event { amount: 0, ..event },
    };
    adyen.notify(batch(&[event.item()]));
    let response = json!({
        "merchantAccount": MERCHANT, "paymentReference": ours, "reference": body["reference"],
        "pspReference": id, "status": "received",
    });
    adyen.answer(&headers, (StatusCode::CREATED, response))
}

/// Returns the response of the calls about links.
fn shown(mock: &Mock, id: &str, entry: &Entry) -> Answer {
    let status = match entry.state {
        State::Open => "active",
        State::Confirmed => "paymentPending",
        State::Paid => "completed",
        State::Declined | State::Canceled => "expired",
    };
    let body = json!({
        "id": id, "status": status, "url": mock.form(id), "reference": entry.ours,
        "merchantAccount": MERCHANT,
        "amount": { "value": entry.amount, "currency": entry.currency },
    });
    (StatusCode::OK, body)
}

async fn create_link(
    Shared(adyen): Shared<Adyen>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let description = body["description"].as_str().unwrap_or_default();
    if body["merchantAccount"] != MERCHANT || description.chars().count() > 280 {
        return answer(error(422, "702", "validation"));
    }
    let mut new = entry(&body, Plan::Verify);
    new.reference = format!("PL{}", new.reference);
    let (entry, _) = adyen.mock.insert(&key(&headers), new);
    let (_, body) = shown(&adyen.mock, &entry.reference, &entry);
    adyen.answer(&headers, (StatusCode::CREATED, body))
}

/// Returns a link. What the buyer paid on its page is complete now.
async fn link(Shared(adyen): Shared<Adyen>, Path(id): Path<String>) -> Response {
    let psp = id.trim_start_matches("PL");
    let paid = adyen.mock.with(&id, |entry| {
        if entry.state == State::Confirmed {
            entry.state = State::Paid;
            entry.reference = psp.to_owned();
            adyen.notify(authorised(entry));
        }
        entry.clone()
    });
    match paid.or_else(|| adyen.mock.entry(psp)) {
        Some(entry) => answer(shown(&adyen.mock, &id, &entry)),
        None => answer(error(404, "702", "validation")),
    }
}

async fn expire_link(Shared(adyen): Shared<Adyen>, Path(id): Path<String>) -> Response {
    let expired = adyen.mock.with(&id, |entry| {
        let active = entry.state == State::Open;
        if active {
            entry.state = State::Canceled;
        }
        active.then(|| entry.clone())
    });
    match expired.flatten() {
        Some(entry) => answer(shown(&adyen.mock, &id, &entry)),
        None => answer(error(422, "702", "validation")),
    }
}

async fn payment_methods() -> Response {
    let body = json!({ "paymentMethods": [{ "name": "Cards", "type": "scheme" }] });
    answer((StatusCode::OK, body))
}
