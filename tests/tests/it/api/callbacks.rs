//! Callbacks to the project.

use anyhow::{Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use till_tests::TestApp;
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS};
use till_tests::wait::until;

#[tokio::test]
async fn callbacks_are_signed_and_numbered() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
    app.api.paid_with(&opened, APPROVED).await?;
    until("three callbacks", async || {
        Ok(app.project.callbacks().len() == 3)
    })
    .await?;
    let callbacks = app.project.callbacks();
    for (n, (callback, kind)) in callbacks
        .iter()
        .zip(["payment.declined", "invoice.paid", "payment.succeeded"])
        .enumerate()
    {
        let body = &callback.body;
        ensure!(callback.verified, "the signature of {body} does not verify");
        ensure!(body["type"] == kind && body["sequence"] == n + 1, "{body}");
        ensure!(body["id"] == callback.id.as_str(), "{body}");
        ensure!(body["project"] == app.keys.id.as_str(), "{body}");
        ensure!(
            body["data"]["invoice"]["id"] == opened.id.as_str(),
            "{body}"
        );
        ensure!(
            body["data"]["payment"]["invoice"] == opened.id.as_str(),
            "{body}"
        );
    }
    ensure!(callbacks[2].body["data"]["invoice"]["status"] == "paid");
    ensure!(callbacks[2].body["data"]["payment"]["status"] == "succeeded");
    Ok(())
}

#[tokio::test]
async fn callbacks_are_retried_in_order() -> Result<()> {
    let app = TestApp::start().await?;
    app.project.respond_to_callbacks(|n| match n {
        0 => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        1 => StatusCode::TOO_MANY_REQUESTS.into_response(),
        2 => StatusCode::REQUEST_TIMEOUT.into_response(),
        _ => StatusCode::OK.into_response(),
    });
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    // The third attempt is minutes after the second, which is seconds here. The fourth is half an
    // hour later, so its time is moved forward.
    until("three attempts", async || {
        sqlx::query(
            "update events set next_attempt_at = 1 where state = 'pending' and attempts > 0",
        )
        .execute(&app.store().await?)
        .await?;
        Ok(app.project.callbacks().len() >= 5)
    })
    .await?;
    let callbacks = app.project.callbacks();
    let sequences: Vec<_> = callbacks
        .iter()
        .map(|a| a.body["sequence"].as_i64())
        .collect();
    ensure!(sequences == [1, 1, 1, 1, 2].map(Some), "{sequences:?}");
    ensure!(
        callbacks
            .iter()
            .take(4)
            .all(|a| a.id == callbacks[0].id && a.verified)
    );
    Ok(())
}

#[tokio::test]
async fn callbacks_survive_a_crash() -> Result<()> {
    let mut app = TestApp::start().await?;
    app.project
        .respond_to_callbacks(|_| StatusCode::SERVICE_UNAVAILABLE.into_response());
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    app.crash_and_restart().await?;
    app.project
        .respond_to_callbacks(|_| StatusCode::OK.into_response());
    until("both callbacks to be accepted", async || {
        let callbacks = app.project.callbacks();
        let accepted = callbacks.iter().filter(|a| a.status == 200);
        let kinds: Vec<_> = accepted.map(|a| a.body["type"].clone()).collect();
        Ok(kinds == ["invoice.paid", "payment.succeeded"])
    })
    .await
}
