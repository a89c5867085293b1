//! Time in test projects: moved on by the project, and callbacks that happen at a command.

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::{UNAVAILABLE, VERIFIED};
use till_tests::client::{Answer, Api, send, text};
use till_tests::wait::until;

/// The server's delays are real.
const REAL_TIME: [&str; 2] = ["--speedup", "1"];

async fn advance(api: &Api, seconds: Value) -> Result<Answer> {
    let request = api.secret(Method::POST, "/v1/test/advance");
    send(request.json(&json!({ "seconds": seconds }))).await
}

async fn advanced(api: &Api, seconds: i64) -> Result<()> {
    let answer = advance(api, seconds.into()).await?;
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(answer.json() == json!({ "seconds": seconds }), "{answer:?}");
    Ok(())
}

fn told(app: &TestApp, kind: &str) -> usize {
    let all = app.project.callbacks();
    all.iter().filter(|one| one.body["type"] == kind).count()
}

#[tokio::test]
async fn invoices_expire_when_their_time_has_passed() -> Result<()> {
    let app = TestApp::with_settings(&[], &REAL_TIME).await?;
    let other = app.another_project().await?;
    let untouched = other.invoice("1").await?;
    let before = other.read(&untouched.id).await?;
    let opened = app.api.invoice("1").await?;
    advanced(&app.api, 1800).await?;
    ensure!(app.api.read(&opened.id).await?["status"] == "open");
    advanced(&app.api, 1800).await?;
    app.api.until_status(&opened.id, "expired").await?;
    until("the callback", async || {
        Ok(told(&app, "invoice.expired") == 1)
    })
    .await?;
    ensure!(app.project.callbacks().iter().all(|one| one.verified));
    ensure!(
        other.read(&untouched.id).await? == before,
        "another project's time moved"
    );
    Ok(())
}

#[tokio::test]
async fn a_verification_runs_out() -> Result<()> {
    let app = TestApp::with_settings(&[], &REAL_TIME).await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, VERIFIED).await?;
    advanced(&app.api, 1201).await?;
    let invoice = app.api.until_status(&opened.id, "open").await?;
    let code = &invoice["payments"][0]["decline"]["code"];
    ensure!(code == "verification_abandoned", "{invoice}");
    ensure!(app.ledger().await?[0].1 == "canceled");
    Ok(())
}

#[tokio::test]
async fn a_payment_that_never_arrived_fails() -> Result<()> {
    let settings = ["--speedup", "1", "--lost-after-ms", "120000"];
    let app = TestApp::with_settings(&[], &settings).await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, UNAVAILABLE).await?;
    advanced(&app.api, 121).await?;
    let invoice = app.api.until_status(&opened.id, "open").await?;
    ensure!(invoice["payments"][0]["status"] == "failed", "{invoice}");
    Ok(())
}

/// The retries of a callback, up to the last, with real timestamps in their signatures.
#[tokio::test]
async fn callbacks_are_retried_when_their_time_has_come() -> Result<()> {
    let app = TestApp::with_settings(&[], &REAL_TIME).await?;
    app.project
        .respond_to_callbacks(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    let opened = app.api.invoice("1").await?;
    let path = format!("/v1/invoices/{}/cancel", opened.id);
    send(app.api.secret(Method::POST, &path)).await?;
    let attempts = async || -> Result<(usize, Value)> {
        let list = send(app.api.secret(Method::GET, "/v1/events"))
            .await?
            .json();
        let event = list["data"][0].clone();
        Ok((
            event["attempts"].as_array().context("no list")?.len(),
            event,
        ))
    };
    for number in 1..=10 {
        until("the attempt", async || Ok(attempts().await?.0 == number)).await?;
        // Longer than each delay with its jitter.
        advanced(&app.api, 27 * 3600).await?;
    }
    let (_, event) = attempts().await?;
    ensure!(event["state"] == "failed", "{event}");
    let callbacks = app.project.callbacks();
    ensure!(callbacks.len() == 10 && callbacks.iter().all(|one| one.verified));
    Ok(())
}

#[tokio::test]
async fn only_test_projects_move_their_time() -> Result<()> {
    let app = TestApp::start().await?;
    for seconds in [
        json!(0),
        json!(-1),
        json!(31_622_401),
        json!("1"),
        Value::Null,
    ] {
        let answer = advance(&app.api, seconds.clone()).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == ["seconds"],
            "{seconds}: {answer:?}"
        );
    }
    let keys = app.project_at(&app.project.url, &["--test=false"]).await?;
    let live = Api::new(&app.api.url, &keys)?;
    let opened = live.invoice("1").await?;
    let before = live.read(&opened.id).await?;
    let answer = advance(&live, 7200.into()).await?;
    answer.problem(403, "forbidden")?;
    ensure!(answer.text.contains("not a test project"), "{answer:?}");
    ensure!(live.read(&opened.id).await? == before);
    let refused = app
        .till(&["test", "advance", "60", "--project", &keys.id])
        .await?;
    ensure!(refused.is_err_and(|error| error.contains("not a test project")));
    let refused = app
        .till(&["trigger", "invoice.paid", "--project", &keys.id])
        .await?;
    ensure!(refused.is_err_and(|error| error.contains("not a test project")));
    let opened = app.api.invoice("1").await?;
    let done = app
        .till(&["test", "advance", "3600", "--project", &app.keys.id])
        .await?;
    done.map_err(anyhow::Error::msg)?;
    app.api.until_status(&opened.id, "expired").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_callback_happens_at_a_command() -> Result<()> {
    // The shop rejects orders that it does not know; a triggered one is not checked.
    let app = TestApp::with(&["--check-url", "PROJECT/check", "--require", "phone"]).await?;
    app.project
        .respond_to_checks(|_| r#"{"accept":false,"reason":"unknown"}"#.into_response());
    let kinds = [
        "invoice.paid",
        "invoice.expired",
        "invoice.canceled",
        "payment.succeeded",
        "payment.declined",
        "payment.failed",
        "payment.duplicate_refunded",
        "payment.reversed",
        "refund.succeeded",
        "refund.failed",
        "dispute.opened",
        "dispute.updated",
        "dispute.closed",
        "ping",
    ];
    for kinds in kinds.chunks(4) {
        let trigger = async |kind: &&str| -> Result<()> {
            let done = app.till(&["trigger", kind, "--json"]).await?;
            let printed = done.map_err(anyhow::Error::msg).context(kind.to_string())?;
            let event: Value = serde_json::from_str(&printed)?;
            ensure!(event["type"] == **kind, "{event}");
            let id = text(&event["id"])?;
            until("the callback", async || {
                Ok(app.project.callbacks().iter().any(|one| one.id == id))
            })
            .await
            .context(kind.to_string())
        };
        futures::future::try_join_all(kinds.iter().map(trigger)).await?;
    }
    ensure!(app.project.checks().is_empty(), "an order was checked");
    let rejected = app.till(&["trigger", "order.check"]).await?;
    ensure!(rejected.is_err_and(|error| error.contains("unknown")));
    ensure!(!app.project.checks().is_empty());
    let unknown = app.till(&["trigger", "invoice.lost"]).await?;
    ensure!(unknown.is_err());
    Ok(())
}
