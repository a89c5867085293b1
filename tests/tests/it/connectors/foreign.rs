//! Connectors against software that nobody here wrote: `localstripe`, a fake of Stripe by others,
//! with its own signed webhooks; and the payment systems' own libraries, which sign what ours has
//! to verify.

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use till_server::connectors::{Account, Ctx, News, Webhook, WebhookError, by_kind};
use till_server::domain::Timing;
use till_shared::id::PaymentId;
use till_shared::payment::PaymentStatus;
use till_tests::World;
use till_tests::api::{Opened, card, send, text};
use till_tests::peers::paypal::Notary;
use till_tests::process::Running;
use till_tests::tools::{free_port, installed, node, python};
use till_tests::world::until;
use tokio::net::TcpListener;
use tokio::process::Command;

const SECRET_KEY: &str = "sk_test_12345";
const SIGNING_SECRET: &str = "whsec_localstripe";

/// `localstripe` behind a relay. It refuses parameters that Stripe documents and it does not know
/// (`return_url` and `description` of an intent, `created` of a list) and has no Checkout Sessions:
/// the relay takes these out of its way. Nothing else is touched.
struct LocalStripe {
    base: String,
    itself: String,
    relay: Arc<Relay>,
    _running: Running,
}

struct Relay {
    http: reqwest::Client,
    to: String,
    /// The next answer about a new intent is kept back.
    lose: AtomicBool,
}

