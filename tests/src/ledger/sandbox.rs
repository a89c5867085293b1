//! The sandbox's ledger, read from its database.

use crate::app::TestApp;
use crate::client::{Answer, send, text};
use crate::providers::hmac_hex;
use crate::wait::until_within;
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use std::time::Duration;

impl TestApp {
    /// Lists the payments in the sandbox's ledger: reference (the payment's id), status, net amount.
    pub async fn ledger(&self) -> Result<Vec<(String, String, i64)>> {
        let db = open(self).await?;
        let sql = "select reference, status, captured - refunded from payments order by id";
        Ok(sqlx::query_as(sql).fetch_all(&db).await?)
    }

    /// Lists the captured, refunded and reversed amounts and the status of the dispute by payment id.
    pub async fn sandbox_totals(&self) -> Result<Vec<(String, i64, i64, i64, Option<String>)>> {
        let db = open(self).await?;
        let sql = "select p.reference, p.captured, p.refunded, p.reversed, d.status
                   from payments p left join disputes d on d.payment = p.id order by p.id";
        Ok(sqlx::query_as(sql).fetch_all(&db).await?)
    }

    /// Lists the refunds in the sandbox's ledger that did not fail: id, payment id, amount.
    pub async fn sandbox_refunds(&self) -> Result<Vec<(String, String, i64)>> {
        let db = open(self).await?;
        let sql = "select r.id, p.reference, r.amount from refunds r
                   join payments p on p.id = r.payment where r.status <> 'failed'";
        Ok(sqlx::query_as(sql).fetch_all(&db).await?)
    }

    /// Returns the URL to which the sandbox redirects the buyer.
    pub async fn return_url(&self, payment: &str) -> Result<String> {
        let db = open(self).await?;
        let sql = "select return_url from payments where reference = $1";
        Ok(sqlx::query_scalar(sql).bind(payment).fetch_one(&db).await?)
    }

    /// Returns the sandbox account's id and webhook secret.
    pub async fn sandbox_account(&self) -> Result<(String, String)> {
        let db = open(self).await?;
        let sql = "select id, webhook_secret from accounts";
        Ok(sqlx::query_as(sql).fetch_one(&db).await?)
    }

    /// Makes a payment succeed late: updates the sandbox's ledger and sends a signed webhook. Returns
    /// the response to the webhook.
    pub async fn succeed_late(&self, payment: &Value) -> Result<Answer> {
        let db = open(self).await?;
        let id = text(&payment["id"])?;
        sqlx::query(
            "update payments set status = 'succeeded', captured = amount where reference = $1",
        )
        .bind(&id)
        .execute(&db)
        .await?;
        self.tell(&format!("late_{id}"), payment, json!({})).await
    }

    /// Refunds a payment in the sandbox's dashboard, which sends a webhook. The amount is in minor
    /// units of a currency with two decimals.
    pub async fn refund_in_dashboard(&self, payment: &Value, amount: i64) -> Result<()> {
        let url = format!(
            "{}/sandbox/payments/{}",
            self.sandbox,
            text(&payment["reference"])?
        );
        let amount = format!("{}.{:02}", amount / 100, amount % 100);
        let form = self.api.request(reqwest::Method::POST, &url);
        let answer = send(form.form(&[("amount", amount)])).await?;
        ensure!(answer.status == 303, "{answer:?}");
        Ok(())
    }

    /// Sends a succeeded refund back: updates the sandbox's ledger and sends a signed webhook. Returns
    /// the response to the webhook.
    pub async fn refund_comes_back(&self, payment: &Value, refund: &Value) -> Result<Answer> {
        let (ours, amount) = (text(&refund["id"])?, refund["amount"].clone());
        let id: String = sqlx::query_scalar("select reference from refunds where id = $1")
            .bind(&ours)
            .fetch_one(&self.store().await?)
            .await?;
        let db = open(self).await?;
        sqlx::query("update refunds set status = 'failed' where id = $1")
            .bind(&id)
            .execute(&db)
            .await?;
        sqlx::query("update payments set refunded = refunded - $1 where id = $2")
            .bind(amount.as_i64())
            .bind(text(&payment["reference"])?)
            .execute(&db)
            .await?;
        let reference = (refund["source"] != "payment_system").then_some(&ours);
        let data = json!({ "refund": {
            "id": id, "reference": reference, "amount": amount, "currency": refund["currency"],
            "status": "failed",
        } });
        self.tell(&format!("back_{ours}"), payment, data).await
    }

