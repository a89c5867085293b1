//! Refunds and disputes.

use super::{error, scripted};
use crate::connectors::scripted::{Scripted, class};
use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use till_server::connectors::{DashboardRefund, PaymentKey, RefundOutcome, WebhookEvent};
use till_shared::dispute::DisputeStatus;
use till_tests::providers::stripe::webhook;

fn refund(status: &str, metadata: &Value) -> Value {
    json!({
        "id": "re_1", "object": "refund", "status": status, "amount": 500, "currency": "eur",
        "payment_intent": "pi_1", "charge": "ch_1", "failure_reason": null, "metadata": metadata,
    })
}

#[tokio::test]
async fn refunds_succeed_and_fail_later() -> Result<()> {
    let stripe = scripted().await?;
    let ours = json!({ "till_refund": stripe.refund });
    let mut failed = refund("failed", &ours);
    failed["failure_reason"] = "expired_or_canceled_card".into();
    for (event, object, expected) in [
        (
            "refund.created",
            refund("pending", &ours),
            RefundOutcome::Pending("re_1".into()),
        ),
        (
            "refund.updated",
            refund("succeeded", &ours),
            RefundOutcome::Succeeded("re_1".into()),
        ),
        (
            "refund.failed",
            failed.clone(),
            RefundOutcome::Failed("expired_or_canceled_card".into()),
        ),
        (
            "charge.refund.updated",
            refund("canceled", &ours),
            RefundOutcome::Failed("canceled".into()),
        ),
    ] {
        match &stripe.webhook(&webhook(event, &object)).await?[..] {
            [WebhookEvent::Refund(id, outcome)] => {
                ensure!(
                    *id == stripe.refund && *outcome == expected,
                    "{event}: {outcome:?}"
                );
            }
            events => bail!("{event}: {} events", events.len()),
        }
    }
    Ok(())
}

fn is_dashboard_refund(event: &WebhookEvent, stripe: &Scripted) -> bool {
    matches!(event, WebhookEvent::DashboardRefund(
        PaymentKey::Theirs(payment),
        DashboardRefund { reference, money: Some(money), outcome: RefundOutcome::Succeeded(_) },
    ) if payment == "pi_1" && reference == "re_1" && *money == stripe.money(500))
}

#[tokio::test]
async fn refunds_in_the_dashboard_are_reported() -> Result<()> {
    let mut stripe = scripted().await?;
    let made = refund("succeeded", &json!({}));
    let events = stripe.webhook(&webhook("refund.created", &made)).await?;
    ensure!(events.len() == 1 && is_dashboard_refund(&events[0], &stripe));
    // Older API versions send the charge, at first with its refunds and then without.
    let mut charge = json!({ "id": "ch_1", "object": "charge", "payment_intent": "pi_1" });
    let list = json!({ "data": [made], "has_more": false });
    charge["refunds"] = list.clone();
    let events = stripe.webhook(&webhook("charge.refunded", &charge)).await?;
    ensure!(events.len() == 1 && is_dashboard_refund(&events[0], &stripe));
    ensure!(stripe.received().is_empty());
    charge["refunds"] = Value::Null;
    stripe.answer(200, &list);
    let events = stripe.webhook(&webhook("charge.refunded", &charge)).await?;
    ensure!(events.len() == 1 && is_dashboard_refund(&events[0], &stripe));
    ensure!(stripe.received().len() == 1);
    // Another integration's payment.
    stripe.known = false;
    let events = stripe.webhook(&webhook("charge.refunded", &charge)).await?;
    ensure!(events.is_empty() && stripe.received().is_empty());
    Ok(())
}

#[tokio::test]
async fn a_refund_is_not_made_twice_nor_ended_by_an_unknown_payment() -> Result<()> {
    let stripe = scripted().await?;
    // The earlier one is on the second page.
    let page = json!({ "data": [refund("succeeded", &json!({}))], "has_more": true });
    let ours = refund("pending", &json!({ "till_refund": stripe.refund }));
    stripe.answer(200, &page);
    stripe.answer(200, &json!({ "data": [ours], "has_more": false }));
    let outcome = stripe.refund("pi_1", None).await?;
    ensure!(
        outcome == RefundOutcome::Pending("re_1".into()),
        "{outcome:?}"
    );
    let calls = stripe.received();
    ensure!(
        calls.len() == 2 && calls[1].call.ends_with("&starting_after=re_1"),
        "{calls:?}"
    );
    // The key is another account's: that says nothing about the refund.
    stripe.answer(
        404,
        &error("invalid_request_error", Some("resource_missing"), "no"),
    );
    ensure!(class(&stripe.refund("pi_1", None).await) == "unknown");
    stripe.answer(
        404,
        &error("invalid_request_error", Some("resource_missing"), "no"),
    );
    ensure!(class(&stripe.refund("pi_1", Some("re_1")).await) == "unknown");
    Ok(())
}

#[tokio::test]
async fn disputes_and_inquiries_are_reported() -> Result<()> {
    use DisputeStatus::{Lost, NeedsResponse, UnderReview, Won};
    let stripe = scripted().await?;
    for (status, expected) in [
        ("warning_needs_response", NeedsResponse),
        // It may become a chargeback, which needs a response.
        ("warning_under_review", NeedsResponse),
        ("warning_closed", Won),
        ("needs_response", NeedsResponse),
        ("under_review", UnderReview),
        ("won", Won),
        ("lost", Lost),
        ("prevented", Won),
        ("a_new_one", UnderReview),
    ] {
        let dispute = json!({
            "id": "du_1", "object": "dispute", "status": status, "amount": 500, "currency": "eur",
            "reason": "fraudulent", "payment_intent": "pi_1",
            "evidence_details": { "due_by": 1_800_000_000 },
        });
        let message = webhook("charge.dispute.updated", &dispute);
        let [WebhookEvent::Dispute(PaymentKey::Theirs(payment), update)] =
            &stripe.webhook(&message).await?[..]
        else {
            bail!("{status}");
        };
        ensure!(payment == "pi_1" && update.reference == "du_1");
        ensure!(update.status == expected, "{status}: {update:?}");
        ensure!(update.money == Some(stripe.money(500)), "{update:?}");
        ensure!(update.reason.as_deref() == Some("fraudulent"), "{update:?}");
        let due = (expected == NeedsResponse).then_some(1_800_000_000_000);
        ensure!(update.respond_by == due, "{status}: {update:?}");
    }
    Ok(())
}
