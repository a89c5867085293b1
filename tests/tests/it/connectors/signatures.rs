//! Webhooks signed by the providers' own libraries and verified by the connectors.

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use std::time::Duration;
use till_server::connectors::{
    Account, Cache, Ctx, WebhookError, WebhookEvent, WebhookMessage, by_kind,
};
use till_server::domain::Timing;
use till_shared::id::PaymentId;
use till_shared::payment::PaymentStatus;
use till_tests::client::text;
use till_tests::providers::paypal::WebhookSigner;
use till_tests::tools::{node, python};
use tokio::net::TcpListener;

const SIGNING_SECRET: &str = "whsec_localstripe";

/// Parses a webhook with a connector.
async fn parsed(
    kind: &str,
    credentials: &Value,
    headers: &[(&'static str, &str)],
    body: &str,
    at: i64,
) -> Result<Result<Vec<WebhookMessage>, WebhookError>> {
    till_tests::client::install_crypto_provider();
    let connector = by_kind(kind).context("no connector")?;
    let account = Account {
        kind: kind.to_owned(),
        id: "main".into(),
        credentials: credentials.to_string().into(),
    };
    let http = till_server::connectors::http_client(Duration::from_secs(5))?;
    let ctx = Ctx {
        http: &http,
        cache: &Cache::default(),
        account: &account,
        known: None,
    };
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(HeaderName::from_static(name), HeaderValue::from_str(value)?);
    }
    let timing = Timing::at(at * 1000);
    Ok(connector
        .parse_webhook(&ctx, &map, body.as_bytes(), timing)
        .await)
}

const PAYMENT: &str = "pay_01a20f6cc88c704985832b4041dd32bf";
const AT: i64 = 1_800_000_000;

fn succeeded(webhooks: &[WebhookMessage]) -> Result<()> {
    let ours: PaymentId = PAYMENT.parse().map_err(|_| anyhow::anyhow!("no id"))?;
    match webhooks.first().and_then(|w| w.events.first()) {
        Some(WebhookEvent::Payment(id, update)) if *id == ours => {
            ensure!(update.status == PaymentStatus::Succeeded, "{update:?}");
            Ok(())
        }
        _ => bail!("no update of the payment"),
    }
}

#[tokio::test]
async fn stripe_library_signatures() -> Result<()> {
    let body = json!({
        "id": "evt_1", "object": "event", "type": "payment_intent.succeeded",
        "data": { "object": {
            "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1999,
            "amount_received": 1999, "currency": "eur", "metadata": { "till_payment": PAYMENT },
        } },
    });
    let script = "
        const { payload, secret, timestamp } = JSON.parse(process.argv[1]);
        const stripe = require('stripe')('sk_test_1');
        const header = stripe.webhooks.generateTestHeaderString({ payload, secret, timestamp });
        console.log(JSON.stringify(header));";
    // The signature covers the body's whitespace.
    let payload = serde_json::to_string_pretty(&body)?;
    let input = json!({ "payload": payload, "secret": SIGNING_SECRET, "timestamp": AT });
    let header = text(&node(script, &input).await?)?;
    let own = json!({ "secret_key": "sk_test_1", "webhook_secret": SIGNING_SECRET });
    let check = async |header: &str, body: &str, at: i64| {
        parsed("stripe", &own, &[("stripe-signature", header)], body, at).await
    };
    succeeded(&check(&header, &payload, AT + 299).await??)?;
    ensure!(check(&header, &payload, AT + 301).await?.is_err(), "stale");
    ensure!(
        check(&header, &payload.replace("1999", "1998"), AT)
            .await?
            .is_err(),
        "altered"
    );
    let other = json!({ "payload": payload, "secret": "whsec_other", "timestamp": AT });
    let other = text(&node(script, &other).await?)?;
    ensure!(
        check(&other, &payload, AT).await?.is_err(),
        "another secret"
    );
    // While a secret is rotated, Stripe signs with both.
    let rolled = format!("{other},{}", header.split_once(',').context("no v1")?.1);
    succeeded(&check(&rolled, &payload, AT).await??)
}

#[tokio::test]
async fn adyen_library_signatures() -> Result<()> {
    let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
    let item = json!({
        "additionalData": {}, "amount": { "value": 1999, "currency": "EUR" },
        "eventCode": "AUTHORISATION", "eventDate": "2027-01-15T09:00:00+01:00",
        "merchantAccountCode": "TestMerchant", "merchantReference": PAYMENT,
        "originalReference": "", "paymentMethod": "visa", "pspReference": "7914073381342284",
        "reason": "061585:1111:03/2030", "success": "true",
    });
    let script = "
        const { item, key } = JSON.parse(process.argv[1]);
        const { hmacValidator } = require('@adyen/api-library');
        item.additionalData.hmacSignature = new hmacValidator().calculateHmac(item, key);
        console.log(JSON.stringify(item));";
    let signed = node(script, &json!({ "item": item, "key": key })).await?;
    let body = json!({
        "live": "false", "notificationItems": [{ "NotificationRequestItem": signed }],
    });
    let body = body.to_string();
    let own = json!({
        "api_key": "k", "merchant_account": "TestMerchant", "hmac_key": key,
        "base_url": "https://checkout-test.adyen.com/v71",
    });
    succeeded(&parsed("adyen", &own, &[], &body, AT).await??)?;
    for (from, to) in [
        ("1999", "1998"),
        ("\"EUR\"", "\"USD\""),
        (PAYMENT, "pay_1"),
        ("\"true\"", "\"false\""),
    ] {
        let altered = parsed("adyen", &own, &[], &body.replace(from, to), AT).await?;
        ensure!(altered.is_err(), "{from}");
    }
    Ok(())
}

/// PayPal's library cannot sign webhooks, but it builds the text to sign. The test signs that text
/// with its own certificate.
#[tokio::test]
async fn paypal_library_signatures() -> Result<()> {
    let body = json!({
        "id": "WH-1", "event_type": "PAYMENT.CAPTURE.COMPLETED", "summary": "ä ≠ a",
        "resource": {
            "id": "3C679366HH908993F", "status": "COMPLETED", "custom_id": PAYMENT,
            "amount": { "value": "19.99", "currency_code": "EUR" },
        },
    });
    let body = body.to_string();
    let signer = WebhookSigner::new("messageverificationcerts.paypal.com")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let certificate = signer.certificate.clone();
    let router = Router::new().fallback(async move || certificate.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let script = "
import base64, json, sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from paypalrestsdk.notifications import WebhookEvent
given = json.loads(sys.argv[1])
signed = WebhookEvent._get_expected_sig(given['id'], given['time'], given['webhook'], given['body'])
key = serialization.load_pem_private_key(given['key'].encode(), None)
signature = key.sign(signed.encode('utf-8'), padding.PKCS1v15(), hashes.SHA256())
print(json.dumps(base64.b64encode(signature).decode()))";
    // `time` equals `AT`.
    let (id, time) = (
        "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        "2027-01-15T08:00:00Z",
    );
    let input = json!({
        "id": id, "time": time, "webhook": "WH-42", "body": body, "key": signer.private_key,
    });
    let signature = text(&python(script, &input).await?)?;
    let url = format!("{base}/certs/paypal");
    let headers = [
        ("paypal-transmission-id", id),
        ("paypal-transmission-time", time),
        ("paypal-transmission-sig", signature.as_str()),
        ("paypal-auth-algo", "SHA256withRSA"),
        ("paypal-cert-url", url.as_str()),
    ];
    let own = |webhook: &str, authority: Option<&String>| {
        json!({
            "client_id": "id", "client_secret": "secret", "webhook_id": webhook,
            "base_url": base, "certificate_authority": authority,
        })
    };
    let (mine, trusted) = (own("WH-42", Some(&signer.authority)), AT + 60);
    succeeded(&parsed("paypal", &mine, &headers, &body, trusted).await??)?;
    let altered = body.replace("19.99", "19.98");
    ensure!(
        parsed("paypal", &mine, &headers, &altered, trusted)
            .await?
            .is_err()
    );
    let stale = AT + 4 * 86_400;
    ensure!(
        parsed("paypal", &mine, &headers, &body, stale)
            .await?
            .is_err()
    );
    let another = own("WH-43", Some(&signer.authority));
    ensure!(
        parsed("paypal", &another, &headers, &body, trusted)
            .await?
            .is_err()
    );
    // The same certificate without a trusted authority.
    let untrusted = own("WH-42", None);
    ensure!(
        parsed("paypal", &untrusted, &headers, &body, trusted)
            .await?
            .is_err()
    );
    // A trusted certificate for another name.
    let other = WebhookSigner::new("messageverificationcerts.paypal.com.evil.example")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let evil = format!("http://{}", listener.local_addr()?);
    let certificate = other.certificate.clone();
    let router = Router::new().fallback(async move || certificate.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut input = input.clone();
    input["key"] = other.private_key.clone().into();
    let signature = text(&python(script, &input).await?)?;
    let url = format!("{evil}/certs/paypal");
    let mut headers = headers;
    headers[2].1 = signature.as_str();
    headers[4].1 = url.as_str();
    let mut mine = own("WH-42", Some(&other.authority));
    mine["base_url"] = evil.into();
    ensure!(
        parsed("paypal", &mine, &headers, &body, trusted)
            .await?
            .is_err()
    );
    Ok(())
}