    /// Disputes a payment: updates the sandbox's ledger, unless it has a later status, and sends a
    /// signed webhook. Returns the response to the webhook.
    pub async fn dispute(&self, payment: &Value, status: &str) -> Result<Answer> {
        let id = format!("sbd_{}", text(&payment["id"])?);
        let order = "case $6 when 'needs_response' then 0 when 'under_review' then 1
                     when 'won' then 2 else 3 end";
        let known = order.replace("$6", "disputes.status");
        let sql = format!(
            "insert into disputes (id, payment, amount, currency, reason, status, respond_by,
             created_at) values ($1, $2, $3, $4, $5, $6, 0, 0)
             on conflict (payment) do update set status = $6 where {order} > {known}"
        );
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&id)
            .bind(text(&payment["reference"])?)
            .bind(payment["amount"].as_i64())
            .bind(text(&payment["currency"])?)
            .bind("fraudulent")
            .bind(status)
            .execute(&open(self).await?)
            .await?;
        let data = json!({ "dispute": {
            "id": id, "amount": payment["amount"],
            "currency": payment["currency"], "reason": "fraudulent", "status": status,
        } });
        let event = format!("dispute_{status}_{}", text(&payment["id"])?);
        self.tell(&event, payment, data).await
    }

    /// Takes back an amount of a payment without a dispute: updates the sandbox's ledger and sends a
    /// signed webhook. Returns the response to the webhook.
    pub async fn reverse(&self, payment: &Value, amount: i64) -> Result<Answer> {
        let before = &payment["amount_reversed"];
        let id = format!("sbv_{}_{before}", text(&payment["id"])?);
        let (db, reference) = (open(self).await?, text(&payment["reference"])?);
        sqlx::query(
            "insert into reversals (id, payment, amount, currency, created_at)
             values ($1, $2, $3, $4, 0)",
        )
        .bind(&id)
        .bind(&reference)
        .bind(amount)
        .bind(text(&payment["currency"])?)
        .execute(&db)
        .await?;
        sqlx::query("update payments set reversed = reversed + $1 where id = $2")
            .bind(amount)
            .bind(&reference)
            .execute(&db)
            .await?;
        let data = json!({ "reversal": {
            "id": id, "amount": amount, "currency": payment["currency"],
        } });
        self.tell(&id, payment, data).await
    }

    /// Sends a signed webhook about a succeeded payment and `more`.
    async fn tell(&self, event: &str, payment: &Value, more: Value) -> Result<Answer> {
        let (account, secret) = self.sandbox_account().await?;
        let mut data = more;
        data["payment"] = json!({
            "id": payment["reference"], "reference": payment["id"], "amount": payment["amount"],
            "currency": payment["currency"], "status": "succeeded",
        });
        let body = json!({
            "id": format!("sbe_{event}"), "type": "payment.updated",
            "created_at": "2026-01-01T00:00:00Z", "data": data,
        })
        .to_string();
        let time = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        let signature = hmac_hex(secret.as_bytes(), format!("{time}.{body}"));
        let path = format!("/v1/connectors/sandbox/{account}/webhooks");
        let request = self.api.request(reqwest::Method::POST, &path).body(body);
        send(request.header("sandbox-signature", format!("t={time},v1={signature}"))).await
    }

    /// Waits until the sandbox has applied all scheduled changes and sent all webhooks.
    pub async fn until_sandbox_is_idle(&self) -> Result<()> {
        self.until_sandbox_is_idle_within(Duration::from_secs(30))
            .await
    }

    /// [`Self::until_sandbox_is_idle`], with a time limit.
    pub async fn until_sandbox_is_idle_within(&self, limit: Duration) -> Result<()> {
        let db = open(self).await?;
        let sql = "select (select count(*) from payments where later_at is not null)
                       + (select count(*) from follow_ups)
                       + (select count(*) from deliveries where state = 'pending')";
        until_within(limit, "the sandbox to finish", async || {
            let open: i64 = sqlx::query_scalar(sql).fetch_one(&db).await?;
            Ok(open == 0)
        })
        .await
    }

    /// Returns the sandbox's ids of all payments.
    pub async fn sandbox_references(&self) -> Result<Vec<String>> {
        let sql = "select id from payments";
        Ok(sqlx::query_scalar(sql)
            .fetch_all(&open(self).await?)
            .await?)
    }

    /// Returns the number of events that the sandbox has recorded.
    pub async fn sandbox_events(&self) -> Result<i64> {
        let sql = "select count(*) from events";
        Ok(sqlx::query_scalar(sql)
            .fetch_one(&open(self).await?)
            .await?)
    }

    /// Returns the captured amount minus the refunded amount of all payments.
    pub async fn net_captured(&self) -> Result<i64> {
        Ok(self.ledger().await?.iter().map(|(.., amount)| amount).sum())
    }
}

async fn open(app: &TestApp) -> Result<SqlitePool> {
    let options = SqliteConnectOptions::new().filename(app.files().join("sandbox.db"));
    Ok(SqlitePool::connect_with(options).await?)
}
