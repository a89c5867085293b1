//! Data that name a person, marked so that they are found wherever they are stored.

use anyhow::{Context, Result, ensure};
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AnyPool, AssertSqlSafe};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Api, Opened, card, send, text};
use till_tests::database::{columns_with, on_postgres};
use till_tests::wait::until;

/// What is in every marked text, and the last digits of the buyer's card.
pub const MARKS: [&str; 2] = ["zzmark", "\"4242\""];
/// The buyer's address.
pub const EMAIL: &str = "Ada.zzmark@shop.example";
/// A day, in milliseconds.
pub const DAY: i64 = 86_400_000;

/// An order whose every text names the buyer.
pub fn order(number: &str) -> Value {
    let mut order = Api::order(number);
    order["description"] = json!("A ticket for Ada zzmark");
    order["items"] = json!([{ "name": "zzmark's seat", "quantity": 1, "amount": 1999 }]);
    order["buyer"] = json!({
        "email": EMAIL, "name": "Ada zzmark", "phone": "+49 30 1234567", "country": "DE"
    });
    order["metadata"] = json!({ "customer": "zzmark" });
    order["success_url"] = json!("https://shop.example/thanks?customer=zzmark");
    order["failure_url"] = json!("https://shop.example/sorry?customer=zzmark");
    order
}

/// An order that was paid and partly refunded, each call with an idempotency key.
pub struct Paid {
    pub opened: Opened,
    pub payment: String,
}

/// Pays an order, and refunds 1.00 of it. The endpoint's responses name the buyer.
pub async fn pay(app: &TestApp, order: &Value) -> Result<Paid> {
    app.project
        .respond_to_callbacks(|_| "thank you, zzmark".into_response());
    let number = text(&order["order_id"])?;
    let created = post(app, "/v1/invoices", &format!("create-{number}"), order).await?;
    let opened = Opened {
        id: text(&created["id"])?,
        token: text(&created["client_token"])?,
    };
    let request = app.api.widget(Method::POST, &opened, "/payments");
    let request = request.header("idempotency-key", "pay");
    let fixed = send(request.json(&card(APPROVED))).await?;
    ensure!(fixed.status == 201, "{fixed:?}");
    let payment = text(&fixed.json()["payment"]["id"])?;
    refund(app, &payment, &format!("refund-{number}")).await?;
    until_delivered(app).await?;
    Ok(Paid { opened, payment })
}

/// Refunds 1.00 of a payment, and returns the refund's id.
pub async fn refund(app: &TestApp, payment: &str, key: &str) -> Result<String> {
    let body = json!({ "amount": 100, "reason": "zzmark did not come" });
    let refund = post(app, &format!("/v1/payments/{payment}/refunds"), key, &body).await?;
    ensure!(refund["status"] == "succeeded", "{refund}");
    text(&refund["id"])
}

async fn post(app: &TestApp, path: &str, key: &str, body: &Value) -> Result<Value> {
    let request = app.api.secret(Method::POST, path);
    let answer = send(request.header("idempotency-key", key).json(body)).await?;
    ensure!(answer.status == 201, "{answer:?}");
    Ok(answer.json())
}

/// Waits until every callback is delivered and the payment system has sent its webhooks.
pub async fn until_delivered(app: &TestApp) -> Result<()> {
    let store = app.store().await?;
    for sql in [
        "select count(*) from events where state = 'pending'",
        "select case when exists (select 1 from connector_webhooks) then 0 else 1 end",
    ] {
        until("callbacks and webhooks", async || {
            let left: i64 =
                sqlx::query_scalar(AssertSqlSafe(format!("select cast(({sql}) as bigint)")))
                    .fetch_one(&store)
                    .await?;
            Ok(left == 0)
        })
        .await?;
    }
    Ok(())
}

/// Connects to the database. What the test itself replaces is overwritten.
pub async fn connect(app: &TestApp) -> Result<AnyPool> {
    let store = app.store().await?;
    if !on_postgres() {
        sqlx::query("pragma secure_delete = on")
            .execute(&store)
            .await?;
    }
    Ok(store)
}

/// Makes everything stored older by some days, while the server is stopped.
pub async fn age(app: &TestApp, days: i64) -> Result<()> {
    let store = connect(app).await?;
    for (table, columns) in [
        (
            "invoices",
            &["created_at", "expires_at", "paid_at", "ended_at"][..],
        ),
        ("payments", &["created_at", "updated_at"]),
        ("refunds", &["created_at", "updated_at"]),
        ("events", &["created_at", "delivered_at"]),
        ("event_attempts", &["at"]),
        ("connector_webhooks", &["received_at"]),
        ("idempotency_keys", &["created_at"]),
    ] {
        let older: Vec<_> = columns.iter().map(|c| format!("{c} = {c} - $1")).collect();
        let sql = format!("update {table} set {}", older.join(", "));
        let query = sqlx::query(AssertSqlSafe(sql)).bind(days * DAY);
        query.execute(&store).await.context(table)?;
    }
    Ok(())
}

/// Returns the columns of all tables that have a mark.
pub async fn marked_columns(app: &TestApp) -> Result<Vec<String>> {
    columns_with(&app.store().await?, &MARKS).await
}

/// Returns the marks in the files of an SQLite database, once its log is empty.
pub async fn marks_in_files(app: &TestApp) -> Result<Vec<&'static str>> {
    if on_postgres() {
        return Ok(vec![]);
    }
    let store = connect(app).await?;
    until("the checkpoint", async || {
        let busy: i64 = sqlx::query_scalar("pragma wal_checkpoint(truncate)")
            .fetch_one(&store)
            .await?;
        Ok(busy == 0)
    })
    .await?;
    let mut bytes = std::fs::read(app.files().join("till.db"))?;
    bytes.extend(std::fs::read(app.files().join("till.db-wal")).unwrap_or_default());
    let holds = |mark: &&str| bytes.windows(mark.len()).any(|w| w == mark.as_bytes());
    Ok(MARKS.into_iter().filter(holds).collect())
}
