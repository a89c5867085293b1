//! Random webhooks. Whatever arrives, a connector answers it and does not panic; what is not signed
//! reports nothing. `cargo xtask fuzz` sends millions.

mod documents;

use super::{
    Account, Cache, Carrier, Ctx, KnownPayments, Postponed, Subject, WebhookEvent, WebhookMessage,
    by_kind, http_client,
};
use crate::crypto::hmac_sha256;
use crate::domain::Timing;
use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use std::time::Duration;
use till_shared::payment::PaymentStatus;

const SECRET: &str = "a secret";
const NOW: i64 = 1_900_000_000;

/// No payment is known, so that no webhook causes a call.
struct NoPayments;

#[async_trait]
impl KnownPayments for NoPayments {
    async fn carrier(&self, _: &Account, _: &Subject) -> Result<Carrier, Postponed> {
        Ok(Carrier::Unknown)
    }

    fn may_call(&self, _: &Subject) -> bool {
        false
    }
}

static HTTP: LazyLock<reqwest::Client> = LazyLock::new(|| {
    // An error means that another test has installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    http_client(Duration::from_secs(1)).unwrap()
});

/// Has a connector parse a webhook.
fn parse(
    kind: &str,
    credentials: &Value,
    headers: &HeaderMap,
    body: &[u8],
) -> Option<Vec<WebhookMessage>> {
    let connector = by_kind(kind).unwrap();
    let cache = Cache::default();
    let account = Account {
        kind: kind.into(),
        id: "account".into(),
        credentials: credentials.to_string().into(),
    };
    let ctx = Ctx {
        http: &HTTP,
        cache: &cache,
        account: &account,
        known: Some(&NoPayments),
    };
    let parsed = connector.parse_webhook(&ctx, headers, body, Timing::at(NOW * 1000));
    futures::executor::block_on(parsed).ok()
}

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let pairs = pairs.iter().filter_map(|(name, value)| {
        let value = HeaderValue::from_str(value).ok()?;
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
    });
    pairs.collect()
}

/// Headers with the signature that Stripe and the sandbox use.
fn signed(name: &str, body: &[u8]) -> HeaderMap {
    let time = NOW.to_string();
    let mac = hmac_sha256(SECRET.as_bytes(), &[time.as_bytes(), b".", body]);
    headers(&[(name, &format!("t={time},v1={}", hex::encode(mac)))])
}

/// A value of JSON that documents rarely hold.
fn odd_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "-1",
            "0.001",
            "1e400",
            "99999999999999999999",
            "EUR",
            "JPY",
            "XXX",
            "true",
            "2026-02-30T00:00:00Z",
            "pay_01900000000070008000000000000001",
            "rf_01900000000070008000000000000001",
            "REFUND",
            "succeeded",
            "\u{0}",
            "\u{202e}",
        ])
        .prop_map(Value::from),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| json!(float)),
        text,
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..3)
                .prop_map(|map| Value::Object(Map::from_iter(map))),
        ]
    })
}

/// The changes that make a document of a payment system a random one.
#[derive(Debug, Clone)]
struct Changes {
    /// Values that are replaced, or removed where there is no new one.
    values: Vec<(Index, Option<Value>)>,
    /// Bytes that are replaced.
    bytes: Vec<(Index, u8)>,
}

fn changes() -> impl Strategy<Value = Changes> {
    let value = (any::<Index>(), prop::option::weighted(0.8, odd_value()));
    let values = prop::collection::vec(value, 0..4);
    let bytes = prop_oneof![
        3 => Just(vec![]),
        1 => prop::collection::vec(any::<(Index, u8)>(), 1..4),
    ];
    (values, bytes).prop_map(|(values, bytes)| Changes { values, bytes })
}

/// The JSON pointers (RFC 6901) of all values inside a value.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    let inside: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, v)| (key.clone(), v)).collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(i, v)| (i.to_string(), v))
            .collect(),
        _ => vec![],
    };
    for (key, value) in inside {
        let pointer = format!("{at}/{key}");
        all.push(pointer.clone());
        pointers(value, &pointer, all);
    }
}

impl Changes {
    fn of_values(&self, document: &mut Value) {
        for (index, new) in &self.values {
            let mut all = vec![];
            pointers(document, "", &mut all);
            if all.is_empty() {
                return;
            }
            let pointer = index.get(&all);
            if let Some(new) = new {
                if let Some(old) = document.pointer_mut(pointer) {
                    *old = new.clone();
                }
            } else if let Some((parent, key)) = pointer.rsplit_once('/')
                && let Some(Value::Object(map)) = document.pointer_mut(parent)
            {
                map.remove(key);
            }
        }
    }

    fn of_bytes(&self, bytes: &mut [u8]) {
        for (index, byte) in &self.bytes {
            if !bytes.is_empty() {
                bytes[index.index(bytes.len())] = *byte;
            }
        }
    }
}

/// One of a payment system's documents, changed.
fn document(documents: fn() -> Vec<Value>) -> impl Strategy<Value = (Value, Changes)> {
    (prop::sample::select(documents()), changes()).prop_map(|(mut document, changes)| {
        changes.of_values(&mut document);
        (document, changes)
    })
}

