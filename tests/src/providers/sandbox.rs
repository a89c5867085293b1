//! The sandbox.

use super::{Message, PaymentSystem, Plan, hmac_hex, now};
use crate::cards::{
    ANSWER_LOST, ANSWER_LOST_WEBHOOK, APPROVED, INSUFFICIENT_FUNDS, UNAVAILABLE, VERIFIED,
};
use crate::client::card;
use crate::process::{Running, binary, command};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use std::sync::Mutex;
use tempfile::TempDir;

/// The sandbox, with an account.
pub struct Sandbox {
    files: TempDir,
    account: Value,
    /// The amount and currency of webhooks that differ from the ledger.
    overrides: Mutex<Option<(i64, String)>>,
    running: Running,
}

impl Sandbox {
    async fn db(&self) -> Result<SqlitePool> {
        let options = SqliteConnectOptions::new().filename(self.files.path().join("sandbox.db"));
        Ok(SqlitePool::connect_with(options).await?)
    }

    fn signed(&self, body: String, secret: &str, at: i64) -> Message {
        let signature = hmac_hex(secret.as_bytes(), &format!("{at}.{body}"));
        Message {
            headers: vec![("sandbox-signature", format!("t={at},v1={signature}"))],
            body,
        }
    }

    fn secret(&self) -> &str {
        self.account["webhook_secret"].as_str().unwrap_or_default()
    }

    fn body(&self, payment: &str) -> String {
        let overrides = self
            .overrides
            .lock()
            .ok()
            .and_then(|overrides| overrides.clone());
        let (amount, currency) = overrides.unwrap_or((1999, "EUR".into()));
        json!({
            "id": format!("evt_{payment}"),
            "type": "payment.updated",
            "data": { "payment": {
                "id": format!("sbx_{payment}"), "reference": payment, "amount": amount,
                "currency": currency, "status": "succeeded",
            } },
        })
        .to_string()
    }
}

impl PaymentSystem for Sandbox {
    const KIND: &'static str = "sandbox";

    async fn start() -> Result<Self> {
        crate::client::install_crypto_provider();
        let files = tempfile::tempdir()?;
        let mut command = command(binary()?);
        command
            .current_dir(files.path())
            .args(["sandbox", "--listen", "127.0.0.1:0", "--db", "sandbox.db"])
            .env("RUST_LOG", "warn");
        let running = Running::start(&mut command, "listening on").await;
        let running = running.context("the sandbox")?;
        let url = format!("{}/v1/accounts", running.line);
        let account = reqwest::Client::new().post(url).send().await?;
        Ok(Self {
            files,
            account: account.json().await?,
            overrides: Mutex::default(),
            running,
        })
    }

    fn credentials(&self) -> Value {
        json!({
            "base_url": self.running.line,
            "api_key": self.account["api_key"],
            "webhook_secret": self.account["webhook_secret"],
        })
    }

    fn set_webhook_url(&self, _: String) {}

    fn pay(&self, plan: Plan) -> Value {
        card(match plan {
            Plan::Approve | Plan::RateLimit(_) => APPROVED,
            Plan::Verify => VERIFIED,
            Plan::Decline => INSUFFICIENT_FUNDS,
            Plan::LoseResponse => ANSWER_LOST,
            // The response is lost and the webhook is sent.
            Plan::WebhookFirst => ANSWER_LOST_WEBHOOK,
            Plan::Fail(_) => UNAVAILABLE,
        })
    }

    async fn confirm(&self, form: &str) -> Result<String> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let answer = http
            .post(form)
            .form(&[("action", "confirm")])
            .send()
            .await?;
        let back = answer.headers().get("location").context("no redirect")?;
        Ok(back.to_str()?.to_owned())
    }

    async fn net_captured(&self) -> Result<i64> {
        let sql = "select coalesce(sum(captured - refunded), 0) from payments";
        Ok(sqlx::query_scalar(sql).fetch_one(&self.db().await?).await?)
    }

    async fn payments(&self) -> Result<usize> {
        let count: i64 = sqlx::query_scalar("select count(*) from payments")
            .fetch_one(&self.db().await?)
            .await?;
        Ok(usize::try_from(count)?)
    }

    fn capture(&self, _: &str, amount: i64, currency: &str) -> Result<()> {
        let mut overrides = self
            .overrides
            .lock()
            .map_err(|_| anyhow::anyhow!("poisoned"))?;
        *overrides = Some((amount, currency.to_owned()));
        Ok(())
    }

    fn message(&self, payment: &str) -> Result<Message> {
        Ok(self.signed(self.body(payment), self.secret(), now()))
    }

    fn refunded(&self, _: &str) -> Result<Option<Message>> {
        Ok(None)
    }

    fn forged_webhooks(&self, payment: &str) -> Result<Vec<Message>> {
        let body = self.body(payment);
        let good = self.signed(body.clone(), self.secret(), now());
        Ok(vec![
            good.altered("1999", "1998"),
            self.signed(body.clone(), "another secret", now()),
            self.signed(body, self.secret(), now() - 301),
            good.with("sandbox-signature", "t=,v1="),
        ])
    }

    fn idempotency_keys(&self) -> Vec<String> {
        vec![]
    }
}
