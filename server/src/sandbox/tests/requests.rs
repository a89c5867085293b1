//! Card data in files and error messages; invalid requests.

use reqwest::StatusCode;
use serde_json::json;

use super::TestSandbox;
use crate::sandbox::cards::{APPROVED, CARD_DECLINED, VERIFIED};

#[tokio::test]
async fn the_ledger_contains_no_card_number_and_no_cvc() {
    let sandbox = TestSandbox::start().await;
    let numbers = [APPROVED, VERIFIED, CARD_DECLINED];
    for (index, number) in numbers.iter().enumerate() {
        let reference = format!("pay_{index}");
        let body = sandbox.body(number, &reference);
        sandbox.post("/v1/payments", &reference, &body).await;
    }
    sandbox.webhooks(2).await;
    let mut references = 0;
    for entry in std::fs::read_dir(&sandbox.dir).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        references += text.matches("pay_0").count();
        for secret in numbers.iter().chain(&["cvc\"", "\"907\""]) {
            assert!(!text.contains(secret), "{secret}");
        }
    }
    assert!(references > 0);
    sandbox.stop().await;
}

#[tokio::test]
async fn errors_do_not_repeat_values() {
    let sandbox = TestSandbox::start().await;
    let mut body = sandbox.body(APPROVED, "invalid");
    body["card"]["number"] = json!(APPROVED.parse::<u64>().unwrap());
    let response = sandbox.post("/v1/payments", "invalid", &body).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(!response.text().await.unwrap().contains("42424242"));
    sandbox.stop().await;
}

#[tokio::test]
async fn invalid_requests_are_rejected() {
    let sandbox = TestSandbox::start().await;
    let url = sandbox.url("/v1/payments");
    let request = sandbox.client.get(&url).bearer_auth("sbx_key_no");
    assert_eq!(
        request.send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let request = sandbox.client.post(&url).bearer_auth(&sandbox.key);
    assert_eq!(
        request.body("{}").send().await.unwrap().status(),
        StatusCode::BAD_REQUEST
    );
    sandbox.stop().await;
}

#[tokio::test]
async fn the_root_redirects_to_the_test_cards() {
    let sandbox = TestSandbox::start().await;
    let response = sandbox.client.get(sandbox.url("/")).send().await.unwrap();
    assert_eq!(response.headers()["location"], "/sandbox");
    let page = sandbox.client.get(sandbox.url("/sandbox")).send().await;
    let text = page.unwrap().text().await.unwrap();
    assert!(text.contains("<code>4242 4242 4242 4242</code>"));
    sandbox.stop().await;
}
