//! The Stripe connector against `localstripe`, a third-party mock of Stripe that signs webhooks.

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Opened, card, send, text};
use till_tests::process::{Running, command};
use till_tests::tools::{free_port, installed};
use till_tests::wait::until;
use tokio::net::TcpListener;

const SECRET_KEY: &str = "sk_test_12345";
const SIGNING_SECRET: &str = "whsec_localstripe";

/// `localstripe` behind a relay. `localstripe` rejects some parameters that Stripe documents
/// (`return_url` and `description` of an intent, `created` of a list), wants the card of an intent in
/// a call of its own, gives a decline the type of other errors, and has no Checkout Sessions. The
/// relay makes up for these and forwards everything else unchanged.
struct LocalStripe {
    base: String,
    itself: String,
    relay: Arc<Relay>,
    _running: Running,
}

struct Relay {
    http: reqwest::Client,
    to: String,
    /// Whether to drop the response for the next new intent.
    lose: AtomicBool,
}

impl LocalStripe {
    async fn start() -> Result<Self> {
        till_tests::client::install_crypto_provider();
        let port = free_port().await?.to_string();
        // The `localstripe` command listens on all addresses.
        let program = "import sys; from aiohttp import web; from localstripe.server import app; \
                       web.run_app(app, host='127.0.0.1', port=int(sys.argv[1]))";
        let mut command = command(installed("TILL_LOCALSTRIPE_PYTHON")?);
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

    async fn shop(&self) -> Result<TestApp> {
        let credentials = json!({
            "secret_key": SECRET_KEY, "webhook_secret": SIGNING_SECRET, "base_url": self.base,
        });
        let accounts = [("stripe", "main", credentials)];
        let limit = ["--connector-timeout-ms", "5000"];
        let app = TestApp::with_accounts(&accounts, &limit).await?;
        let url = format!("{}/v1/connectors/stripe/main/webhooks", app.api.url);
        let form = [("url", url.as_str()), ("secret", SIGNING_SECRET)];
        self.call(Method::POST, "/_config/webhooks/till", &form)
            .await?;
        Ok(app)
    }

    /// Lists the intents: status and payment id.
    async fn intents(&self) -> Result<Vec<(String, String)>> {
        let list = self.call(Method::GET, "/v1/payment_intents", &[]).await?;
        let data = list["data"].as_array().context("no list")?;
        let known = |i: &Value| {
            let payment = text(&i["metadata"]["till_payment"])?;
            Ok((text(&i["status"])?, payment))
        };
        data.iter().map(known).collect()
    }
}

/// Creates the payment method in the body of a new intent, and returns its id.
async fn create_method(relay: &Relay, headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let pairs = url::form_urlencoded::parse(body).into_owned();
    let form: Vec<_> = pairs
        .filter_map(|(name, value)| {
            let (first, rest) = name.strip_prefix("payment_method_data[")?.split_once(']')?;
            let known = ["type", "card", "billing_details"].contains(&first);
            known.then(|| (format!("{first}{rest}"), value))
        })
        .collect();
    let url = format!("{}/v1/payment_methods", relay.to);
    let request = relay.http.post(url).form(&form);
    let request = request.header("authorization", headers.get("authorization")?);
    let created: Value = request.send().await.ok()?.json().await.ok()?;
    Some(created["id"].as_str()?.to_owned())
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
        &["return_url", "description", "payment_method_data"]
    } else {
        &[]
    };
    let mut form = kept(&body, unknown);
    if intents && method == Method::POST {
        let Some(card) = create_method(&relay, &headers, &body).await else {
            return StatusCode::BAD_GATEWAY.into_response();
        };
        form.push_str(&format!("&payment_method={card}"));
    }
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
    let Ok(answer) = request.body(form).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, mut bytes) = (answer.status(), answer.bytes().await.unwrap_or_default());
    if status == StatusCode::PAYMENT_REQUIRED {
        let text = String::from_utf8_lossy(&bytes);
        bytes = text.replace("invalid_request_error", "card_error").into();
    }
    if intents && method == Method::POST && relay.lose.swap(false, Ordering::SeqCst) {
        // The server's time limit is shorter.
        std::future::pending::<()>().await;
    }
    (status, bytes).into_response()
}

