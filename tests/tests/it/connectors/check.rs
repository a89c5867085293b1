//! `till connector check`, and refunds of an account whose key was changed.

use super::shop::Shop;
use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::client::{send, text};
use till_tests::providers::stripe::Stripe;
use till_tests::providers::{PaymentSystem, Plan};
use till_tests::wait::until;

/// Checks the account. Returns the outcome of each step, or the error message if one failed.
async fn check(shop: &Shop<Stripe>) -> Result<Result<Vec<(String, String)>, String>> {
    let url = shop.app.api.url.as_str();
    let args = [
        "connector",
        "check",
        "stripe/main",
        "--json",
        "--dev",
        "--public-url",
        url,
    ];
    let output = match shop.app.till(&args).await? {
        Ok(output) => output,
        Err(error) => return Ok(Err(error)),
    };
    let steps: Vec<Value> = serde_json::from_str(&output)?;
    let pair = |step: &Value| {
        Some((
            step["step"].as_str()?.into(),
            step["outcome"].as_str()?.into(),
        ))
    };
    Ok(Ok(steps.iter().filter_map(pair).collect()))
}

fn expected(steps: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |(step, outcome): &(&str, &str)| ((*step).to_owned(), (*outcome).to_owned());
    steps.iter().map(own).collect()
}

async fn set_key(shop: &Shop<Stripe>, key: &str) -> Result<()> {
    let mut credentials = shop.system.credentials();
    credentials["secret_key"] = key.into();
    let account = json!({
        "kind": "stripe", "account": "main", "credentials": credentials, "card_entry": "direct",
    });
    let path = format!("/v1/projects/{}", shop.app.keys.id);
    let request = shop.app.operator(Method::PATCH, &path);
    let answer = send(request.json(&json!({ "connectors": [account] }))).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn an_account_is_checked_without_moving_money() -> Result<()> {
    let shop = Shop::<Stripe>::open().await?;
    let before = [
        ("credentials", "ok"),
        ("login", "ok"),
        ("payment", "ok"),
        ("cancel", "ok"),
        ("webhook_url", "ok"),
        ("webhook_secret", "unknown"),
    ];
    let steps = check(&shop).await?;
    ensure!(steps == Ok(expected(&before)), "{steps:?}");
    ensure!(shop.system.net_captured().await? == 0);
    // A webhook has been verified.
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    shop.app.api.until_status(&opened.id, "paid").await?;
    let message = shop.system.message(&text(&fixed["payment"]["id"])?)?;
    let answer = shop.send_webhook(&message).await?;
    ensure!(answer.status == 200, "{answer:?}");
    let after = [&before[..5], &[("webhook_secret", "ok")]].concat();
    let steps = check(&shop).await?;
    ensure!(steps == Ok(expected(&after)), "{steps:?}");
    // Without a login, no payment is tried.
    set_key(&shop, "sk_live_wrong").await?;
    let steps = check(&shop).await?;
    ensure!(
        steps
            .as_ref()
            .is_err_and(|error| error.trim().ends_with(": login")),
        "{steps:?}"
    );
    ensure!(shop.system.net_captured().await? == 1999);
    let unknown = shop
        .app
        .till(&["connector", "check", "stripe/other", "--dev"])
        .await?;
    ensure!(unknown.is_err_and(|error| error.contains("no such connector account")));
    Ok(())
}

/// A refused login never ends a refund: it is made once the key is right again.
#[tokio::test]
async fn a_changed_key_does_not_end_a_refund() -> Result<()> {
    let shop = Shop::<Stripe>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    let payment = shop.assert_paid_once(&opened).await?;
    set_key(&shop, "sk_test_wrong").await?;
    let refund = shop.app.refund(&text(&payment["id"])?, 500).await?;
    let store = shop.app.store().await?;
    until("more attempts", async || {
        let attempts: i64 = sqlx::query_scalar("select attempts from refunds where id = $1")
            .bind(&refund)
            .fetch_one(&store)
            .await?;
        Ok(attempts >= 2)
    })
    .await?;
    let path = format!("/v1/refunds/{refund}");
    let pending = send(shop.app.api.secret(Method::GET, &path)).await?.json();
    ensure!(pending["status"] == "pending", "{pending}");
    let told = shop.app.project.callbacks();
    ensure!(told.iter().all(|c| c.body["type"] != "refund.failed"));
    set_key(&shop, &text(&shop.system.credentials()["secret_key"])?).await?;
    until("the refund", async || {
        Ok(shop.system.net_captured().await? == 1499)
    })
    .await?;
    if let Some(message) = shop.system.refunded(&refund)? {
        shop.send_webhook(&message).await?;
    }
    until("the refund to succeed", async || {
        let refund = send(shop.app.api.secret(Method::GET, &path)).await?.json();
        Ok(refund["status"] == "succeeded")
    })
    .await?;
    ensure!(shop.system.net_captured().await? == 1499);
    Ok(())
}
