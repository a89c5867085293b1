//! What each test card does.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};
use till_shared::card::luhn;

use super::TestSandbox;
use crate::sandbox::cards::{
    ANSWER_LOST, APPROVED, Outcome, SERVER_ERROR, TEST_CARDS, UNAVAILABLE, VERIFICATION_EXPIRES,
    WEBHOOK_NEVER, WEBHOOK_OUT_OF_ORDER, WEBHOOK_TWICE,
};

#[test]
fn card_numbers_are_valid_and_unique() {
    let numbers: HashSet<_> = TEST_CARDS.iter().map(|card| card.number).collect();
    assert_eq!(numbers.len(), TEST_CARDS.len());
    for card in TEST_CARDS {
        assert!(luhn(card.number), "{}", card.number);
    }
}

#[tokio::test]
async fn every_decline_card_declines_with_its_code() {
    let sandbox = TestSandbox::start().await;
    for card in TEST_CARDS {
        if let Outcome::Decline(code) = card.outcome {
            let payment = sandbox.pay(card.number).await;
            assert_eq!(
                (&payment["status"], &payment["decline_code"]),
                (&json!("declined"), &json!(code))
            );
            assert_eq!(payment["captured"], 0);
        }
    }
    for number in ["4242424242424241", "4000056655665556", "x"] {
        assert_eq!(
            sandbox.pay(number).await["decline_code"],
            "incorrect_number"
        );
    }
    let mut body = sandbox.body(APPROVED, "expired");
    body["card"]["exp_year"] = json!(2020);
    let response = sandbox.post("/v1/payments", "expired", &body).await;
    let payment: Value = response.json().await.unwrap();
    assert_eq!(payment["decline_code"], "expired_card");
    sandbox.stop().await;
}

#[tokio::test]
async fn unavailable_creates_no_payment() {
    let sandbox = TestSandbox::start().await;
    let body = sandbox.body(UNAVAILABLE, &format!("pay_{UNAVAILABLE}"));
    let response = sandbox.post("/v1/payments", "u", &body).await;
    assert_eq!(response.status(), 503);
    assert_eq!(sandbox.payment(UNAVAILABLE).await, Value::Null);
    sandbox.stop().await;
}

#[tokio::test]
async fn faulty_responses_and_webhooks() {
    let sandbox = TestSandbox::start().await;

    let lost = sandbox.body(ANSWER_LOST, &format!("pay_{ANSWER_LOST}"));
    let request = sandbox
        .client
        .post(sandbox.url("/v1/payments"))
        .bearer_auth(&sandbox.key)
        .header("idempotency-key", "l")
        .json(&lost)
        .timeout(Duration::from_millis(300));
    assert!(request.send().await.is_err());
    assert_eq!(sandbox.payment(ANSWER_LOST).await["status"], "succeeded");

    assert_eq!(sandbox.pay(WEBHOOK_NEVER).await["status"], "processing");
    sandbox.wait_for_status(WEBHOOK_NEVER, "succeeded").await;
    assert_eq!(sandbox.received.lock().unwrap().len(), 0);

    let body = sandbox.body(SERVER_ERROR, &format!("pay_{SERVER_ERROR}"));
    let response = sandbox.post("/v1/payments", "s", &body).await;
    assert_eq!(response.status(), 500);
    assert_eq!(sandbox.payment(SERVER_ERROR).await["status"], "succeeded");
    sandbox.webhooks(1).await;

    sandbox.pay(WEBHOOK_TWICE).await;
    let webhooks = sandbox.webhooks(3).await;
    assert_eq!(webhooks[1].body, webhooks[2].body);

    sandbox.pay(WEBHOOK_OUT_OF_ORDER).await;
    let webhooks = sandbox.webhooks(5).await;
    assert_eq!(webhooks[3].payment_status(), "succeeded");
    assert_eq!(webhooks[4].payment_status(), "processing");

    sandbox.pay(VERIFICATION_EXPIRES).await;
    let webhooks = sandbox.webhooks(6).await;
    assert_eq!(webhooks[5].payment_status(), "declined");
    sandbox.stop().await;
}
