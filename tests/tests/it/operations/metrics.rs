//! `/metrics` and `/readyz`.

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::Value;
use till_tests::TestApp;
use till_tests::cards::{ANSWER_LOST, APPROVED, INSUFFICIENT_FUNDS, WEBHOOK_TWICE};
use till_tests::client::{send, text};
use till_tests::metrics::Metrics;
use till_tests::wait::until;

const SANDBOX: (&str, &str) = ("connector", "sandbox");

/// Waits until a metric has a value.
async fn counts(app: &TestApp, name: &str, labels: &[(&str, &str)], n: f64) -> Result<()> {
    let mut last = 0.0;
    let seen = until(name, async || {
        last = Metrics::of(app).await?.sum(name, labels);
        Ok(last == n)
    });
    seen.await
        .with_context(|| format!("{name} {labels:?} is {last}, not {n}"))
}

async fn with_check() -> Result<TestApp> {
    TestApp::with(&["--check-url", "PROJECT/check"]).await
}

#[tokio::test]
async fn payments_are_counted_by_outcome() -> Result<()> {
    let app = with_check().await?;
    for (order, number) in [("1", APPROVED), ("2", APPROVED), ("3", INSUFFICIENT_FUNDS)] {
        let opened = app.api.invoice(order).await?;
        app.api.paid_with(&opened, number).await?;
    }
    let lost = app.api.invoice("4").await?;
    app.api.paid_with(&lost, ANSWER_LOST).await?;
    app.api.until_status(&lost.id, "paid").await?;

    let ended = |outcome| [SANDBOX, ("outcome", outcome)];
    counts(
        &app,
        "till_payment_attempts_total",
        &[SANDBOX, ("method", "card")],
        4.0,
    )
    .await?;
    counts(&app, "till_payments_total", &ended("succeeded"), 3.0).await?;
    counts(&app, "till_payments_total", &ended("declined"), 1.0).await?;
    counts(&app, "till_payments_total", &ended("failed"), 0.0).await?;
    let short = [SANDBOX, ("code", "insufficient_funds")];
    counts(&app, "till_payment_declines_total", &short, 1.0).await?;
    counts(
        &app,
        "till_order_checks_total",
        &[("outcome", "accepted")],
        4.0,
    )
    .await?;
    let calls = "till_connector_call_duration_seconds_count";
    let created = |outcome| [SANDBOX, ("operation", "create"), ("outcome", outcome)];
    counts(&app, calls, &created("answered"), 3.0).await?;
    counts(&app, calls, &created("unknown"), 1.0).await?;
    let requests = [
        ("method", "POST"),
        ("route", "/v1/widget/invoices/{invoice}/payments"),
        ("status", "2xx"),
    ];
    counts(
        &app,
        "till_http_request_duration_seconds_count",
        &requests,
        4.0,
    )
    .await?;
    // Two callbacks for each paid invoice, one for the decline.
    let delivered = [("outcome", "delivered")];
    counts(
        &app,
        "till_callback_duration_seconds_count",
        &delivered,
        7.0,
    )
    .await?;
    counts(&app, "till_payments_unknown", &[SANDBOX], 0.0).await?;
    counts(&app, "till_callbacks_pending", &[], 0.0).await?;

    let metrics = Metrics::of(&app).await?;
    ensure!(metrics.sum("till_database_up", &[]) == 1.0);
    ensure!(metrics.sum("till_database_connections_max", &[]) > 0.0);
    ensure!(metrics.sum("till_database_connections", &[]) > 0.0);
    ensure!(metrics.sum("till_build_info", &[("version", env!("CARGO_PKG_VERSION"))]) == 1.0);
    // The metrics are public and contain no identifiers.
    let keys = &app.keys;
    for private in [&keys.id, &keys.pk, &keys.sk, &keys.signing_secret, &lost.id] {
        ensure!(!metrics.text.contains(private.as_str()), "{private}");
    }
    for private in ["4242", "inv_", "pay_", "Test Shop", "127.0.0.1"] {
        ensure!(!metrics.text.contains(private), "{private}");
    }
    Ok(())
}

