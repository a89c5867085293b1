//! Refunds at PayPal.

use super::system::{REFUND, meaning};
use super::{completed, count_calls, error, login_error, scripted};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use till_server::connectors::RefundOutcome;

const ORDER: &str = "GET /v2/checkout/orders/5O190127TN364715T";
const CAPTURE: &str = "GET /v2/payments/captures/3C679366HH908993F";
const REFUND_CAPTURE: &str = "POST /v2/payments/captures/3C679366HH908993F/refund";

#[tokio::test]
async fn a_refund_is_found_before_it_is_made_again() -> Result<()> {
    let system = scripted().await?;
    let related = json!({ "related_ids": { "order_id": "5O190127TN364715T" } });
    let capture = json!({ "id": "3C679366HH908993F", "supplementary_data": related });
    system.answers(CAPTURE, &[(200, &capture)]);
    system.answers(ORDER, &[(200, &completed())]);
    let made = |status: &str| json!({ "id": "1JU08902781691411", "status": status });
    for (answer, expected) in [
        (
            made("COMPLETED"),
            RefundOutcome::Succeeded("1JU08902781691411".into()),
        ),
        (
            made("PENDING"),
            RefundOutcome::Pending("1JU08902781691411".into()),
        ),
        (made("FAILED"), RefundOutcome::Failed("failed".into())),
        (made("CANCELLED"), RefundOutcome::Failed("cancelled".into())),
    ] {
        system.answers(REFUND_CAPTURE, &[(201, &answer)]);
        let outcome = system.refund("3C679366HH908993F").await?;
        ensure!(outcome == expected, "{answer}: {outcome:?}");
    }
    let sent = system.seen().pop().context("no refund")?;
    ensure!(
        sent.body["custom_id"] == REFUND && sent.body["invoice_id"] == REFUND,
        "{sent:?}"
    );
    ensure!(sent.headers["paypal-request-id"] == REFUND, "{sent:?}");
    // An earlier call has made it, and PayPal has forgotten the request id.
    let mut refunded = completed();
    let mut earlier = made("COMPLETED");
    earlier["custom_id"] = json!(REFUND);
    refunded["purchase_units"][0]["payments"]["refunds"] = json!([made("COMPLETED"), earlier]);
    system.answers(ORDER, &[(200, &refunded)]);
    let outcome = system.refund("3C679366HH908993F").await?;
    ensure!(
        matches!(outcome, RefundOutcome::Succeeded(_)),
        "{outcome:?}"
    );
    ensure!(count_calls(&system, REFUND_CAPTURE) == 0);
    Ok(())
}

#[tokio::test]
async fn a_refund_ends_only_by_paypals_word() -> Result<()> {
    let system = scripted().await?;
    let reference = "3C679366HH908993F";
    system.answers(CAPTURE, &[(200, &json!({ "id": reference }))]);
    for (status, body, expected) in [
        (401, login_error(), "not sent"),
        (
            403,
            error("NOT_AUTHORIZED", "PERMISSION_DENIED"),
            "not sent",
        ),
        (
            409,
            error("RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS"),
            "unknown",
        ),
        (
            422,
            error("UNPROCESSABLE_ENTITY", "CAPTURE_FULLY_REFUNDED"),
            "refused",
        ),
        (500, error("INTERNAL_SERVER_ERROR", ""), "unknown"),
        (422, json!({}), "unknown"),
        (404, json!("not found"), "unknown"),
        (201, json!({ "status": "COMPLETED" }), "unknown"),
    ] {
        system.answers(REFUND_CAPTURE, &[(status, &body)]);
        let result = system.refund(reference).await;
        ensure!(meaning(&result) == expected, "{status} {body}: {result:?}");
    }
    // Another account's credentials: the capture exists all the same.
    let missing = error("RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID");
    system.answers(CAPTURE, &[(404, &missing)]);
    ensure!(meaning(&system.refund(reference).await) == "not sent");
    Ok(())
}
