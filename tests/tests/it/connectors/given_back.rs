//! Money that goes back, for every connector: refunds that fail later or are made in the dashboard,
//! disputes, reversals, and webhooks about other payments. The scenarios of the conformance suite.

use super::shop::Shop;
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use till_tests::client::{Opened, send, text};
use till_tests::providers::{Dispute, PaymentSystem, Plan};
use till_tests::wait::until;

/// A shop with a paid invoice.
struct Paid<S> {
    shop: Shop<S>,
    opened: Opened,
    /// The payment's id.
    payment: String,
}

impl<S: PaymentSystem> Paid<S> {
    async fn open() -> Result<Self> {
        let shop = Shop::<S>::open().await?;
        let opened = shop.app.api.invoice("1").await?;
        let fixed = shop.pay(&opened, Plan::Approve).await?;
        shop.finish(&fixed).await?;
        let payment = shop.assert_paid_once(&opened).await?;
        Ok(Self {
            payment: text(&payment["id"])?,
            shop,
            opened,
        })
    }

    /// Sends webhooks twice, as payment systems do.
    async fn tell(&self, message: &till_tests::providers::Message) -> Result<()> {
        for _ in 0..2 {
            let answer = self.shop.send_webhook(message).await?;
            ensure!(answer.status == 200, "{answer:?}\n{}", self.shop.app.log());
        }
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let answer = send(self.shop.app.api.secret(Method::GET, path)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(answer.json())
    }

    /// Waits until the project has received this many callbacks of a type, and returns the last.
    async fn callback(&self, kind: &str, count: usize) -> Result<Value> {
        let callbacks = || {
            let all = self.shop.app.project.callbacks();
            let of_kind = all.into_iter().filter(|c| c.body["type"] == kind);
            of_kind.map(|c| c.body).collect::<Vec<_>>()
        };
        until(kind, async || Ok(callbacks().len() >= count))
            .await
            .with_context(|| self.shop.app.log())?;
        ensure!(callbacks().len() == count, "{:?}", callbacks());
        callbacks().pop().context("no callback")
    }
}

pub async fn refund_that_fails_after_it_succeeded<S: PaymentSystem>() -> Result<()> {
    let paid = Paid::<S>::open().await?;
    let payment = serde_json::json!({ "id": paid.payment });
    paid.shop.refund(&payment, 500).await?;
    let refunds = paid
        .get(&format!("/v1/refunds?payment={}", paid.payment))
        .await?;
    let refund = text(&refunds["data"][0]["id"])?;
    ensure!(refunds["data"][0]["source"] == "project", "{refunds}");
    paid.callback("refund.succeeded", 1).await?;
    paid.tell(&paid.shop.system.refund_failed(&refund)?).await?;
    let told = paid.callback("refund.failed", 1).await?;
    ensure!(told["data"]["refund"]["status"] == "failed", "{told}");
    let invoice = paid
        .shop
        .app
        .api
        .until_status(&paid.opened.id, "paid")
        .await?;
    ensure!(invoice["amount_refunded"] == 0, "{invoice}");
    ensure!(invoice["payments"][0]["amount_refunded"] == 0, "{invoice}");
    // The whole amount can be refunded again.
    paid.shop.refund(&payment, 1999).await?;
    paid.shop
        .app
        .api
        .until_status(&paid.opened.id, "refunded")
        .await?;
    Ok(())
}

pub async fn refund_in_the_dashboard<S: PaymentSystem>() -> Result<()> {
    let paid = Paid::<S>::open().await?;
    let message = paid.shop.system.dashboard_refund(&paid.payment, 500)?;
    paid.tell(&message).await?;
    let told = paid.callback("refund.succeeded", 1).await?;
    ensure!(
        told["data"]["refund"]["source"] == "payment_system",
        "{told}"
    );
    ensure!(told["data"]["refund"]["amount"] == 500, "{told}");
    let invoice = paid.shop.app.api.read(&paid.opened.id).await?;
    ensure!(invoice["status"] == "partially_refunded", "{invoice}");
    ensure!(invoice["amount_refunded"] == 500, "{invoice}");
    let refunds = paid.get("/v1/refunds?status=succeeded").await?;
    ensure!(
        refunds["data"].as_array().is_some_and(|all| all.len() == 1),
        "{refunds}"
    );
    // It counts against what can be refunded.
    let path = format!("/v1/payments/{}/refunds", paid.payment);
    let request = paid.shop.app.api.secret(Method::POST, &path);
    let answer = send(request.json(&serde_json::json!({ "amount": 1500 }))).await?;
    ensure!(
        answer.problem(422, "invalid-request")? == ["amount"],
        "{answer:?}"
    );
    // More than what is left, in the dashboard: told and counted, and nothing breaks.
    let message = paid.shop.system.dashboard_refund(&paid.payment, 1999)?;
    paid.tell(&message).await?;
    paid.callback("refund.succeeded", 2).await?;
    let invoice = paid
        .shop
        .app
        .api
        .until_status(&paid.opened.id, "refunded")
        .await?;
    ensure!(invoice["amount_refunded"] == 1999, "{invoice}");
    Ok(())
}

pub async fn dispute_that_is_lost<S: PaymentSystem>() -> Result<()> {
    disputed::<S>(Dispute::Lost, "lost").await
}

pub async fn dispute_that_is_won<S: PaymentSystem>() -> Result<()> {
    disputed::<S>(Dispute::Won, "won").await
}

async fn disputed<S: PaymentSystem>(end: Dispute, status: &str) -> Result<()> {
    let paid = Paid::<S>::open().await?;
    if end == Dispute::Lost && !paid.shop.system.reports_lost_disputes() {
        return Ok(());
    }
    let opened = paid.shop.system.dispute(&paid.payment, Dispute::Opened)?;
    paid.tell(&opened).await?;
    let told = paid.callback("dispute.opened", 1).await?;
    ensure!(told["data"]["dispute"]["amount"] == 1999, "{told}");
    ensure!(
        told["data"]["payment"]["id"] == paid.payment.as_str(),
        "{told}"
    );
    paid.tell(&paid.shop.system.dispute(&paid.payment, end)?)
        .await?;
    let told = paid.callback("dispute.closed", 1).await?;
    ensure!(told["data"]["dispute"]["status"] == status, "{told}");
    // Late, and without effect.
    paid.tell(&opened).await?;
    let disputes = paid
        .get(&format!("/v1/disputes?payment={}", paid.payment))
        .await?;
    let all = disputes["data"].as_array().context("no disputes")?;
    ensure!(all.len() == 1 && all[0]["status"] == status, "{disputes}");
    let one = paid
        .get(&format!("/v1/disputes/{}", text(&all[0]["id"])?))
        .await?;
    ensure!(one == all[0], "{one}");
    let payment = paid.get(&format!("/v1/payments/{}", paid.payment)).await?;
    ensure!(payment["status"] == "succeeded", "{payment}");
    Ok(())
}

pub async fn reversed<S: PaymentSystem>() -> Result<()> {
    let paid = Paid::<S>::open().await?;
    let Some(message) = paid.shop.system.reversal(&paid.payment)? else {
        return Ok(());
    };
    paid.tell(&message).await?;
    let told = paid.callback("payment.reversed", 1).await?;
    ensure!(told["data"]["payment"]["amount_reversed"] == 1999, "{told}");
    let payment = paid.get(&format!("/v1/payments/{}", paid.payment)).await?;
    ensure!(payment["status"] == "succeeded", "{payment}");
    ensure!(payment["amount_reversed"] == 1999, "{payment}");
    // There is nothing left to refund.
    let path = format!("/v1/payments/{}/refunds", paid.payment);
    let answer = send(paid.shop.app.api.secret(Method::POST, &path)).await?;
    answer.problem(409, "not-refundable")?;
    Ok(())
}

/// Another account's payment, or another server's: taken, counted, and without effect.
pub async fn webhook_about_another_payment<S: PaymentSystem>() -> Result<()> {
    let shop = Shop::<S>::open().await?;
    let opened = shop.app.api.invoice("1").await?;
    let fixed = shop.pay(&opened, Plan::Verify).await?;
    let payment = text(&fixed["payment"]["id"])?;
    shop.finish(&fixed).await?;
    shop.assert_paid_once(&opened).await?;
    let store = shop.app.store().await?;
    sqlx::query("update payments set account = 'other', status = 'declined' where id = $1")
        .bind(&payment)
        .execute(&store)
        .await?;
    let told = shop.app.project.callbacks().len();
    for message in [
        shop.system.message(&payment)?,
        shop.system.dispute(&payment, Dispute::Opened)?,
    ] {
        let answer = shop.send_webhook(&message).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    let status: String = sqlx::query_scalar("select status from payments where id = $1")
        .bind(&payment)
        .fetch_one(&store)
        .await?;
    ensure!(status == "declined", "{status}");
    ensure!(shop.app.project.callbacks().len() == told);
    Ok(())
}