#[tokio::test]
async fn order_checks_are_counted_by_outcome() -> Result<()> {
    let app = with_check().await?;
    app.project
        .respond_to_checks(|_| r#"{"accept":false,"reason":"sold out"}"#.into_response());
    let opened = app.api.invoice("1").await?;
    let card = till_tests::client::card(APPROVED);
    app.api
        .pay(&opened, &card)
        .await?
        .problem(422, "order-rejected")?;
    app.project
        .respond_to_checks(|_| StatusCode::NOT_FOUND.into_response());
    let refused = app.api.pay(&opened, &card).await?;
    refused.problem(502, "order-check-unavailable")?;
    let checks = "till_order_checks_total";
    counts(&app, checks, &[("outcome", "rejected")], 1.0).await?;
    counts(&app, checks, &[("outcome", "unavailable")], 1.0).await?;
    counts(&app, checks, &[("outcome", "accepted")], 0.0).await?;
    counts(&app, "till_payment_attempts_total", &[], 0.0).await
}

#[tokio::test]
async fn webhooks_refunds_and_duplicates_are_counted() -> Result<()> {
    let app = TestApp::start().await?;
    let webhooks = |outcome| [SANDBOX, ("outcome", outcome)];
    let opened = app.api.invoice("1").await?;
    let declined = app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?["payment"].clone();
    let paid = app.api.paid_with(&opened, WEBHOOK_TWICE).await?["payment"].clone();
    app.api.until_status(&opened.id, "paid").await?;
    counts(&app, "till_webhooks_total", &webhooks("repeated"), 1.0).await?;

    app.refund(&text(&paid["id"])?, 500).await?;
    let refunds = |outcome| [SANDBOX, ("outcome", outcome)];
    counts(&app, "till_refunds_total", &refunds("succeeded"), 1.0).await?;
    counts(&app, "till_duplicate_refunds_total", &[SANDBOX], 0.0).await?;

    // The declined payment succeeds late.
    app.succeed_late(&declined).await?;
    counts(&app, "till_duplicate_refunds_total", &[SANDBOX], 1.0).await?;
    counts(&app, "till_refunds_total", &refunds("succeeded"), 2.0).await?;
    let applied = Metrics::of(&app).await?;
    ensure!(applied.sum("till_webhooks_total", &webhooks("applied")) >= 2.0);

    let account = app.sandbox_account().await?.0;
    let path = format!("/v1/connectors/sandbox/{account}/webhooks");
    let forged = app.api.request(Method::POST, &path).body("{}");
    let answer = send(forged.header("sandbox-signature", "t=1,v1=00")).await?;
    ensure!(answer.status == 401, "{answer:?}");
    counts(&app, "till_webhooks_total", &webhooks("forged"), 1.0).await?;

    // A valid webhook for an unknown payment.
    let mut stranger = declined;
    stranger["id"] = "pay_01900000000070008000000000000001".into();
    let answer = app.succeed_late(&stranger).await?;
    ensure!(answer.status == 200, "{answer:?}");
    counts(&app, "till_webhooks_total", &webhooks("unmatched"), 1.0).await
}

#[tokio::test]
async fn callbacks_are_counted_by_outcome() -> Result<()> {
    let app = TestApp::start().await?;
    app.project.respond_to_callbacks(|n| match n {
        0 => StatusCode::BAD_GATEWAY.into_response(),
        1 => StatusCode::GONE.into_response(),
        _ => StatusCode::OK.into_response(),
    });
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    // The first event is rejected and then gets a 410, which disables the endpoint. The second event
    // is not sent.
    counts(&app, "till_callbacks_failed_total", &[], 1.0).await?;
    let refused = [("outcome", "refused")];
    counts(&app, "till_callback_duration_seconds_count", &refused, 2.0).await?;
    counts(&app, "till_callback_duration_seconds_count", &[], 2.0).await
}

#[tokio::test]
async fn live_event_streams_are_counted() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let watch = async || {
        let request = app.api.widget(Method::GET, &opened, "/events");
        let mut stream = request.send().await?;
        stream.chunk().await?.context("no event")?;
        anyhow::Ok(stream)
    };
    let streams = [watch().await?, watch().await?];
    counts(&app, "till_event_watchers", &[], 2.0).await?;
    drop(streams);
    until("no open streams", async || {
        // The server notices a closed stream at its next write.
        sqlx::query("update invoices set version = version + 1")
            .execute(&app.store().await?)
            .await?;
        let metrics = Metrics::of(&app).await?;
        Ok(metrics.sum("till_event_watchers", &[]) == 0.0)
    })
    .await
}

