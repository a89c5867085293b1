//! What happens after a payment succeeded, and the dashboard.

use serde_json::{Value, json};

use super::TestSandbox;
use crate::sandbox::cards::{
    APPROVED, DISPUTE_LOST, DISPUTE_WON, REFUND_FAILS, REFUND_PENDING, REVERSED,
};
use crate::sandbox::ledger;

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

fn statuses(objects: &[Value]) -> Vec<&str> {
    let statuses = objects.iter().map(|object| object["status"].as_str());
    statuses.map(Option::unwrap).collect()
}

impl TestSandbox {
    async fn refund(&self, payment: &Value, amount: i64, reference: &str) -> Value {
        let path = format!("/v1/payments/{}/refunds", id(payment));
        let body = json!({"amount": amount, "reference": reference});
        let response = self.post(&path, reference, &body).await;
        response.json().await.unwrap()
    }
}

#[tokio::test]
async fn a_dispute_opens_and_is_decided() {
    for (number, expected) in [
        (DISPUTE_WON, &["needs_response", "under_review", "won"][..]),
        (DISPUTE_LOST, &["needs_response", "lost"]),
    ] {
        let sandbox = TestSandbox::start().await;
        let payment = sandbox.pay(number).await;
        assert_eq!(payment["status"], "succeeded");
        let count = expected.len();
        let disputes = sandbox.objects("dispute.updated", "dispute", count).await;
        assert_eq!(statuses(&disputes), expected);
        let last = &disputes[count - 1];
        assert_eq!(disputes[0]["id"], last["id"]);
        assert_eq!(last["amount"], 1999);
        let path = format!("/v1/payments/{}/disputes", id(&payment));
        assert_eq!(sandbox.get(&path).await["data"], json!([last]));
        sandbox.stop().await;
    }
}

#[tokio::test]
async fn a_reversal_takes_back_what_is_left() {
    let sandbox = TestSandbox::start().await;
    let payment = sandbox.pay(REVERSED).await;
    sandbox.refund(&payment, 500, "r1").await;
    let reversals = sandbox.objects("payment.reversed", "reversal", 1).await;
    assert_eq!(reversals[0]["amount"], 1499);
    assert_eq!(sandbox.payment(REVERSED).await["reversed"], 1499);
    let refused = sandbox.refund(&payment, 1, "r2").await;
    assert_eq!(refused["error"]["code"], "amount_too_large");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_refund_that_failed_can_be_made_again() {
    let sandbox = TestSandbox::start().await;
    let payment = sandbox.pay(REFUND_FAILS).await;
    let refund = sandbox.refund(&payment, 1999, "r1").await;
    assert_eq!(refund["status"], "succeeded");
    // The webhook about the success is older, and arrives last.
    let refunds = sandbox.objects("refund.updated", "refund", 2).await;
    assert_eq!(statuses(&refunds), ["failed", "succeeded"]);
    assert_eq!(sandbox.payment(REFUND_FAILS).await["refunded"], 0);
    // The same request is answered with what became of it, and another one refunds again.
    let repeated = sandbox.refund(&payment, 1999, "r1").await;
    assert_eq!(repeated["status"], "failed");
    let again = sandbox.refund(&payment, 1999, "r2").await;
    assert_eq!(again["status"], "succeeded");
    sandbox.stop().await;
}

#[tokio::test]
async fn a_pending_refund_succeeds() {
    let sandbox = TestSandbox::start().await;
    let payment = sandbox.pay(REFUND_PENDING).await;
    let refund = sandbox.refund(&payment, 500, "r1").await;
    assert_eq!(refund["status"], "pending");
    let refunds = sandbox.objects("refund.updated", "refund", 2).await;
    assert_eq!(statuses(&refunds), ["pending", "succeeded"]);
    assert_eq!(sandbox.payment(REFUND_PENDING).await["refunded"], 500);
    sandbox.stop().await;
}

#[tokio::test]
async fn a_refund_in_the_dashboard_has_no_reference() {
    let sandbox = TestSandbox::start().await;
    let payment = sandbox.pay(APPROVED).await;
    let path = format!("/v1/payments/{}/dashboard_refunds", id(&payment));
    let part = sandbox.post(&path, "", &json!({"amount": 500})).await;
    let part: Value = part.json().await.unwrap();
    assert_eq!(
        (&part["amount"], &part["reference"]),
        (&json!(500), &Value::Null)
    );
    let rest: Value = sandbox
        .post(&path, "", &json!({}))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(rest["amount"], 1499);
    assert_eq!(sandbox.post(&path, "", &json!({})).await.status(), 422);
    let refunds = sandbox.objects("refund.updated", "refund", 2).await;
    assert!(refunds.contains(&part) && refunds.contains(&rest));
    // Another account's payment.
    let url = sandbox.url("/v1/accounts");
    let other: Value = sandbox
        .client
        .post(url)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let request = sandbox.client.post(sandbox.url(&path)).json(&json!({}));
    let response = request
        .bearer_auth(other["api_key"].as_str().unwrap())
        .send();
    assert_eq!(response.await.unwrap().status(), 404);
    sandbox.stop().await;
}

/// A ledger of an earlier version gets the columns that it lacks.
#[tokio::test]
async fn an_earlier_ledger_is_opened() {
    let dir = std::env::temp_dir().join(format!("till-sandbox-{}", uuid::Uuid::now_v7()));
    let path = dir.join("ledger.db");
    let pool = ledger::open(&path).await.unwrap();
    let mut connection = pool.acquire().await.unwrap();
    for statement in [
        "alter table payments drop column reversed",
        "alter table refunds drop column status",
        "alter table refunds drop column dashboard",
    ] {
        let altered = sqlx::query(statement).execute(&mut *connection).await;
        altered.unwrap();
    }
    drop(connection);
    pool.close().await;
    let pool = ledger::open(&path).await.unwrap();
    for statement in [
        "select reversed from payments",
        "select status, dashboard from refunds",
    ] {
        sqlx::query(statement).fetch_all(&pool).await.unwrap();
    }
    pool.close().await;
    std::fs::remove_dir_all(&dir).ok();
}
