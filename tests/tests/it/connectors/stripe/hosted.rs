//! Payments on Stripe's page, a Checkout Session.

use super::intent;
use crate::connectors::shop::Shop;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::client::{Opened, send, text};
use till_tests::providers::mock::{Entry, State, method};
use till_tests::providers::stripe::{Stripe, webhook};
use till_tests::providers::{Dispute, PaymentSystem, Plan};
use till_tests::wait::until;

/// Pays by a method that has no fields in our payment form, on Stripe's page.
async fn pay_hosted(shop: &Shop<Stripe>, n: &str, plan: Plan) -> Result<(Opened, Value)> {
    shop.system.pay(plan);
    let opened = shop.app.api.invoice(n).await?;
    let answer = shop.app.api.pay(&opened, &method("ideal")).await?;
    ensure!(answer.status == 201, "{answer:?}\n{}", shop.app.log());
    let fixed = answer.json();
    ensure!(
        fixed["payment"]["status"] == "requires_verification",
        "{fixed}"
    );
    Ok((opened, fixed))
}

#[tokio::test]
async fn a_payment_on_stripes_page() -> Result<()> {
    let shop = Shop::<Stripe>::open().await?;
    let (opened, fixed) = pay_hosted(&shop, "1", Plan::Approve).await?;
    ensure!(
        fixed["payment"]["reference"]
            .as_str()
            .is_some_and(|r| r.starts_with("cs_"))
    );
    shop.finish(&fixed).await?;
    let payment = shop.assert_paid_once(&opened).await?;
    // Refunds and disputes are found by the id of the PaymentIntent.
    let intent = text(&payment["reference"])?;
    ensure!(intent.starts_with("pi_"), "{payment}");
    shop.refund(&payment, 500).await?;
    ensure!(shop.system.net_captured().await? == 1499);
    let id = text(&payment["id"])?;
    for message in [
        shop.system.dashboard_refund(&id, 499)?,
        shop.system.dispute(&id, Dispute::Opened)?,
    ] {
        let answer = shop.send_webhook(&message).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    let invoice = shop.app.api.read(&opened.id).await?;
    ensure!(invoice["amount_refunded"] == 999, "{invoice}");
    until("the dispute to be told", async || {
        let told = shop.callback_types(&opened);
        Ok(told.iter().any(|kind| kind == "dispute.opened"))
    })
    .await
}

#[tokio::test]
async fn a_declined_card_does_not_end_a_payment_on_stripes_page() -> Result<()> {
    let shop = Shop::<Stripe>::open().await?;
    let (opened, fixed) = pay_hosted(&shop, "1", Plan::Decline).await?;
    let payment = text(&fixed["payment"]["id"])?;
    shop.finish(&fixed).await?;
    let mut attempt = intent(
        "requires_payment_method",
        &json!({ "last_payment_error": { "code": "card_declined" } }),
    );
    attempt["metadata"] = json!({ "order_id": "1" });
    let answer = shop
        .send_webhook(&webhook("payment_intent.payment_failed", &attempt))
        .await?;
    ensure!(answer.status == 200, "{answer:?}");
    shop.app.until_polled(&payment).await?;
    let invoice = shop.app.api.read(&opened.id).await?;
    ensure!(
        invoice["payments"][0]["status"] == "requires_verification",
        "{invoice}"
    );
    // Another card.
    shop.system
        .mock
        .with(&payment, |entry| entry.plan = Plan::Approve);
    shop.finish(&fixed).await?;
    shop.assert_paid_once(&opened).await?;
    Ok(())
}

#[tokio::test]
async fn stripes_page_is_closed_only_while_it_is_open() -> Result<()> {
    let shop = Shop::<Stripe>::open().await?;
    for (n, state, expected) in [
        ("1", State::Open, "canceled"),
        ("2", State::Confirmed, "processing"),
        ("3", State::Paid, "succeeded"),
    ] {
        let (opened, fixed) = pay_hosted(&shop, n, Plan::Approve).await?;
        let payment = text(&fixed["payment"]["id"])?;
        shop.system.mock.with(&payment, |entry| entry.state = state);
        let rest = format!("/payments/{payment}/cancel");
        // If the reconciler polls first, there is nothing left to cancel.
        send(shop.app.api.widget(Method::POST, &opened, &rest)).await?;
        let invoice = shop.app.api.read(&opened.id).await?;
        let status = &invoice["payments"][0]["status"];
        ensure!(status == expected, "{state:?} {invoice}");
    }
    Ok(())
}

/// What one payment's return URL carries says nothing about another payment.
#[tokio::test]
async fn a_return_query_of_another_payment_pays_nothing() -> Result<()> {
    let shop = Shop::<Stripe>::open().await?;
    let (cheap, cheap_fixed) = pay_hosted(&shop, "1", Plan::Approve).await?;
    let (dear, dear_fixed) = pay_hosted(&shop, "2", Plan::Approve).await?;
    let entry = |fixed: &Value| {
        let id = fixed["payment"]["id"].as_str().unwrap_or_default();
        shop.system.mock.entry(id).context("no payment")
    };
    shop.system
        .confirm(&text(&cheap_fixed["verification"]["url"])?)
        .await?;
    let carried = format!(
        "&payment_intent=pi_{0}&payment_intent_client_secret=pi_{0}_secret&session_id={1}\
         &redirect_status=succeeded",
        Entry::unique(&entry(&cheap_fixed)?.ours),
        entry(&cheap_fixed)?.reference,
    );
    let forged = format!("{}{carried}", entry(&dear_fixed)?.return_url);
    let answer = send(shop.app.api.request(Method::GET, &forged)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let invoice = shop.app.api.read(&dear.id).await?;
    ensure!(
        invoice["payments"][0]["status"] == "requires_verification",
        "{invoice}"
    );
    let answer = send(
        shop.app
            .api
            .request(Method::GET, &entry(&cheap_fixed)?.return_url),
    )
    .await?;
    ensure!(answer.status == 200, "{answer:?}");
    shop.app.api.until_status(&cheap.id, "paid").await?;
    ensure!(shop.app.api.read(&dear.id).await?["status"] == "processing");
    Ok(())
}
