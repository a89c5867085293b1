//! The conformance suite: the behavior that every connector shares. A new connector is added in one
//! line at the bottom.

use super::given_back::{
    dispute_that_is_lost, dispute_that_is_won, refund_in_the_dashboard,
    refund_that_fails_after_it_succeeded, reversed, webhook_about_another_payment,
};
use super::shop::Shop;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS};
use till_tests::client::{send, text};
use till_tests::providers::{PaymentSystem, Plan};

async fn create<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    let payment = shop.assert_paid_once(&opened).await?;
    // The payment's id is the provider's idempotency key.
    let keys = shop.system.idempotency_keys();
    ensure!(keys.iter().all(|key| *key == payment["id"]), "{keys:?}");
    Ok(())
}

async fn verify<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Verify).await?;
    ensure!(
        fixed["payment"]["status"] == "requires_verification",
        "{fixed}"
    );
    // The reconciler polls the status meanwhile.
    let payment = text(&fixed["payment"]["id"])?;
    shop.app.until_polled(&payment).await?;
    let invoice = shop.app.api.read(&opened.id).await?;
    ensure!(invoice["status"] == "processing", "{invoice}");
    ensure!(
        invoice["payments"][0]["status"] == "requires_verification",
        "{invoice}"
    );
    ensure!(shop.system.net_captured().await? == 0);
    shop.finish(&fixed).await?;
    shop.assert_paid_once(&opened).await?;
    Ok(())
}

async fn cancel<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Verify).await?;
    let rest = format!("/payments/{}/cancel", text(&fixed["payment"]["id"])?);
    let canceled = send(shop.app.api.widget(Method::POST, &opened, &rest)).await?;
    ensure!(canceled.status == 200, "{canceled:?}");
    // Some payment systems confirm it later.
    let invoice = shop.app.api.until_status(&opened.id, "open").await?;
    ensure!(invoice["payments"][0]["status"] == "canceled", "{invoice}");
    ensure!(shop.system.net_captured().await? == 0);
    Ok(())
}

async fn decline<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Decline).await?;
    shop.finish(&fixed).await?;
    let invoice = shop.app.api.until_status(&opened.id, "open").await?;
    let payment = &invoice["payments"][0];
    ensure!(payment["status"] == "declined", "{invoice}");
    ensure!(
        payment["decline"]["code"] == shop.system.decline(),
        "{invoice}"
    );
    ensure!(shop.system.net_captured().await? == 0);
    // A second attempt is a new payment.
    let fixed = shop.pay(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    shop.app.api.until_status(&opened.id, "paid").await?;
    ensure!(shop.system.net_captured().await? == 1999);
    Ok(())
}

async fn refund<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    let payment = shop.assert_paid_once(&opened).await?;
    shop.refund(&payment, 500).await?;
    ensure!(shop.system.net_captured().await? == 1499);
    let invoice = shop
        .app
        .api
        .until_status(&opened.id, "partially_refunded")
        .await?;
    ensure!(invoice["amount_refunded"] == 500, "{invoice}");
    shop.refund(&payment, 1499).await?;
    ensure!(shop.system.net_captured().await? == 0);
    shop.app.api.until_status(&opened.id, "refunded").await?;
    Ok(())
}

async fn duplicate_create<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let body = shop.system.pay(Plan::Approve);
    let press = async || {
        let request = shop.app.api.widget(Method::POST, &opened, "/payments");
        send(request.header("idempotency-key", "press").json(&body)).await
    };
    let (first, again) = (press().await?, press().await?);
    ensure!(
        first.status == 201 && first.text == again.text,
        "{first:?} {again:?}"
    );
    ensure!(again.header("idempotent-replayed") == "true");
    shop.finish(&first.json()).await?;
    shop.assert_paid_once(&opened).await?;
    Ok(())
}

async fn webhook_twice<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Approve).await?;
    shop.finish(&fixed).await?;
    let payment = shop.assert_paid_once(&opened).await?;
    let message = shop.system.message(&text(&payment["id"])?)?;
    for _ in 0..3 {
        let answer = shop.send_webhook(&message).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    shop.assert_paid_once(&opened).await?;
    Ok(())
}

async fn webhook_before_response<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::with(&["--connector-timeout-ms", "5000"]).await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::WebhookFirst).await?;
    shop.finish(&fixed).await?;
    shop.assert_paid_once(&opened).await?;
    Ok(())
}

async fn lost_response_then_paid<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::LoseResponse).await?;
    let status = text(&fixed["payment"]["status"])?;
    ensure!(!["declined", "failed"].contains(&&status[..]), "{fixed}");
    shop.finish(&fixed).await?;
    shop.assert_paid_once(&opened).await?;
    Ok(())
}

async fn server_error_is_not_a_decline<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Fail(500)).await?;
    ensure!(fixed["payment"]["status"] == "processing", "{fixed}");
    Ok(())
}