impl LocalStripe {
    async fn start() -> Result<Self> {
        till_tests::set_up();
        let port = free_port().await?.to_string();
        // Its own program listens on every address of the machine.
        let program = "import sys; from aiohttp import web; from localstripe.server import app; \
                       web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]))";
        let mut command = Command::new(installed("TILL_LOCALSTRIPE_PYTHON")?);
        command
            .args(["-c", program, &port])
            .env("PYTHONUNBUFFERED", "1");
        let running = Running::start(&mut command, "Running on").await?;
        let itself = format!("http://127.0.0.1:{port}");
        let relay = Arc::new(Relay {
            http: reqwest::Client::builder().no_proxy().build()?,
            to: itself.clone(),
            lose: AtomicBool::new(false),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(relayed).with_state(relay.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            base,
            itself,
            relay,
            _running: running,
        })
    }

    async fn call(&self, method: Method, path: &str, form: &[(&str, &str)]) -> Result<Value> {
        let request = self
            .relay
            .http
            .request(method, format!("{}{path}", self.itself));
        let answer = request.bearer_auth(SECRET_KEY).form(form).send().await?;
        ensure!(answer.status().is_success(), "{path}: {}", answer.status());
        Ok(serde_json::from_slice(&answer.bytes().await?).unwrap_or_default())
    }

    async fn shop(&self) -> Result<World> {
        let credentials = json!({
            "secret_key": SECRET_KEY, "webhook_secret": SIGNING_SECRET, "base_url": self.base,
        });
        let accounts = [("stripe", "main", credentials)];
        let limit = ["--connector-timeout-ms", "5000"];
        let world = World::with_accounts(&accounts, &limit).await?;
        let url = format!("{}/v1/connectors/stripe/main/webhooks", world.api.url);
        let form = [("url", url.as_str()), ("secret", SIGNING_SECRET)];
        self.call(Method::POST, "/_config/webhooks/till", &form)
            .await?;
        Ok(world)
    }

    /// The intents it has: status, and our payment's id.
    async fn intents(&self) -> Result<Vec<(String, String)>> {
        let list = self.call(Method::GET, "/v1/payment_intents", &[]).await?;
        let data = list["data"].as_array().context("no list")?;
        let known = |i: &Value| {
            let ours = text(&i["metadata"]["till_payment"])?;
            Ok((text(&i["status"])?, ours))
        };
        data.iter().map(known).collect()
    }
}

async fn relayed(
    State(relay): State<Arc<Relay>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    if path == "/v1/checkout/sessions" {
        return axum::Json(json!({ "data": [], "has_more": false })).into_response();
    }
    let intents = path == "/v1/payment_intents";
    let kept = |pairs: &[u8], unknown: &[&str]| {
        let pairs = url::form_urlencoded::parse(pairs).into_owned();
        let pairs = pairs.filter(|(name, _)| !unknown.iter().any(|u| name.starts_with(u)));
        url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .finish()
    };
    let query = kept(uri.query().unwrap_or_default().as_bytes(), &["created"]);
    let unknown: &[&str] = if intents {
        &["return_url", "description"]
    } else {
        &[]
    };
    let mut request = relay
        .http
        .request(method.clone(), format!("{}{path}?{query}", relay.to));
    for name in [
        "authorization",
        "idempotency-key",
        "stripe-version",
        "content-type",
    ] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let Ok(answer) = request.body(kept(&body, unknown)).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, bytes) = (answer.status(), answer.bytes().await.unwrap_or_default());
    if intents && method == Method::POST && relay.lose.swap(false, Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    (status, bytes).into_response()
}

async fn webhooks_taken(world: &World) -> Result<i64> {
    let sql = "select count(*) from connector_webhooks";
    Ok(sqlx::query_scalar(sql)
        .fetch_one(&world.store().await?)
        .await?)
}

async fn pay(world: &World, n: &str, number: &str) -> Result<(Opened, Value)> {
    let opened = world.api.invoice(n).await?;
    let answer = world.api.pay(&opened, &card(number)).await?;
    ensure!(answer.status == 201, "{answer:?}\n{}", world.log());
    Ok((opened, answer.json()))
}

#[tokio::test]
async fn a_card_at_localstripe_with_its_own_webhook() -> Result<()> {
    let stripe = LocalStripe::start().await?;
    let world = stripe.shop().await?;
    let (opened, fixed) = pay(&world, "1", "4242424242424242").await?;
    ensure!(
        fixed["payment"]["status"] == "succeeded",
        "{fixed}\n{}",
        world.log()
    );
    world.api.until_status(&opened.id, "paid").await?;
    until("localstripe's own webhook", async || {
        Ok(webhooks_taken(&world).await? == 1)
    })
    .await?;
    ensure!(!world.log().contains("a webhook was refused"));
    let ours = text(&fixed["payment"]["id"])?;
    ensure!(stripe.intents().await? == [("succeeded".to_owned(), ours.clone())]);

    // Half of it goes back, and is there in localstripe's books.
    world.refund(&ours, 1000).await?;
    world
        .api
        .until_status(&opened.id, "partially_refunded")
        .await?;
    let refunds = stripe.call(Method::GET, "/v1/refunds", &[]).await?;
    ensure!(refunds["data"][0]["amount"] == 1000, "{refunds}");
    ensure!(
        refunds["data"].as_array().is_some_and(|d| d.len() == 1),
        "{refunds}"
    );
    Ok(())
}

#[tokio::test]
async fn a_declined_card_at_localstripe() -> Result<()> {
    let stripe = LocalStripe::start().await?;
    let world = stripe.shop().await?;
    let (opened, fixed) = pay(&world, "1", "4000000000000341").await?;
    ensure!(
        fixed["payment"]["status"] == "declined",
        "{fixed}\n{}",
        world.log()
    );
    ensure!(
        fixed["payment"]["decline"]["code"] == "card_declined",
        "{fixed}"
    );
    until("its webhook", async || {
        Ok(webhooks_taken(&world).await? == 1)
    })
    .await?;
    ensure!(world.api.read(&opened.id).await?["status"] == "open");
    Ok(())
}

/// Stripe's 3-D Secure test card. The webhook alone says that the buyer has passed.
#[tokio::test]
async fn verification_at_localstripe_told_by_webhook() -> Result<()> {
    let stripe = LocalStripe::start().await?;
    let world = stripe.shop().await?;
    let (opened, fixed) = pay(&world, "1", "4000002500003155").await?;
    ensure!(
        fixed["payment"]["status"] == "requires_verification",
        "{fixed}"
    );
    let id = text(&fixed["payment"]["reference"])?;
    let path = format!("/v1/payment_intents/{id}");
    let intent = stripe.call(Method::GET, &path, &[]).await?;
    let secret = text(&intent["client_secret"])?;
    let form = [("client_secret", secret.as_str()), ("success", "true")];
    stripe
        .call(Method::POST, &format!("{path}/_authenticate"), &form)
        .await?;
    world.api.until_status(&opened.id, "paid").await?;
    until("its webhook", async || {
        Ok(webhooks_taken(&world).await? == 1)
    })
    .await?;

    let (opened, fixed) = pay(&world, "2", "4000002500003155").await?;
    let rest = format!("/payments/{}/cancel", text(&fixed["payment"]["id"])?);
    let given_up = send(world.api.widget(Method::POST, &opened, &rest)).await?;
    ensure!(
        given_up.json()["payment"]["status"] == "canceled",
        "{given_up:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_lost_on_the_way_from_localstripe() -> Result<()> {
    let stripe = LocalStripe::start().await?;
    let world = stripe.shop().await?;
    // No webhook either: only localstripe's list can tell.
    let elsewhere = [("url", "http://127.0.0.1:9/"), ("secret", SIGNING_SECRET)];
    stripe
        .call(Method::POST, "/_config/webhooks/till", &elsewhere)
        .await?;
    stripe.relay.lose.store(true, Ordering::SeqCst);
    let (opened, fixed) = pay(&world, "1", "4242424242424242").await?;
    ensure!(fixed["payment"]["status"] == "processing", "{fixed}");
    world.api.until_status(&opened.id, "paid").await?;
    ensure!(stripe.intents().await?.len() == 1);
    Ok(())
}

/// What a connector makes of a webhook.
async fn parsed(
    kind: &str,
    credentials: &Value,
    headers: &[(&'static str, &str)],
    body: &str,
    at: i64,
) -> Result<Result<Vec<Webhook>, WebhookError>> {
    till_tests::set_up();
    let connector = by_kind(kind).context("no connector")?;
    let account = Account {
        kind: kind.to_owned(),
        id: "main".into(),
        credentials: credentials.to_string().into(),
    };
    let http = till_server::connectors::http_client(Duration::from_secs(5))?;
    let ctx = Ctx {
        http: &http,
        account: &account,
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

fn succeeded(webhooks: &[Webhook]) -> Result<()> {
    let ours: PaymentId = PAYMENT.parse().map_err(|_| anyhow::anyhow!("no id"))?;
    match webhooks.first().and_then(|w| w.news.first()) {
        Some(News::Payment(id, update)) if *id == ours => {
            ensure!(update.status == PaymentStatus::Succeeded, "{update:?}");
            Ok(())
        }
        _ => bail!("nothing about our payment"),
    }
}

#[tokio::test]
async fn stripes_own_library_signs() -> Result<()> {
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
    // Their serialisation, spaces and all.
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
        "another's secret"
    );
    // While a secret is rolled, Stripe signs with both.
    let rolled = format!("{other},{}", header.split_once(',').context("no v1")?.1);
    succeeded(&check(&rolled, &payload, AT).await??)
}

#[tokio::test]
async fn adyens_own_library_signs() -> Result<()> {
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

/// PayPal's library has no code that signs, as only PayPal does that. It has the code that says
/// what is signed: that is signed here, with a certificate made for it.
#[tokio::test]
async fn paypals_own_library_says_what_is_signed() -> Result<()> {
    let body = json!({
        "id": "WH-1", "event_type": "PAYMENT.CAPTURE.COMPLETED", "summary": "ä ≠ a",
        "resource": {
            "id": "3C679366HH908993F", "status": "COMPLETED", "custom_id": PAYMENT,
            "amount": { "value": "19.99", "currency_code": "EUR" },
        },
    });
    let body = body.to_string();
    let notary = Notary::new("messageverificationcerts.paypal.com")?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let base = format!("http://{}", listener.local_addr()?);
    let certificate = notary.certificate.clone();
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
    // The time is `AT`.
    let (id, time) = (
        "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        "2027-01-15T08:00:00Z",
    );
    let input = json!({
        "id": id, "time": time, "webhook": "WH-42", "body": body, "key": notary.private_key,
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
    let (mine, trusted) = (own("WH-42", Some(&notary.authority)), AT + 60);
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
    let another = own("WH-43", Some(&notary.authority));
    ensure!(
        parsed("paypal", &another, &headers, &body, trusted)
            .await?
            .is_err()
    );
    // The same certificate, with nobody to vouch for it.
    let untrusted = own("WH-42", None);
    ensure!(
        parsed("paypal", &untrusted, &headers, &body, trusted)
            .await?
            .is_err()
    );
    // A certificate for another name, with somebody who does.
    let other = Notary::new("messageverificationcerts.paypal.com.evil.example")?;
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
