//! The verification form.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::TestSandbox;
use crate::sandbox::cards::{
    DECLINED_AFTER_VERIFICATION, VERIFICATION_FAILED, VERIFIED, VERIFIED_BY_REDIRECT,
};

#[tokio::test]
async fn the_first_submission_decides() {
    let sandbox = TestSandbox::start().await;
    for (number, action, status, code) in [
        (VERIFIED, "confirm", "succeeded", Value::Null),
        (
            VERIFIED_BY_REDIRECT,
            "cancel",
            "declined",
            json!("verification_abandoned"),
        ),
        (
            VERIFICATION_FAILED,
            "confirm",
            "declined",
            json!("verification_failed"),
        ),
        (
            DECLINED_AFTER_VERIFICATION,
            "confirm",
            "declined",
            json!("insufficient_funds"),
        ),
    ] {
        let payment = sandbox.pay(number).await;
        assert_eq!(payment["status"], "requires_verification");
        for action in [action, "confirm", "cancel"] {
            let response = sandbox.verify(&payment, action).await;
            assert_eq!(response.status(), StatusCode::SEE_OTHER);
            assert_eq!(
                response.headers()["location"],
                "http://merchant.test/return?a=1&b=2"
            );
        }
        let verified = sandbox.payment(number).await;
        assert_eq!(
            (&verified["status"], &verified["decline_code"]),
            (&json!(status), &code)
        );
        let page = sandbox.verification_page(&payment).await;
        let text = page.text().await.unwrap();
        assert!(text.contains("return?a=1&amp;b=2") && !text.contains("id=\"confirm\""));
    }
    sandbox.webhooks(4).await;
    sandbox.stop().await;
}

#[tokio::test]
async fn only_the_redirect_card_forbids_frames() {
    let sandbox = TestSandbox::start().await;
    for (number, framable) in [(VERIFIED, true), (VERIFIED_BY_REDIRECT, false)] {
        let payment = sandbox.pay(number).await;
        assert_eq!(payment["verification"]["framable"], framable);
        let page = sandbox.verification_page(&payment).await;
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert_eq!(policy.contains("frame-ancestors 'none'"), !framable);
        assert_eq!(page.headers().contains_key("x-frame-options"), !framable);
        let text = page.text().await.unwrap();
        assert!(text.contains("19.99 EUR") && text.contains("id=\"cancel\""));
    }
    sandbox.stop().await;
}