async fn rate_limit_is_retried<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::RateLimit(2)).await?;
    shop.finish(&fixed).await?;
    shop.assert_paid_once(&opened).await?;
    Ok(())
}

async fn forged_and_stale_webhooks<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Verify).await?;
    let payment = text(&fixed["payment"]["id"])?;
    let forged_webhooks = shop.system.forged_webhooks(&payment)?;
    ensure!(forged_webhooks.len() > 3);
    for forged in forged_webhooks {
        let answer = shop.send_webhook(&forged).await?;
        ensure!(
            (400..500).contains(&answer.status),
            "{forged:?}: {answer:?}"
        );
    }
    let invoice = shop.app.api.read(&opened.id).await?;
    ensure!(
        invoice["payments"][0]["status"] == "requires_verification",
        "{invoice}"
    );
    ensure!(shop.callback_types(&opened).is_empty());
    shop.finish(&fixed).await?;
    shop.assert_paid_once(&opened).await?;
    Ok(())
}

async fn different_amount_or_currency_is_held<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    for (n, (amount, currency)) in [(1, "EUR"), (2000, "EUR"), (1999, "USD")]
        .iter()
        .enumerate()
    {
        let opened = shop.app.api.invoice(&n.to_string()).await?;
        let fixed = shop.pay(&opened, Plan::Verify).await?;
        let payment = text(&fixed["payment"]["id"])?;
        shop.system.capture(&payment, *amount, currency)?;
        let answer = shop.send_webhook(&shop.system.message(&payment)?).await?;
        ensure!(answer.status == 200, "{answer:?}");
        // The reconciler polls and gets the same status.
        shop.app.until_polled(&payment).await?;
        let invoice = shop.app.api.read(&opened.id).await?;
        ensure!(invoice["status"] == "processing", "{invoice}");
        ensure!(
            invoice["payments"][0]["status"] == "processing",
            "{invoice}"
        );
        ensure!(shop.callback_types(&opened).is_empty());
        ensure!(
            shop.app.log().contains("held"),
            "the held payment is not logged"
        );
    }
    Ok(())
}

async fn secrets_are_not_stored_or_logged<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    for (n, plan) in [
        Plan::Approve,
        Plan::Decline,
        Plan::Fail(500),
        Plan::Fail(401),
    ]
    .into_iter()
    .enumerate()
    {
        let opened = shop.app.api.invoice(&n.to_string()).await?;
        let fixed = shop.pay(&opened, plan).await?;
        shop.finish(&fixed).await?;
        if n == 0 {
            let payment = shop.assert_paid_once(&opened).await?;
            shop.send_webhook(&shop.system.message(&text(&payment["id"])?)?)
                .await?;
        }
    }
    let bytes = shop.app.bytes()?;
    let credentials = shop.system.credentials();
    let secrets = credentials.as_object().context("no credentials")?;
    let secret = |name: &str| name.contains("secret") || name.contains("key");
    let secrets = secrets.iter().filter(|(name, _)| secret(name));
    for (name, value) in secrets {
        let value = text(value)?;
        let found = bytes.windows(value.len()).any(|w| w == value.as_bytes());
        ensure!(!found, "{name} is stored or logged in plain text");
    }
    ensure!(shop.app.log().len() > 1000, "the log is empty");
    for number in [APPROVED, INSUFFICIENT_FUNDS, "\"cvc\":\"123\""] {
        let found = bytes.windows(number.len()).any(|w| w == number.as_bytes());
        ensure!(!found, "{number} is stored or logged");
    }
    Ok(())
}

macro_rules! conformance_tests {
    ($($name:ident: $system:ty),+ $(,)?) => {
        const TESTED: &[&str] = &[$(stringify!($name)),+];
        $(
        mod $name {
            conformance_tests!(@ $system: create, verify, cancel, decline, refund,
                duplicate_create, webhook_twice, webhook_before_response,
                lost_response_then_paid, server_error_is_not_a_decline, rate_limit_is_retried,
                forged_and_stale_webhooks, different_amount_or_currency_is_held, secrets_are_not_stored_or_logged,
                refund_that_fails_after_it_succeeded, refund_in_the_dashboard,
                dispute_that_is_lost, dispute_that_is_won, reversed,
                webhook_about_another_payment);
        }
    )+ };
    (@ $system:ty: $($scenario:ident),+) => { $(
        #[tokio::test]
        async fn $scenario() -> anyhow::Result<()> {
            super::$scenario::<$system>().await
        }
    )+ };
}

#[test]
fn every_connector_is_tested() {
    let registry = till_server::connectors::REGISTRY;
    let kinds: Vec<_> = registry.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, TESTED);
}

conformance_tests! {
    sandbox: till_tests::providers::sandbox::Sandbox,
    stripe: till_tests::providers::stripe::Stripe,
    adyen: till_tests::providers::adyen::Adyen,
    paypal: till_tests::providers::paypal::PayPal,
    mollie: till_tests::providers::mollie::Mollie,
}
