//! Payments: create, replay, cancel.

use std::collections::HashSet;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;

use super::TestSandbox;
use crate::sandbox::cards::APPROVED;

#[tokio::test]
async fn an_approved_payment_sends_a_signed_webhook() {
    let sandbox = TestSandbox::start().await;
    let payment = sandbox.pay(APPROVED).await;
    assert_eq!(payment["status"], "succeeded");
    assert_eq!(payment["captured"], 1999);
    assert_eq!(payment["card"]["last4"], "4242");

    let webhook = sandbox.webhooks(1).await.remove(0);
    let (time, signature) = webhook
        .signature
        .strip_prefix("t=")
        .unwrap()
        .split_once(",v1=")
        .unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(sandbox.webhook_secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{}", webhook.body).as_bytes());
    assert_eq!(signature, hex::encode(mac.finalize().into_bytes()));
    let body: Value = serde_json::from_str(&webhook.body).unwrap();
    assert_eq!(body["type"], "payment.updated");
    assert_eq!(body["data"]["payment"], payment);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_payment_is_created_once() {
    let sandbox = TestSandbox::start().await;
    let body = sandbox.body(APPROVED, "pay_1");
    let response = sandbox.post("/v1/payments", "k1", &body).await;
    let first: Value = response.json().await.unwrap();
    let replayed = sandbox.post("/v1/payments", "k1", &body).await;
    assert_eq!(replayed.headers()["idempotent-replayed"], "true");
    assert_eq!(replayed.json::<Value>().await.unwrap(), first);

    let other = sandbox.body(APPROVED, "pay_2");
    let response = sandbox.post("/v1/payments", "k1", &other).await;
    assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let response = sandbox.post("/v1/payments", "k2", &body).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);

    let body = sandbox.body(APPROVED, "pay_3");
    let requests = (0..20).map(|_| sandbox.post("/v1/payments", "k3", &body));
    let mut ids = HashSet::new();
    for response in futures::future::join_all(requests).await {
        assert_eq!(response.status(), StatusCode::OK);
        ids.insert(response.json::<Value>().await.unwrap()["id"].to_string());
    }
    assert_eq!(ids.len(), 1);
    let list = sandbox.get("/v1/payments").await;
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    sandbox.stop().await;
}

#[tokio::test]
async fn hosted_payments_and_cancellation() {
    let sandbox = TestSandbox::start().await;
    let mut body = sandbox.body("", "hosted");
    body.as_object_mut().unwrap().remove("card");
    let response = sandbox.post("/v1/payments", "h", &body).await;
    let payment: Value = response.json().await.unwrap();
    assert_eq!(payment["status"], "requires_verification");
    assert_eq!(payment.get("card"), None);
    let path = format!("/v1/payments/{}/cancel", payment["id"].as_str().unwrap());
    for _ in 0..2 {
        let response = sandbox.post(&path, "c", &json!({})).await;
        let canceled: Value = response.json().await.unwrap();
        assert_eq!(canceled["status"], "canceled");
    }
    sandbox.verify(&payment, "confirm").await;
    let list = sandbox.get("/v1/payments?reference=hosted").await;
    assert_eq!(list["data"][0]["status"], "canceled");

    let paid = sandbox.pay(APPROVED).await;
    let path = format!("/v1/payments/{}/cancel", paid["id"].as_str().unwrap());
    let response = sandbox.post(&path, "c", &json!({})).await;
    assert_eq!(response.status(), StatusCode::CONFLICT);
    sandbox.stop().await;
}
