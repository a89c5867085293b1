//! The sandbox's ledger, read from its database.

use crate::app::TestApp;
use crate::client::{Answer, send, text};
use crate::providers::hmac_hex;
use crate::wait::until;
use anyhow::Result;
use serde_json::{Value, json};
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;

impl TestApp {
    /// Lists the payments in the sandbox's ledger: reference (the payment's id), status, net amount.
    pub async fn ledger(&self) -> Result<Vec<(String, String, i64)>> {
        let db = open(self).await?;
        let sql = "select reference, status, captured - refunded from payments order by id";
        Ok(sqlx::query_as(sql).fetch_all(&db).await?)
    }

    /// Lists the captured and the refunded amount by payment id.
    pub async fn sandbox_totals(&self) -> Result<Vec<(String, i64, i64)>> {
        let db = open(self).await?;
        let sql = "select reference, captured, refunded from payments order by id";
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
        let (id, amount) = (text(&payment["id"])?, payment["amount"].clone());
        sqlx::query(
            "update payments set status = 'succeeded', captured = amount where reference = $1",
        )
        .bind(&id)
        .execute(&db)
        .await?;
        let (account, secret) = self.sandbox_account().await?;
        let body = json!({
            "id": format!("sbe_late_{id}"), "type": "payment.updated",
            "created_at": "2026-01-01T00:00:00Z",
            "data": { "payment": {
                "id": payment["reference"], "reference": id, "amount": amount,
                "currency": payment["currency"], "status": "succeeded",
            } },
        })
        .to_string();
        let time = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        let signature = hmac_hex(secret.as_bytes(), &format!("{time}.{body}"));
        let path = format!("/v1/connectors/sandbox/{account}/webhooks");
        let request = self.api.request(reqwest::Method::POST, &path).body(body);
        send(request.header("sandbox-signature", format!("t={time},v1={signature}"))).await
    }

    /// Waits until the sandbox has applied all scheduled changes and sent all webhooks.
    pub async fn until_sandbox_is_idle(&self) -> Result<()> {
        let db = open(self).await?;
        let sql = "select (select count(*) from payments where later_at is not null)
                       + (select count(*) from deliveries where state = 'pending')";
        until("the sandbox to finish", async || {
            let open: i64 = sqlx::query_scalar(sql).fetch_one(&db).await?;
            Ok(open == 0)
        })
        .await
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
