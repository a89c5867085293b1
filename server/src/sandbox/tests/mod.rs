//! Tests of the sandbox over HTTP.

mod follow_ups;
mod outcomes;
mod payments;
mod refunds;
mod requests;
mod verification;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Sandbox;

/// A received webhook.
#[derive(Clone, Debug)]
struct Webhook {
    signature: String,
    body: String,
}

impl Webhook {
    fn payment_status(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["data"]["payment"]["status"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

const POLL_INTERVAL: Duration = Duration::from_millis(20);
const POLLS: usize = 300;

type Received = Arc<Mutex<Vec<Webhook>>>;

/// A running sandbox with an account and a receiver of webhooks.
struct TestSandbox {
    sandbox: Sandbox,
    client: Client,
    key: String,
    webhook_secret: String,
    webhook_url: String,
    received: Received,
    dir: PathBuf,
}

async fn receive(State(received): State<Received>, headers: HeaderMap, body: String) {
    let signature = headers["sandbox-signature"].to_str().unwrap().to_owned();
    received.lock().unwrap().push(Webhook { signature, body });
}

impl TestSandbox {
    async fn start() -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let dir = std::env::temp_dir().join(format!("till-sandbox-{}", uuid::Uuid::now_v7()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sandbox = Sandbox::start(listener, &dir.join("ledger.db"))
            .await
            .unwrap();
        let client = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();

        let received = Received::default();
        let receiver = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let webhook_url = format!("http://{}/webhooks", receiver.local_addr().unwrap());
        let app = Router::new()
            .route("/webhooks", post(receive))
            .with_state(received.clone());
        tokio::spawn(async move { axum::serve(receiver, app).await });

        let url = format!("{}/v1/accounts", sandbox.url);
        let account: Value = client.post(url).send().await.unwrap().json().await.unwrap();
        let text = |name: &str| account[name].as_str().unwrap().to_owned();
        let (key, webhook_secret) = (text("api_key"), text("webhook_secret"));
        Self {
            sandbox,
            client,
            key,
            webhook_secret,
            webhook_url,
            received,
            dir,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.url)
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> Response {
        self.client
            .post(self.url(path))
            .bearer_auth(&self.key)
            .header("idempotency-key", key)
            .json(body)
            .send()
            .await
            .unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let request = self.client.get(self.url(path)).bearer_auth(&self.key);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// The body of a request that creates a payment of 19.99 EUR.
    fn body(&self, number: &str, reference: &str) -> Value {
        json!({
            "amount": 1999, "currency": "EUR", "reference": reference,
            "card": {"number": number, "exp_month": 12, "exp_year": 2099, "cvc": "907"},
            "return_url": "http://merchant.test/return?a=1&b=2", "webhook_url": self.webhook_url,
        })
    }

    /// Creates a payment with the reference `pay_<number>`.
    async fn pay(&self, number: &str) -> Value {
        let reference = format!("pay_{number}");
        let body = self.body(number, &reference);
        let response = self.post("/v1/payments", &reference, &body).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    /// Reads the payment with the reference `pay_<number>`.
    async fn payment(&self, number: &str) -> Value {
        let path = format!("/v1/payments?reference=pay_{number}");
        self.get(&path).await["data"][0].clone()
    }

    async fn wait_for_status(&self, number: &str, status: &str) {
        for _ in 0..POLLS {
            if self.payment(number).await["status"] == status {
                return;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        panic!(
            "the payment is not {status}: {}",
            self.payment(number).await
        );
    }

    /// Submits a payment's verification form.
    async fn verify(&self, payment: &Value, action: &str) -> Response {
        let url = payment["verification"]["url"].as_str().unwrap();
        let request = self.client.post(url).form(&[("action", action)]);
        request.send().await.unwrap()
    }

    async fn verification_page(&self, payment: &Value) -> Response {
        let url = payment["verification"]["url"].as_str().unwrap();
        self.client.get(url).send().await.unwrap()
    }

    /// Waits for `count` webhooks of a type and returns the objects of this name in them, in the
    /// order in which they arrived.
    async fn objects(&self, kind: &str, name: &str, count: usize) -> Vec<Value> {
        let received = || {
            let all = self.received.lock().unwrap().clone();
            let bodies = all.iter().map(|w| serde_json::from_str(&w.body).unwrap());
            let of_kind = bodies.filter(|body: &Value| body["type"] == kind);
            of_kind.map(|body| body["data"][name].clone()).collect()
        };
        for _ in 0..POLLS {
            let found: Vec<Value> = received();
            if found.len() >= count {
                return found;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        panic!("{count} webhooks {kind} were not received");
    }

    /// Waits for `count` webhooks and returns all that were received.
    async fn webhooks(&self, count: usize) -> Vec<Webhook> {
        for _ in 0..POLLS {
            let received = self.received.lock().unwrap().clone();
            if received.len() >= count {
                return received;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        panic!(
            "{count} webhooks were not received: {:?}",
            self.received.lock().unwrap()
        );
    }

    async fn stop(self) {
        self.sandbox.stop().await.unwrap();
        std::fs::remove_dir_all(&self.dir).ok();
    }
}