/// A success has an amount, and no amount is negative.
fn is_sound(message: &WebhookMessage) -> bool {
    let sound = |event: &WebhookEvent| {
        let money = match event {
            WebhookEvent::Payment(_, update) => {
                if update.status == PaymentStatus::Succeeded && update.money.is_none() {
                    return false;
                }
                update.money
            }
            WebhookEvent::DashboardRefund(_, refund) => refund.money,
            WebhookEvent::Dispute(_, dispute) => dispute.money,
            WebhookEvent::Reversal(_, reversal) => reversal.money,
            WebhookEvent::Refund(..) | WebhookEvent::Refetch(_) => None,
        };
        money.is_none_or(|money| money.amount >= 0)
    };
    message.events.iter().all(sound)
}

proptest! {
    #[test]
    fn fuzz_stripe((document, changes) in document(documents::stripe), is_signed in any::<bool>()) {
        let credentials = json!({ "secret_key": "sk_test_1", "webhook_secret": SECRET });
        let mut body = document.to_string().into_bytes();
        changes.of_bytes(&mut body);
        let signature = signed("stripe-signature", if is_signed { &body } else { b"another" });
        let parsed = parse("stripe", &credentials, &signature, &body);
        prop_assert!(is_signed || parsed.is_none());
        prop_assert!(parsed.iter().flatten().all(is_sound));
    }

    #[test]
    fn fuzz_sandbox((document, changes) in document(documents::sandbox), is_signed in any::<bool>()) {
        let credentials =
            json!({ "base_url": "https://a.example", "api_key": "k", "webhook_secret": SECRET });
        let mut body = document.to_string().into_bytes();
        changes.of_bytes(&mut body);
        let signature = signed("sandbox-signature", if is_signed { &body } else { b"another" });
        let parsed = parse("sandbox", &credentials, &signature, &body);
        prop_assert!(is_signed || parsed.is_none());
        prop_assert!(parsed.iter().flatten().all(is_sound));
    }

    #[test]
    fn fuzz_adyen((mut document, changes) in document(documents::adyen), is_signed in any::<bool>()) {
        let credentials = json!({ "api_key": "k", "merchant_account": "Shop",
            "hmac_key": hex::encode(SECRET), "base_url": "https://checkout-test.adyen.com/v71" });
        let items = document.get_mut("notificationItems").and_then(Value::as_array_mut);
        for item in items.into_iter().flatten().filter(|_| is_signed) {
            if let Some(item) = item.get_mut("NotificationRequestItem") {
                sign_item(item);
            }
        }
        let mut body = document.to_string().into_bytes();
        changes.of_bytes(&mut body);
        let parsed = parse("adyen", &credentials, &HeaderMap::new(), &body);
        let reported: Vec<_> = parsed.into_iter().flatten().collect();
        prop_assert!(is_signed || reported.is_empty());
        prop_assert!(reported.iter().all(is_sound));
    }

    #[test]
    fn fuzz_paypal((document, changes) in document(documents::paypal), time in "[0-9TZ:.+-]{0,24}") {
        let credentials = json!({ "client_id": "i", "client_secret": "s", "webhook_id": "w",
            "base_url": "https://api-m.sandbox.paypal.com" });
        let mut body = document.to_string().into_bytes();
        changes.of_bytes(&mut body);
        for time in ["2030-03-17T17:46:40Z", &time] {
            // The certificate is not PayPal's, so that it is not fetched.
            let headers = headers(&[
                ("paypal-transmission-id", "1"),
                ("paypal-transmission-time", time),
                ("paypal-auth-algo", "SHA256withRSA"),
                ("paypal-cert-url", "https://evil.example/certificate"),
                ("paypal-transmission-sig", "c2ln"),
            ]);
            let parsed = parse("paypal", &credentials, &headers, &body);
            prop_assert!(parsed.into_iter().flatten().next().is_none());
        }
    }

    #[test]
    fn fuzz_mollie(body in prop_oneof!["id=tr_[a-zA-Z0-9]{0,12}", "[a-z=&%0-9_]{0,24}", ".{0,24}"]) {
        let parsed = parse("mollie", &json!({ "api_key": "test_1" }), &HeaderMap::new(), body.as_bytes());
        prop_assert!(parsed.is_none());
    }

    #[test]
    fn fuzz_signature_header(header in "[tv01=,a-f -]{0,40}", body in prop::collection::vec(any::<u8>(), 0..8)) {
        let credentials = json!({ "secret_key": "sk_test_1", "webhook_secret": SECRET });
        let parsed = parse("stripe", &credentials, &headers(&[("stripe-signature", &header)]), &body);
        prop_assert!(parsed.is_none());
    }
}

/// Signs an item as Adyen does, if it has the fields that are signed.
fn sign_item(item: &mut Value) {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let signed = [
        &item["pspReference"],
        &item["originalReference"],
        &item["merchantAccountCode"],
        &item["merchantReference"],
        &item["amount"]["value"],
        &item["amount"]["currency"],
        &item["eventCode"],
        &item["success"],
    ]
    .map(text)
    .join(":");
    let signature = STANDARD.encode(hmac_sha256(SECRET.as_bytes(), &[signed.as_bytes()]));
    if let Some(data) = item
        .get_mut("additionalData")
        .and_then(Value::as_object_mut)
    {
        data.insert("hmacSignature".into(), signature.into());
    }
}
