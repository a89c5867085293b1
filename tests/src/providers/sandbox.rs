//! The sandbox, which is no mock: it stands for itself. The webhooks that its own worker would send
//! later are built here in its format, so that a test decides when and in which order they arrive.

use super::{Dispute, Message, PaymentSystem, Plan, hmac_hex, now};
use crate::cards::{
    ANSWER_LOST, ANSWER_LOST_WEBHOOK, APPROVED, INSUFFICIENT_FUNDS, UNAVAILABLE, VERIFIED,
};
use crate::client::card;
use crate::process::{Running, binary, command};
use anyhow::{Context, Result};
use reqwest::StatusCode;
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
        let signature = hmac_hex(secret.as_bytes(), format!("{at}.{body}"));
        Message {
            headers: vec![("sandbox-signature", format!("t={at},v1={signature}"))],
            body,
        }
    }

    fn secret(&self) -> &str {
        self.account["webhook_secret"].as_str().unwrap_or_default()
    }

    fn payment(&self, payment: &str) -> Value {
        let overrides = self
            .overrides
            .lock()
            .ok()
            .and_then(|overrides| overrides.clone());
        let (amount, currency) = overrides.unwrap_or((1999, "EUR".into()));
        json!({
            "id": format!("sbx_{payment}"), "reference": payment, "amount": amount,
            "currency": currency, "status": "succeeded",
        })
    }

    fn body(&self, payment: &str) -> String {
        json!({
            "id": format!("evt_{payment}"),
            "type": "payment.updated",
            "data": { "payment": self.payment(payment) },
        })
        .to_string()
    }

    /// Returns a webhook about something that happened to a payment.
    fn event(&self, kind: &str, payment: &str, name: &str, object: &Value) -> Message {
        let id = hmac_hex(kind.as_bytes(), object.to_string());
        let body = json!({
            "id": format!("evt_{id}"),
            "type": kind,
            "data": { "payment": self.payment(payment), name: object },
        });
        self.signed(body.to_string(), self.secret(), now())
    }

    /// Refunds a payment in the dashboard and returns the refund. More than what is left is returned
    /// as if the sandbox had refunded it: other payment systems may.
    async fn refund_in_dashboard(&self, payment: &str, amount: i64) -> Result<Value> {
        let sql = "select id from payments where reference = $1";
        let id: String = sqlx::query_scalar(sql)
            .bind(payment)
            .fetch_one(&self.db().await?)
            .await?;
        let base = &self.running.line;
        let key = self.account["api_key"].as_str().unwrap_or_default();
        let answer = reqwest::Client::new()
            .post(format!("{base}/v1/payments/{id}/dashboard_refunds"))
            .bearer_auth(key)
            .json(&json!({ "amount": amount }))
            .send()
            .await?;
        if answer.status() == StatusCode::UNPROCESSABLE_ENTITY {
            return Ok(json!({
                "id": format!("sbr_over_{payment}"), "amount": amount, "currency": "EUR",
                "status": "succeeded",
            }));
        }
        Ok(answer.error_for_status()?.json().await?)
    }

    /// Lets a refund fail in the ledger and returns it, and Till's id of its payment.
    async fn fail_refund(&self, refund: &str) -> Result<(Value, String)> {
        let db = self.db().await?;
        let sql = "update refunds set status = 'failed' where reference = $1
                   returning id, payment, amount, currency";
        let (id, payment, amount, currency): (String, String, i64, String) =
            sqlx::query_as(sql).bind(refund).fetch_one(&db).await?;
        let sql = "update payments set refunded = refunded - $2 where id = $1 returning reference";
        let reference = sqlx::query_scalar(sql)
            .bind(&payment)
            .bind(amount)
            .fetch_one(&db)
            .await?;
        let failed = json!({
            "id": id, "reference": refund, "amount": amount, "currency": currency,
            "status": "failed",
        });
        Ok((failed, reference))
    }
}

/// Runs a future on a thread of its own, for a caller that is not async.
fn block_on<T: Send>(future: impl Future<Output = Result<T>> + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(future)
        });
        let ended = thread.join();
        ended.map_err(|_| anyhow::anyhow!("the thread panicked"))?
    })
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

    fn refund_failed(&self, refund: &str) -> Result<Message> {
        let (failed, payment) = block_on(self.fail_refund(refund))?;
        Ok(self.event("refund.updated", &payment, "refund", &failed))
    }

    fn dashboard_refund(&self, payment: &str, amount: i64) -> Result<Message> {
        let refund = block_on(self.refund_in_dashboard(payment, amount))?;
        Ok(self.event("refund.updated", payment, "refund", &refund))
    }

    fn dispute(&self, payment: &str, stage: Dispute) -> Result<Message> {
        let status = match stage {
            Dispute::Opened => "needs_response",
            Dispute::Won => "won",
            Dispute::Lost => "lost",
        };
        let dispute = json!({
            "id": format!("sbd_{payment}"), "amount": 1999, "currency": "EUR",
            "reason": "fraudulent", "status": status, "respond_by": "2040-01-01T00:00:00Z",
        });
        Ok(self.event("dispute.updated", payment, "dispute", &dispute))
    }

    fn reversal(&self, payment: &str) -> Result<Option<Message>> {
        let reversal = json!({ "id": format!("sbv_{payment}"), "amount": 1999, "currency": "EUR" });
        Ok(Some(self.event(
            "payment.reversed",
            payment,
            "reversal",
            &reversal,
        )))
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