async fn ready(app: &TestApp) -> Result<(u16, Value)> {
    let answer = send(app.api.request(Method::GET, "/readyz")).await?;
    Ok((answer.status, answer.json()))
}

/// Makes a payment's outcome unknown and its callbacks pending for an hour.
async fn create_backlog(app: &TestApp) -> Result<()> {
    let far = i64::MAX / 2;
    for sql in [
        "update payments set status = 'processing', next_check_at = $1,
         created_at = created_at - 3600000",
        "update events set state = 'pending', next_attempt_at = $1,
         created_at = created_at - 3600000",
    ] {
        sqlx::query(sql)
            .bind(far)
            .execute(&app.store().await?)
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_backlog_is_a_warning_and_the_server_stays_ready() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    until("both callbacks", async || {
        Ok(app.project.callbacks().len() == 2)
    })
    .await?;
    counts(&app, "till_callbacks_pending", &[], 0.0).await?;
    let (status, body) = ready(&app).await?;
    ensure!(status == 200 && body["status"] == "ready", "{body}");
    ensure!(
        body["warnings"].as_array().is_some_and(Vec::is_empty),
        "{body}"
    );

    create_backlog(&app).await?;
    let metrics = Metrics::of(&app).await?;
    ensure!(metrics.sum("till_payments_unknown", &[SANDBOX]) == 1.0);
    ensure!(metrics.sum("till_payments_unknown", &[]) == 1.0);
    let age = metrics.sum("till_payments_unknown_oldest_age_seconds", &[SANDBOX]);
    ensure!((3600.0..7200.0).contains(&age), "{age}");
    ensure!(metrics.sum("till_callbacks_pending", &[]) == 2.0);
    let age = metrics.sum("till_callbacks_pending_oldest_age_seconds", &[]);
    ensure!((3600.0..7200.0).contains(&age), "{age}");
    let (status, body) = ready(&app).await?;
    let code = |n: usize| body["warnings"][n]["code"].as_str();
    ensure!(status == 200 && body["status"] == "ready", "{body}");
    ensure!(code(0) == Some("callbacks_waiting"), "{body}");
    ensure!(code(1) == Some("payments_unknown"), "{body}");
    ensure!(code(2).is_none(), "{body}");
    Ok(())
}

/// Makes the database fail: PostgreSQL rejects connections, and SQLite lacks a table.
async fn disable_database(app: &TestApp) -> Result<()> {
    let url = app.database_url();
    if url.starts_with("sqlite:") {
        sqlx::query("alter table events rename to events_elsewhere")
            .execute(&app.store().await?)
            .await?;
        return Ok(());
    }
    let (server, name) = url.rsplit_once('/').context("no name")?;
    let admin = sqlx::PgPool::connect(&format!("{server}/postgres")).await?;
    for sql in [
        format!("alter database {name} with allow_connections false"),
        format!("select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(sql))
            .execute(&admin)
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn metrics_are_served_without_a_database() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    disable_database(&app).await?;
    let metrics = Metrics::of(&app).await?;
    ensure!(metrics.text.contains("\ntill_database_up 0\n"));
    ensure!(!metrics.names().contains("till_callbacks_pending"));
    ensure!(metrics.sum("till_payment_attempts_total", &[SANDBOX]) == 1.0);
    let answer = send(app.api.request(Method::GET, "/readyz")).await?;
    answer.problem(503, "unavailable")?;
    Ok(())
}
