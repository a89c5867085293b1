//! The project's endpoint is down for hours (on a faster clock). Afterwards all callbacks are
//! delivered in order.

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;
use till_tests::TestApp;
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS};
use till_tests::client::send;
use till_tests::ledger::{assert_consistent, until_settled};
use till_tests::wait::until;

/// The number of failed attempts. The last is more than 7 hours after the first.
const FAILED_ATTEMPTS: usize = 6;

#[tokio::test]
async fn callbacks_are_delivered_after_hours_of_downtime() -> Result<()> {
    // One second is more than 5 hours.
    let app = TestApp::with_settings(&[], &["--speedup", "20000"]).await?;
    app.project
        .respond_to_callbacks(|_| StatusCode::BAD_GATEWAY.into_response());
    for order in ["1", "2", "3"] {
        let opened = app.api.invoice(order).await?;
        app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
        app.api.paid_with(&opened, APPROVED).await?;
    }
    let first_of_each = async || {
        let list = send(
            app.api
                .secret(Method::GET, "/v1/events?type=payment.declined"),
        )
        .await?;
        let list = list.json()["data"].as_array().cloned().context("no list")?;
        ensure!(list.len() == 3, "{list:?}");
        let attempts = |event: &Value| event["attempts"].as_array().map_or(0, Vec::len);
        Ok(list.iter().all(|event| attempts(event) >= FAILED_ATTEMPTS))
    };
    until("six attempts", first_of_each).await?;
    let failed = app.project.callbacks();
    // Later events of an invoice wait for its first event.
    let kinds = failed.iter().filter_map(|a| a.body["type"].as_str());
    ensure!(kinds.into_iter().all(|kind| kind == "payment.declined"));

    app.project
        .respond_to_callbacks(|_| StatusCode::NO_CONTENT.into_response());
    until_settled(&app, Duration::from_secs(60)).await?;
    let summary = assert_consistent(&app).await?;
    ensure!(summary.events == 9 && summary.repeated == 0, "{summary:?}");
    Ok(())
}
