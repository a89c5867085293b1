//! Data that are older than their retention are removed in the background.

use super::marked::{
    age, connect, marked_columns, marks_in_files, order, pay, refund, until_delivered,
};
use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::json;
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{events, send, text};
use till_tests::wait::until;

/// Where the data that name a person are stored. Idempotency keys keep responses encrypted; the plain
/// one is of a server of an earlier version.
const STORED: [&str; 11] = [
    "event_attempts.answer",
    "events.body",
    "idempotency_keys.body",
    "invoices.buyer",
    "invoices.description",
    "invoices.failure_url",
    "invoices.items",
    "invoices.metadata",
    "invoices.success_url",
    "payments.card",
    "refunds.reason",
];

/// Adds the response that a server of an earlier version kept.
async fn insert_plain_response(app: &TestApp) -> Result<()> {
    let sql = "insert into idempotency_keys
         (scope, key, request_hash, status, body, lease_until, created_at, object)
         values ('project ' || $1, 'old', '', 201, '{\"name\": \"zzmark\"}', 0, 0, '0')";
    sqlx::query(sql)
        .bind(&app.keys.id)
        .execute(&connect(app).await?)
        .await?;
    Ok(())
}

async fn until_unmarked(app: &TestApp) -> Result<()> {
    until("the data to be removed", async || {
        Ok(marked_columns(app).await?.is_empty())
    })
    .await
}

#[tokio::test]
async fn nothing_that_names_a_person_outlives_its_retention() -> Result<()> {
    let mut app = TestApp::start().await?;
    let paid = pay(&app, &order("1")).await?;
    insert_plain_response(&app).await?;
    ensure!(marked_columns(&app).await? == STORED);
    ensure!(app.terminate().await?);
    age(&app, 731).await?;
    app.restart().await?;
    until_unmarked(&app).await?;
    let left = marks_in_files(&app).await?;
    ensure!(left.is_empty(), "the files have {left:?}");

    // What remains is the invoice, which works as before.
    let invoice = app.api.read(&paid.opened.id).await?;
    ensure!(invoice["buyer"] == json!({}), "{invoice}");
    ensure!(
        invoice["status"] == "partially_refunded" && invoice["amount"] == 1999,
        "{invoice}"
    );
    ensure!(invoice["order_id"] == "1" && invoice["amount_refunded"] == 100);
    let payment = &invoice["payments"][0];
    ensure!(payment["reference"].is_string() && payment["card"].is_null());
    let again = send(
        app.api
            .secret(Method::POST, "/v1/invoices")
            .json(&order("1")),
    )
    .await?;
    ensure!(
        again.status == 200 && again.json()["id"] == invoice["id"],
        "{again:?}"
    );
    for list in ["invoices", "payments", "refunds", "disputes", "events"] {
        let answer = send(app.api.secret(Method::GET, &format!("/v1/{list}"))).await?;
        ensure!(answer.status == 200, "{answer:?}");
    }
    for event in events(&app.api, "").await? {
        ensure!(event["data"] == json!({}), "{event}");
        ensure!(
            event["attempts"] == json!([]) && event["data_removed_at"].is_string(),
            "{event}"
        );
        let path = format!("/v1/events/{}", text(&event["id"])?);
        let read = send(app.api.secret(Method::GET, &path)).await?.json();
        ensure!(read == event, "{read}");
        let resent = send(app.api.secret(Method::POST, &format!("{path}/resend"))).await?;
        ensure!(resent.problem(422, "invalid-request")? == ["event"]);
    }
    refund(&app, &paid.payment, "later").await?;
    until_delivered(&app).await?;
    let told = app.project.callbacks().pop().context("no callback")?;
    ensure!(told.body["type"] == "refund.succeeded", "{}", told.raw);
    ensure!(told.body["data"]["invoice"]["buyer"] == json!({}));
    Ok(())
}

/// Some data end before others, and some are still needed.
#[tokio::test]
async fn each_kind_of_data_is_kept_for_its_time() -> Result<()> {
    let mut app = TestApp::start().await?;
    let paid = pay(&app, &order("1")).await?;
    let live = app.api.invoice_of(&order("2")).await?;
    let store = connect(&app).await?;
    let failed = "update events set state = 'failed', delivered_at = null
                  where type = 'invoice.paid'";
    sqlx::query(failed).execute(&store).await?;
    let unsent = "update events set state = 'unsent', delivered_at = null
                  where type = 'payment.succeeded'";
    sqlx::query(unsent).execute(&store).await?;
    ensure!(app.terminate().await?);
    age(&app, 100).await?;
    // The invoice is still open.
    sqlx::query("update invoices set expires_at = created_at + 366 * $1 where id = $2")
        .bind(super::marked::DAY)
        .bind(&live.id)
        .execute(&store)
        .await?;
    app.restart().await?;
    until("the old data to be removed", async || {
        let sql = "select (select count(*) from events where data_removed_at is null)
             + (select count(*) from event_attempts) + (select count(*) from idempotency_keys)";
        let left: i64 = sqlx::query_scalar(sql).fetch_one(&store).await?;
        Ok(left == 2)
    })
    .await?;
    let all = events(&app.api, "").await?;
    let of_type = |kind: &str| all.iter().find(|event| event["type"] == kind);
    let failed = of_type("invoice.paid").context("no event")?;
    ensure!(
        failed["data"]["invoice"]["buyer"]["name"] == "Ada zzmark",
        "{failed}"
    );
    let delivered = of_type("refund.succeeded").context("no event")?;
    ensure!(delivered["data"] == json!({}), "{delivered}");
    let webhooks = "select count(*) from connector_webhooks";
    let webhooks: i64 = sqlx::query_scalar(webhooks).fetch_one(&store).await?;
    ensure!(
        webhooks >= 1,
        "the newest webhook proves that the secret is right"
    );
    let invoice = app.api.read(&paid.opened.id).await?;
    ensure!(invoice["buyer"]["name"] == "Ada zzmark", "{invoice}");

    // What was not delivered can still be resent, in order.
    let path = format!("/v1/events/{}/resend", text(&failed["id"])?);
    let resent = send(app.api.secret(Method::POST, &path)).await?;
    ensure!(resent.status == 202, "{resent:?}");
    until_delivered(&app).await?;
    let told = app.project.callbacks().pop().context("no callback")?;
    ensure!(told.body["data"]["invoice"]["buyer"]["name"] == "Ada zzmark");

    // The open invoice of the same age is paid, by its buyer.
    app.api.paid_with(&live, APPROVED).await?;
    app.api.until_status(&live.id, "paid").await?;
    Ok(())
}

