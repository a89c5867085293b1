//! A project with one provider account.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use till_tests::TestApp;
use till_tests::client::{Answer, Opened, send, text};
use till_tests::providers::{Message, PaymentSystem, Plan};
use till_tests::wait::until;

/// A project with one provider account.
pub struct Shop<S> {
    /// The payment system.
    pub system: S,
    /// The app.
    pub app: TestApp,
}

const ACCOUNT: &str = "main";

impl<S: PaymentSystem> Shop<S> {
    pub async fn open() -> Result<Self> {
        // The sandbox sends a webhook two seconds after a call whose response is lost.
        Self::with(&["--connector-timeout-ms", "1500"]).await
    }

    pub async fn with(args: &[&str]) -> Result<Self> {
        let system = S::start().await?;
        let accounts = [(S::KIND, ACCOUNT, system.credentials())];
        let app = TestApp::with_accounts(&accounts, args).await?;
        system.set_webhook_url(format!("{}{}", app.api.url, Self::webhooks()));
        Ok(Self { system, app })
    }

    fn webhooks() -> String {
        format!("/v1/connectors/{}/{ACCOUNT}/webhooks", S::KIND)
    }

    pub async fn send_webhook(&self, message: &Message) -> Result<Answer> {
        let mut request = self.app.api.request(Method::POST, &Self::webhooks());
        for (name, value) in &message.headers {
            request = request.header(*name, value);
        }
        send(request.body(message.body.clone())).await
    }

    /// Creates a payment.
    pub async fn pay(&self, opened: &Opened, plan: Plan) -> Result<Value> {
        let answer = self.app.api.pay(opened, &self.system.pay(plan)).await?;
        ensure!(answer.status == 201, "{answer:?}\n{}", self.app.log());
        let fixed = answer.json();
        ensure!(fixed["payment"]["connector"] == S::KIND, "{fixed}");
        Ok(fixed)
    }

    /// Completes the verification, if one is required, and returns to Till.
    pub async fn finish(&self, fixed: &Value) -> Result<()> {
        if fixed["verification"]["kind"] == "none" {
            return Ok(());
        }
        let back = self
            .system
            .confirm(&text(&fixed["verification"]["url"])?)
            .await?;
        let answer = send(self.app.api.request(Method::GET, &back)).await?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(())
    }

    /// Waits until the invoice is paid by one payment, the buyer is charged once, and the callbacks
    /// are received.
    pub async fn assert_paid_once(&self, opened: &Opened) -> Result<Value> {
        let paid = self.app.api.until_status(&opened.id, "paid").await;
        let invoice = paid.with_context(|| self.app.log())?;
        let payments = invoice["payments"].as_array().context("no payments")?;
        ensure!(payments.len() == 1, "{invoice}");
        ensure!(payments[0]["status"] == "succeeded", "{invoice}");
        ensure!(payments[0]["reference"].is_string(), "{invoice}");
        ensure!(
            self.system.net_captured().await? == 1999,
            "{}",
            self.system.net_captured().await?
        );
        ensure!(self.system.payments().await? == 1);
        until("the callbacks", async || {
            Ok(self.callback_types(opened).len() >= 2)
        })
        .await?;
        ensure!(self.callback_types(opened) == ["invoice.paid", "payment.succeeded"]);
        Ok(payments[0].clone())
    }

    pub fn callback_types(&self, opened: &Opened) -> Vec<String> {
        let callbacks = self.app.project.callbacks();
        let about = callbacks
            .iter()
            .filter(|a| a.body["data"]["invoice"]["id"] == opened.id.as_str());
        about
            .filter_map(|a| a.body["type"].as_str().map(str::to_owned))
            .collect()
    }

    /// Refunds a payment and waits until the refund succeeds.
    pub async fn refund(&self, payment: &Value, amount: i64) -> Result<()> {
        let refund = self.app.refund(&text(&payment["id"])?, amount).await?;
        let store = self.app.store().await?;
        let sql = "select status, reference from refunds where id = $1";
        let submitted: Result<()> = until("the refund to be submitted", async || {
            let row: (String, Option<String>) =
                sqlx::query_as(sql).bind(&refund).fetch_one(&store).await?;
            ensure!(row.0 != "failed", "the refund failed");
            Ok(row.1.is_some())
        })
        .await;
        submitted.with_context(|| self.app.log())?;
        if let Some(message) = self.system.refunded(&refund)? {
            let answer = self.send_webhook(&message).await?;
            ensure!(answer.status == 200, "{answer:?}");
        }
        until("the refund to succeed", async || {
            let row: (String, Option<String>) =
                sqlx::query_as(sql).bind(&refund).fetch_one(&store).await?;
            Ok(row.0 == "succeeded")
        })
        .await
    }
}