async fn accepted_webhooks(app: &TestApp) -> Result<i64> {
    let sql = "select count(*) from connector_webhooks";
    Ok(sqlx::query_scalar(sql)
        .fetch_one(&app.store().await?)
        .await?)
}

async fn pay(app: &TestApp, n: &str, number: &str) -> Result<(Opened, Value)> {
    let opened = app.api.invoice(n).await?;
    let answer = app.api.pay(&opened, &card(number)).await?;
    ensure!(answer.status == 201, "{answer:?}\n{}", app.log());
    Ok((opened, answer.json()))
}

#[tokio::test]
async fn a_card_payment_with_webhook() -> Result<()> {
    let stripe = LocalStripe::start().await?;
    let app = stripe.shop().await?;
    let (opened, fixed) = pay(&app, "1", APPROVED).await?;
    ensure!(
        fixed["payment"]["status"] == "succeeded",
        "{fixed}\n{}",
        app.log()
    );
    app.api.until_status(&opened.id, "paid").await?;
    until("the webhook", async || {
        Ok(accepted_webhooks(&app).await? == 1)
    })
    .await?;
    ensure!(!app.log().contains("webhook rejected"));
    let payment = text(&fixed["payment"]["id"])?;
    ensure!(stripe.intents().await? == [("succeeded".to_owned(), payment.clone())]);

    // A partial refund is recorded by localstripe.
    app.refund(&payment, 1000).await?;
    app.api
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
async fn a_declined_card() -> Result<()> {
    let stripe = LocalStripe::start().await?;
    let app = stripe.shop().await?;
    let (opened, fixed) = pay(&app, "1", "4000000000000341").await?;
    ensure!(
        fixed["payment"]["status"] == "declined",
        "{fixed}\n{}",
        app.log()
    );
    ensure!(
        fixed["payment"]["decline"]["code"] == "card_declined",
        "{fixed}"
    );
    until("the webhook", async || {
        Ok(accepted_webhooks(&app).await? == 1)
    })
    .await?;
    ensure!(app.api.read(&opened.id).await?["status"] == "open");
    Ok(())
}

/// Stripe's 3-D Secure test card. Only the webhook reports that the verification succeeded.
#[tokio::test]
async fn verification_reported_by_webhook() -> Result<()> {
    let stripe = LocalStripe::start().await?;
    let app = stripe.shop().await?;
    let (opened, fixed) = pay(&app, "1", "4000002500003155").await?;
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
    app.api.until_status(&opened.id, "paid").await?;
    until("the webhook", async || {
        Ok(accepted_webhooks(&app).await? == 1)
    })
    .await?;

    let (opened, fixed) = pay(&app, "2", "4000002500003155").await?;
    let rest = format!("/payments/{}/cancel", text(&fixed["payment"]["id"])?);
    let canceled = send(app.api.widget(Method::POST, &opened, &rest)).await?;
    ensure!(
        canceled.json()["payment"]["status"] == "canceled",
        "{canceled:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_lost_response() -> Result<()> {
    let stripe = LocalStripe::start().await?;
    let app = stripe.shop().await?;
    // No webhook is sent, so the reconciler has to find the payment.
    let elsewhere = [("url", "http://127.0.0.1:9/"), ("secret", SIGNING_SECRET)];
    stripe
        .call(Method::POST, "/_config/webhooks/till", &elsewhere)
        .await?;
    stripe.relay.lose.store(true, Ordering::SeqCst);
    let (opened, fixed) = pay(&app, "1", APPROVED).await?;
    ensure!(fixed["payment"]["status"] == "processing", "{fixed}");
    app.api.until_status(&opened.id, "paid").await?;
    ensure!(stripe.intents().await?.len() == 1);
    Ok(())
}