/// Callbacks whose data were removed are neither counted as unsent nor sent with others.
#[tokio::test]
async fn callbacks_without_data_are_not_sent() -> Result<()> {
    let mut app = TestApp::start().await?;
    app.project
        .respond_to_callbacks(|_| StatusCode::GONE.into_response());
    let opened = app.api.invoice_of(&order("1")).await?;
    let fixed = app.api.paid_with(&opened, APPROVED).await?;
    until_delivered(&app).await?;
    ensure!(app.terminate().await?);
    age(&app, 731).await?;
    app.restart().await?;
    until_unmarked(&app).await?;
    let path = format!("/v1/projects/{}", app.keys.id);
    let change = app.operator(Method::PATCH, &path);
    let url = format!("{}/callbacks", app.project.url);
    let changed = send(change.json(&json!({ "notify_url": url }))).await?;
    ensure!(
        changed.json()["unsent_events"] == 0,
        "{} {}",
        changed.status,
        changed.text
    );
    let before = app.project.callbacks().len();
    app.project
        .respond_to_callbacks(|_| StatusCode::NO_CONTENT.into_response());
    let all = app.api.secret(Method::POST, "/v1/events/resend");
    let all = send(all.json(&json!({ "state": "unsent" }))).await?;
    ensure!(
        all.status == 202 && all.json()["data"] == json!([]),
        "{all:?}"
    );
    let payment = text(&fixed["payment"]["id"])?;
    refund(&app, &payment, "r").await?;
    until_delivered(&app).await?;
    let told = app.project.callbacks().split_off(before);
    ensure!(told.len() == 1, "{told:?}");
    let resend = format!("/v1/events/{}/resend", told[0].id);
    let resent = send(app.api.secret(Method::POST, &resend)).await?;
    ensure!(
        resent.json()["sending"] == json!([told[0].id]),
        "{resent:?}"
    );
    Ok(())
}

/// Several servers remove a backlog of many steps, while a buyer pays.
#[tokio::test]
async fn a_backlog_is_removed_in_steps_by_all_servers() -> Result<()> {
    let mut app = TestApp::start().await?;
    let paid = pay(&app, &order("1")).await?;
    ensure!(app.terminate().await?);
    let store = connect(&app).await?;
    for sql in [
        "insert into idempotency_keys (scope, key, request_hash, lease_until, created_at)
         select 'project', cast(i as text), '', 0, i from n",
        "insert into connector_webhooks (connector, account, event_id, received_at)
         select 'sandbox', 'another', cast(i as text), i from n",
        "insert into event_attempts (event, number, at, duration_ms)
         select (select max(id) from events), i + 100, i, 1 from n",
    ] {
        let (insert, select) = sql.split_once("select").context("no select")?;
        let numbers = "with recursive n(i) as (select cast(1 as bigint) union all
             select i + 1 from n where i < 500)";
        let sql = format!("{insert} {numbers} select {select}");
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&store)
            .await?;
    }
    app.restart().await?;
    let _second = app.another_server().await?;
    let opened = app.api.invoice("2").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    app.api.until_status(&opened.id, "paid").await?;
    let left = "select (select count(*) from idempotency_keys where scope = 'project')
         + (select count(*) from connector_webhooks where account = 'another')
         + (select count(*) from event_attempts where number > 100)";
    until("the backlog to be removed", async || {
        let left: i64 = sqlx::query_scalar(left).fetch_one(&store).await?;
        // The newest webhook of the account stays.
        Ok(left == 1)
    })
    .await?;
    let invoice = app.api.read(&paid.opened.id).await?;
    ensure!(invoice["buyer"]["name"] == "Ada zzmark", "{invoice}");
    Ok(())
}

#[tokio::test]
async fn the_operator_chooses_how_long_data_are_kept() -> Result<()> {
    let settings = ["--buyer-data-days", "7", "--event-data-days", "3"];
    let mut app = TestApp::with_settings(&[], &settings).await?;
    let paid = pay(&app, &order("1")).await?;
    ensure!(app.terminate().await?);
    age(&app, 8).await?;
    app.restart().await?;
    until("the buyer's data to be removed", async || {
        Ok(app.api.read(&paid.opened.id).await?["buyer"] == json!({}))
    })
    .await?;
    // The keys are kept for their 30 days, without what they answered.
    let store = connect(&app).await?;
    let keys = "select count(*) from idempotency_keys where answer is null";
    let keys: i64 = sqlx::query_scalar(keys).fetch_one(&store).await?;
    ensure!(keys == 3, "{keys}");
    let refused = app
        .till(&["serve", "--dev", "--buyer-data-days", "0"])
        .await?;
    ensure!(
        refused
            .as_ref()
            .is_err_and(|e| e.contains("--buyer-data-days")),
        "{refused:?}"
    );
    Ok(())
}
