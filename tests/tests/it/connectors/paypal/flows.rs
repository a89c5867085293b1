//! Payments through PayPal from the order to the money.

use crate::connectors::shop::Shop;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::client::{Opened, send, text};
use till_tests::providers::mock::State;
use till_tests::providers::paypal::PayPal;
use till_tests::providers::{Dispute, PaymentSystem, Plan};

async fn order(shop: &Shop<PayPal>, number: &str, amount: i64) -> Result<(Opened, Value)> {
    let order = json!({ "order_id": number, "amount": amount, "currency": "EUR" });
    let opened = shop.app.api.invoice_of(&order).await?;
    let fixed = shop.pay(&opened, Plan::Verify).await?;
    Ok((opened, fixed))
}

/// A buyer who paid one euro carries PayPal's answer to the return address of another order.
#[tokio::test]
async fn a_return_pays_only_its_own_order() -> Result<()> {
    let shop = Shop::<PayPal>::open().await?;
    let (cheap, fixed_cheap) = order(&shop, "cheap", 100).await?;
    let (dear, fixed_dear) = order(&shop, "dear", 100_000).await?;
    let payment = |fixed: &Value| text(&fixed["payment"]["id"]);
    let url = text(&fixed_cheap["verification"]["url"])?;
    let back = shop.system.confirm(&url).await?;
    let entry = |id: &str| shop.system.mock.entry(id).context("no order");
    let (cheap_entry, dear_entry) = (
        entry(&payment(&fixed_cheap)?)?,
        entry(&payment(&fixed_dear)?)?,
    );
    let query = back.strip_prefix(cheap_entry.return_url.as_str());
    let query = query.context("another return address")?;
    ensure!(query.contains(&cheap_entry.reference), "{query}");
    let swapped = format!("{}{query}", dear_entry.return_url);
    let answer = send(shop.app.api.request(Method::GET, &swapped)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let invoice = shop.app.api.read(&dear.id).await?;
    let status = &invoice["payments"][0]["status"];
    ensure!(status == "requires_verification", "{invoice}");
    ensure!(entry(&dear_entry.ours)?.state == State::Open);
    // With the other order's token, the cheap one is paid all the same: the token is not read.
    let query = query.replace(&cheap_entry.reference, &dear_entry.reference);
    let swapped = format!("{}{query}", cheap_entry.return_url);
    send(shop.app.api.request(Method::GET, &swapped)).await?;
    shop.app.api.until_status(&cheap.id, "paid").await?;
    ensure!(shop.system.net_captured().await? == 100);
    Ok(())
}

/// The capture's response is lost, and PayPal is still capturing: the buyer can neither cancel nor
/// pay again.
#[tokio::test]
async fn a_capture_that_timed_out_is_not_canceled() -> Result<()> {
    let shop = Shop::<PayPal>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::LoseResponse).await?;
    let payment = text(&fixed["payment"]["id"])?;
    shop.finish(&fixed).await?;
    let invoice = shop.app.api.read(&opened.id).await?;
    ensure!(
        invoice["payments"][0]["status"] == "processing",
        "{invoice}"
    );
    let rest = format!("/payments/{payment}/cancel");
    let canceled = send(shop.app.api.widget(Method::POST, &opened, &rest)).await?;
    ensure!(canceled.status == 409, "{canceled:?}");
    let again = shop.system.pay(Plan::Approve);
    let again = shop.app.api.pay(&opened, &again).await?;
    ensure!(again.status == 409, "{again:?}");
    shop.assert_paid_once(&opened).await?;
    Ok(())
}

/// The same, but the buyer cancels while the capture is on its way.
#[tokio::test]
async fn an_approved_order_is_not_canceled() -> Result<()> {
    let shop = Shop::<PayPal>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Verify).await?;
    let payment = text(&fixed["payment"]["id"])?;
    shop.system
        .mock
        .with(&payment, |entry| entry.state = State::Confirmed);
    let rest = format!("/payments/{payment}/cancel");
    let canceled = send(shop.app.api.widget(Method::POST, &opened, &rest)).await?;
    ensure!(
        canceled.json()["payment"]["status"] != "canceled",
        "{canceled:?}"
    );
    shop.assert_paid_once(&opened).await?;
    Ok(())
}

/// A webhook about a capture that is not ours is not verified: a wrong signature makes no difference.
#[tokio::test]
async fn a_webhook_about_a_foreign_capture_costs_no_call() -> Result<()> {
    let shop = Shop::<PayPal>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    let payment = text(&shop.assert_paid_once(&opened).await?["id"])?;
    let message = shop.system.dispute(&payment, Dispute::Opened)?;
    let unsigned = message.with("paypal-transmission-sig", "AAAA");
    ensure!(shop.send_webhook(&unsigned).await?.status == 401);
    let entry = shop.system.mock.entry(&payment).context("no order")?;
    let foreign = unsigned.altered(&entry.reference, "5O190127TN364715T");
    ensure!(shop.send_webhook(&foreign).await?.status == 200);
    ensure!(shop.send_webhook(&message).await?.status == 200);
    Ok(())
}
