//! Refunds.

use serde_json::json;

use super::TestSandbox;
use crate::sandbox::cards::APPROVED_MASTERCARD;

#[tokio::test]
async fn refunds_do_not_exceed_the_captured_amount() {
    let sandbox = TestSandbox::start().await;
    let payment = sandbox.pay(APPROVED_MASTERCARD).await;
    let path = format!("/v1/payments/{}/refunds", payment["id"].as_str().unwrap());
    let refund = async |amount: i64, key: &str| {
        let body = json!({"amount": amount, "reference": key});
        sandbox.post(&path, key, &body).await.status().as_u16()
    };
    assert_eq!(refund(2000, "r0").await, 422);
    assert_eq!(refund(1500, "r1").await, 200);
    assert_eq!(refund(1500, "r1").await, 200);
    assert_eq!(refund(500, "r2").await, 422);
    let concurrent = ["a", "b", "c"].map(|key| refund(499, key));
    let statuses = futures::future::join_all(concurrent).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);

    let payment = sandbox.payment(APPROVED_MASTERCARD).await;
    assert_eq!(payment["refunded"], 1999);
    let list = sandbox.get(&format!("{path}?reference=r1")).await;
    assert_eq!(list["data"][0]["amount"], 1500);
    let webhooks = sandbox.webhooks(3).await;
    let refunds = webhooks
        .iter()
        .filter(|webhook| webhook.body.contains("refund.updated"));
    assert_eq!(refunds.count(), 2);
    sandbox.stop().await;
}
