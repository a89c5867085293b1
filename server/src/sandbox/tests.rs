//! The sandbox over real HTTP on a free port.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use hmac::{Hmac, Mac as _};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use super::Sandbox;
use super::cards::{Outcome, TEST_CARDS};
use till_shared::card::luhn;

type Received = Arc<Mutex<Vec<(String, String)>>>;

struct Bench {
    sandbox: Sandbox,
    client: Client,
    key: String,
    secret: String,
    hook_url: String,
    received: Received,
    dir: PathBuf,
}

async fn receive(State(received): State<Received>, headers: HeaderMap, body: String) {
    let signature = headers["sandbox-signature"].to_str().unwrap().to_owned();
    received.lock().unwrap().push((signature, body));
}

impl Bench {
    async fn new() -> Self {
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
        let hooks = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hook_url = format!("http://{}/hook", hooks.local_addr().unwrap());
        let app = Router::new()
            .route("/hook", post(receive))
            .with_state(received.clone());
        tokio::spawn(async move { axum::serve(hooks, app).await });

        let url = format!("{}/v1/accounts", sandbox.url);
        let account: Value = client.post(url).send().await.unwrap().json().await.unwrap();
        let text = |name: &str| account[name].as_str().unwrap().to_owned();
        let (key, secret) = (text("api_key"), text("webhook_secret"));
        Self {
            sandbox,
            client,
            key,
            secret,
            hook_url,
            received,
            dir,
        }
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> Response {
        self.client
            .post(format!("{}{path}", self.sandbox.url))
            .bearer_auth(&self.key)
            .header("idempotency-key", key)
            .json(body)
            .send()
            .await
            .unwrap()
    }

    fn body(&self, number: &str, reference: &str) -> Value {
        json!({
            "amount": 1999, "currency": "EUR", "reference": reference,
            "card": {"number": number, "exp_month": 12, "exp_year": 2099, "cvc": "907"},
            "return_url": "http://merchant.test/return?a=1&b=2", "webhook_url": self.hook_url,
        })
    }

    async fn pay(&self, number: &str) -> Value {
        let reference = format!("pay_{number}");
        let answer = self
            .post("/v1/payments", &reference, &self.body(number, &reference))
            .await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}{path}", self.sandbox.url);
        let answer = self
            .client
            .get(url)
            .bearer_auth(&self.key)
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    async fn by_reference(&self, number: &str) -> Value {
        self.get(&format!("/v1/payments?reference=pay_{number}"))
            .await["data"][0]
            .clone()
    }

    async fn act(&self, payment: &Value, action: &str) -> Response {
        let url = payment["verification"]["url"].as_str().unwrap();
        self.client
            .post(url)
            .form(&[("action", action)])
            .send()
            .await
            .unwrap()
    }

    /// The webhooks once there are so many.
    async fn hooks(&self, count: usize) -> Vec<(String, String)> {
        for _ in 0..300 {
            let received = self.received.lock().unwrap().clone();
            if received.len() >= count {
                return received;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!(
            "{count} webhooks did not come: {:?}",
            self.received.lock().unwrap()
        );
    }

    async fn end(self) {
        self.sandbox.stop().await.unwrap();
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

fn status_in(hook: &(String, String)) -> String {
    let body: Value = serde_json::from_str(&hook.1).unwrap();
    body["data"]["payment"]["status"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn card_numbers_are_valid_and_unique() {
    let numbers: HashSet<_> = TEST_CARDS.iter().map(|card| card.number).collect();
    assert_eq!(numbers.len(), TEST_CARDS.len());
    for card in TEST_CARDS {
        assert!(luhn(card.number), "{}", card.number);
    }
}

#[tokio::test]
async fn approves_and_signs_the_webhook() {
    let bench = Bench::new().await;
    let payment = bench.pay("4242424242424242").await;
    assert_eq!(payment["status"], "succeeded");
    assert_eq!(payment["captured"], 1999);
    assert_eq!(payment["card"]["last4"], "4242");

    let (header, body) = bench.hooks(1).await.remove(0);
    let (time, signature) = header
        .strip_prefix("t=")
        .unwrap()
        .split_once(",v1=")
        .unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(bench.secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    assert_eq!(signature, hex::encode(mac.finalize().into_bytes()));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["type"], "payment.updated");
    assert_eq!(body["data"]["payment"], payment);
    bench.end().await;
}

#[tokio::test]
async fn every_decline_card_declines_with_its_code() {
    let bench = Bench::new().await;
    for card in TEST_CARDS {
        if let Outcome::Decline(code) = card.outcome {
            let payment = bench.pay(card.number).await;
            assert_eq!(
                (&payment["status"], &payment["decline_code"]),
                (&json!("declined"), &json!(code))
            );
            assert_eq!(payment["captured"], 0);
        }
    }
    for number in ["4242424242424241", "4000056655665556", "x"] {
        assert_eq!(bench.pay(number).await["decline_code"], "incorrect_number");
    }
    let mut body = bench.body("4242424242424242", "old");
    body["card"]["exp_year"] = json!(2020);
    let payment: Value = bench
        .post("/v1/payments", "old", &body)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(payment["decline_code"], "expired_card");
    bench.end().await;
}

#[tokio::test]
async fn verification_confirms_cancels_and_fails() {
    let bench = Bench::new().await;
    for (number, action, status, code) in [
        ("4000000000003220", "confirm", "succeeded", Value::Null),
        (
            "4000000000003063",
            "cancel",
            "declined",
            json!("verification_abandoned"),
        ),
        (
            "4000000000009037",
            "confirm",
            "declined",
            json!("verification_failed"),
        ),
        (
            "4000000000009052",
            "confirm",
            "declined",
            json!("insufficient_funds"),
        ),
    ] {
        let payment = bench.pay(number).await;
        assert_eq!(payment["status"], "requires_verification");
        for again in [action, "confirm", "cancel"] {
            let answer = bench.act(&payment, again).await;
            assert_eq!(answer.status(), StatusCode::SEE_OTHER);
            assert_eq!(
                answer.headers()["location"],
                "http://merchant.test/return?a=1&b=2"
            );
        }
        let after = bench.by_reference(number).await;
        assert_eq!(
            (&after["status"], &after["decline_code"]),
            (&json!(status), &code)
        );
        let url = payment["verification"]["url"].as_str().unwrap();
        let page = bench
            .client
            .get(url)
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(page.contains("return?a=1&amp;b=2") && !page.contains("id=\"confirm\""));
    }
    bench.hooks(4).await;
    bench.end().await;
}

#[tokio::test]
async fn only_the_redirect_card_refuses_frames() {
    let bench = Bench::new().await;
    for (number, framable) in [("4000000000003220", true), ("4000000000003063", false)] {
        let payment = bench.pay(number).await;
        assert_eq!(payment["verification"]["framable"], framable);
        let url = payment["verification"]["url"].as_str().unwrap();
        let page = bench.client.get(url).send().await.unwrap();
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert_eq!(policy.contains("frame-ancestors 'none'"), !framable);
        assert_eq!(page.headers().contains_key("x-frame-options"), !framable);
        let text = page.text().await.unwrap();
        assert!(text.contains("19.99 EUR") && text.contains("id=\"cancel\""));
    }
    bench.end().await;
}

#[tokio::test]
async fn a_payment_is_taken_once() {
    let bench = Bench::new().await;
    let body = bench.body("4242424242424242", "pay_1");
    let first: Value = bench
        .post("/v1/payments", "k1", &body)
        .await
        .json()
        .await
        .unwrap();
    let again = bench.post("/v1/payments", "k1", &body).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(again.json::<Value>().await.unwrap(), first);

    let other = bench.body("4242424242424242", "pay_2");
    let refused = bench.post("/v1/payments", "k1", &other).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let refused = bench.post("/v1/payments", "k2", &body).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);

    let body = bench.body("4242424242424242", "pay_3");
    let many = (0..20).map(|_| bench.post("/v1/payments", "k3", &body));
    let mut ids = HashSet::new();
    for answer in futures::future::join_all(many).await {
        assert_eq!(answer.status(), StatusCode::OK);
        ids.insert(answer.json::<Value>().await.unwrap()["id"].to_string());
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(
        bench.get("/v1/payments").await["data"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
    bench.end().await;
}

#[tokio::test]
async fn refunds_stay_within_what_was_captured() {
    let bench = Bench::new().await;
    let payment = bench.pay("5555555555554444").await;
    let path = format!("/v1/payments/{}/refunds", payment["id"].as_str().unwrap());
    let refund = async |amount: i64, key: &str| {
        let answer = bench
            .post(&path, key, &json!({"amount": amount, "reference": key}))
            .await;
        answer.status().as_u16()
    };
    assert_eq!(refund(2000, "r0").await, 422);
    assert_eq!(refund(1500, "r1").await, 200);
    assert_eq!(refund(1500, "r1").await, 200);
    assert_eq!(refund(500, "r2").await, 422);
    let race = futures::future::join_all(["a", "b", "c"].map(|key| refund(499, key))).await;
    assert_eq!(race.iter().filter(|status| **status == 200).count(), 1);
    let after = bench.by_reference("5555555555554444").await;
    assert_eq!(after["refunded"], 1999);
    let listed = bench.get(&format!("{path}?reference=r1")).await;
    assert_eq!(listed["data"][0]["amount"], 1500);
    let kinds: Vec<bool> = bench
        .hooks(3)
        .await
        .iter()
        .map(|hook| hook.1.contains("refund.updated"))
        .collect();
    assert_eq!(kinds.iter().filter(|refund| **refund).count(), 2);
    bench.end().await;
}

#[tokio::test]
async fn hosted_payments_and_cancellation() {
    let bench = Bench::new().await;
    let mut body = bench.body("", "hosted");
    body.as_object_mut().unwrap().remove("card");
    let payment: Value = bench
        .post("/v1/payments", "h", &body)
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(payment["status"], "requires_verification");
    assert_eq!(payment.get("card"), None);
    let path = format!("/v1/payments/{}/cancel", payment["id"].as_str().unwrap());
    for _ in 0..2 {
        let canceled: Value = bench
            .post(&path, "c", &json!({}))
            .await
            .json()
            .await
            .unwrap();
        assert_eq!(canceled["status"], "canceled");
    }
    bench.act(&payment, "confirm").await;
    assert_eq!(
        bench.get("/v1/payments?reference=hosted").await["data"][0]["status"],
        "canceled"
    );

    let paid = bench.pay("4242424242424242").await;
    let path = format!("/v1/payments/{}/cancel", paid["id"].as_str().unwrap());
    assert_eq!(
        bench.post(&path, "c", &json!({})).await.status(),
        StatusCode::CONFLICT
    );
    bench.end().await;
}

#[tokio::test]
async fn trouble_cards_do_as_they_say() {
    let bench = Bench::new().await;
    let unavailable = bench.body("4000000000009144", "pay_4000000000009144");
    assert_eq!(
        bench.post("/v1/payments", "u", &unavailable).await.status(),
        503
    );
    assert_eq!(bench.by_reference("4000000000009144").await, Value::Null);
    let lost = bench.body("4000000000009102", "pay_4000000000009102");
    let url = format!("{}/v1/payments", bench.sandbox.url);
    let request = bench
        .client
        .post(url)
        .bearer_auth(&bench.key)
        .header("idempotency-key", "l");
    assert!(
        request
            .json(&lost)
            .timeout(Duration::from_millis(300))
            .send()
            .await
            .is_err()
    );
    assert_eq!(
        bench.by_reference("4000000000009102").await["status"],
        "succeeded"
    );
    assert_eq!(bench.pay("4000000000009185").await["status"], "processing");
    tokio::time::sleep(Duration::from_millis(1300)).await;
    assert_eq!(
        bench.by_reference("4000000000009185").await["status"],
        "succeeded"
    );
    assert_eq!(bench.received.lock().unwrap().len(), 0);

    let broken = bench.body("4000000000009136", "pay_4000000000009136");
    assert_eq!(bench.post("/v1/payments", "b", &broken).await.status(), 500);
    assert_eq!(
        bench.by_reference("4000000000009136").await["status"],
        "succeeded"
    );
    bench.pay("4000000000009169").await;
    let hooks = bench.hooks(3).await;
    assert_eq!(hooks[1].1, hooks[2].1);
    bench.pay("4000000000009177").await;
    let hooks = bench.hooks(5).await;
    assert_eq!(
        (status_in(&hooks[3]), status_in(&hooks[4])),
        ("succeeded".into(), "processing".into())
    );
    bench.pay("4000000000009045").await;
    assert_eq!(status_in(&bench.hooks(6).await[5]), "declined");
    bench.end().await;
}

#[tokio::test]
async fn no_card_number_or_cvc_reaches_the_file() {
    let bench = Bench::new().await;
    let numbers = ["4242424242424242", "4000000000003220", "4000000000000002"];
    for (index, number) in numbers.iter().enumerate() {
        let reference = format!("pay_{index}");
        bench
            .post("/v1/payments", &reference, &bench.body(number, &reference))
            .await;
    }
    bench.hooks(2).await;
    let mut seen = 0;
    for entry in std::fs::read_dir(&bench.dir).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        seen += text.matches("pay_0").count();
        for secret in numbers.iter().chain(&["cvc\"", "\"907\""]) {
            assert!(!text.contains(secret), "{secret}");
        }
    }
    assert!(seen > 0);
    bench.end().await;
}

#[tokio::test]
async fn bad_requests_are_told_without_repeating_values() {
    let bench = Bench::new().await;
    let mut body = bench.body("4242424242424242", "bad");
    body["card"]["number"] = json!(4242424242424242_u64);
    let answer = bench.post("/v1/payments", "bad", &body).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(!answer.text().await.unwrap().contains("42424242"));
    let url = format!("{}/v1/payments", bench.sandbox.url);
    let answer = bench
        .client
        .get(&url)
        .bearer_auth("sbx_key_no")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let answer = bench
        .client
        .post(&url)
        .bearer_auth(&bench.key)
        .body("{}")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    let cards = bench.client.get(&bench.sandbox.url).send().await.unwrap();
    assert_eq!(cards.headers()["location"], "/sandbox");
    bench.end().await;
}
