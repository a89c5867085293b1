//! A mock of Adyen: payments, details, refunds and standard webhooks.

use super::mock::{Entry, Mock, MockProvider, ProviderApi, Refund, State, card, header};
use super::{Message, Plan, hmac_bytes};
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;

/// The key of Adyen's examples.
const KEY: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
const MERCHANT: &str = "TestMerchant";

/// Adyen.
pub type Adyen = MockProvider<AdyenApi>;

/// Adyen's API.
pub struct AdyenApi;

fn payment(mock: &Mock, e: &Entry) -> Value {
    let mut body = json!({ "pspReference": e.reference, "merchantReference": e.ours });
    match e.state {
        State::Open => {
            body["resultCode"] = "RedirectShopper".into();
            body["action"] = json!({
                "type": "redirect", "method": "GET", "paymentMethodType": "scheme",
                "url": mock.form(&e.reference),
            });
        }
        State::Paid => {
            body["resultCode"] = "Authorised".into();
            body["amount"] = json!({ "value": e.amount, "currency": e.currency });
        }
        State::Declined => {
            body["resultCode"] = "Refused".into();
            body["refusalReasonCode"] = "12".into();
            body["refusalReason"] = "Not enough balance".into();
        }
        State::Confirmed | State::Canceled => body["resultCode"] = "Received".into(),
    }
    body
}

fn error(status: u16) -> Value {
    json!({ "status": status, "errorCode": "000", "message": "no", "errorType": "security" })
}

/// Returns a notification item, signed over the fields in the documented order.
fn item(
    code: &str,
    psp: &str,
    original: &str,
    ours: &str,
    e: &Entry,
    amount: i64,
    ok: bool,
) -> Value {
    let ok = ok.to_string();
    let value = amount.to_string();
    let signed = [
        psp,
        original,
        MERCHANT,
        ours,
        &value,
        &e.currency,
        code,
        &ok,
    ]
    .join(":");
    let key = hex::decode(KEY).unwrap_or_default();
    json!({ "NotificationRequestItem": {
        "additionalData": { "hmacSignature": STANDARD.encode(hmac_bytes(&key, &signed)) },
        "amount": { "value": amount, "currency": e.currency },
        "eventCode": code, "eventDate": "2026-01-01T00:00:00+01:00",
        "merchantAccountCode": MERCHANT, "merchantReference": ours,
        "originalReference": original, "paymentMethod": "visa", "pspReference": psp,
        "reason": "", "success": ok,
    } })
}

fn batch(items: &[Value]) -> Message {
    Message {
        headers: vec![("content-type", "application/json".into())],
        body: json!({ "live": "false", "notificationItems": items }).to_string(),
    }
}

fn authorised(e: &Entry) -> Message {
    // A batch that also contains an unrelated item.
    batch(&[
        item("REPORT_AVAILABLE", "report", "", "", e, 0, true),
        item(
            "AUTHORISATION",
            &e.reference,
            "",
            &e.ours,
            e,
            e.amount,
            true,
        ),
    ])
}

impl ProviderApi for AdyenApi {
    const KIND: &'static str = "adyen";

    fn router(mock: Arc<Mock>) -> Router {
        Router::new()
            .route("/v71/payments", post(create))
            .route("/v71/payments/details", post(details))
            .route("/v71/payments/{psp}/refunds", post(create_refund))
            .with_state(mock)
    }

    fn credentials(base: &str) -> Value {
        json!({
            "api_key": "AQE-adyen-test", "merchant_account": MERCHANT, "hmac_key": KEY,
            "base_url": format!("{base}/v71"),
        })
    }

    fn pay(_: Plan) -> Value {
        card()
    }

    fn message(_: &Mock, entry: &Entry) -> Message {
        authorised(entry)
    }

    fn refunded(_: &Mock, e: &Entry, r: &Refund) -> Option<Message> {
        Some(batch(&[item(
            "REFUND",
            &r.id,
            &e.reference,
            &r.ours,
            e,
            r.amount,
            true,
        )]))
    }

    /// Adyen's webhooks carry no timestamp, so none is stale.
    fn forged_webhooks(_: &Mock, entry: &Entry) -> Vec<Message> {
        let good = authorised(entry);
        let declined = batch(&[item(
            "AUTHORISATION",
            &entry.reference,
            "",
            &entry.ours,
            entry,
            entry.amount,
            false,
        )]);
        vec![
            good.altered("1999", "1"),
            good.altered(MERCHANT, "OtherMerchant"),
            good.altered("hmacSignature", "signature"),
            declined.altered("\"success\":\"false\"", "\"success\":\"true\""),
        ]
    }

    fn confirmed(entry: &mut Entry) {
        entry.state = State::Confirmed;
    }

    fn returned(entry: &Entry) -> Vec<(&'static str, String)> {
        vec![("redirectResult", entry.reference.clone())]
    }
}

fn authorized(headers: &HeaderMap) -> bool {
    header(headers, "x-api-key") == "AQE-adyen-test"
}

fn refused() -> Response {
    (StatusCode::UNAUTHORIZED, Json(error(401))).into_response()
}

async fn create(
    Shared(mock): Shared<Arc<Mock>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    if let Some(error_response) = mock.error_response(error) {
        return error_response;
    }
    if !authorized(&headers) || body["merchantAccount"] != MERCHANT {
        return refused();
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let ours = text(&body["reference"]);
    let plan = mock.plan();
    let new = Entry {
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
    };
    let (entry, new) = mock.insert(&header(&headers, "idempotency-key"), new);
    if new {
        mock.before_response::<AdyenApi>(&entry).await;
    }
    Json(payment(&mock, &entry)).into_response()
}

async fn details(
    Shared(mock): Shared<Arc<Mock>>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let reference = body["details"]["redirectResult"]
        .as_str()
        .unwrap_or_default();
    let entry = mock.with(reference, |entry| {
        if entry.state == State::Confirmed {
            entry.state = State::Paid;
        }
        entry.clone()
    });
    match entry.filter(|_| authorized(&headers)) {
        Some(entry) => Json(payment(&mock, &entry)).into_response(),
        None => refused(),
    }
}

async fn create_refund(
    Shared(mock): Shared<Arc<Mock>>,
    Path(psp): Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let ours = body["reference"].as_str().unwrap_or_default().to_owned();
    let new = Refund {
        id: Entry::unique(&ours).to_uppercase(),
        ours,
        amount: body["amount"]["value"].as_i64().unwrap_or(0),
    };
    match mock.create_refund(&psp, new) {
        Some(refund) => {
            let answer = json!({ "pspReference": refund.id, "status": "received" });
            (StatusCode::CREATED, Json(answer)).into_response()
        }
        None => refused(),
    }
}
