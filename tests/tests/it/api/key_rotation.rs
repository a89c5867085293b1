//! Rotation of secret keys and signing secrets.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use standardwebhooks::Webhook;
use till_tests::TestApp;
use till_tests::client::{send, text};
use till_tests::wait::until;

const PROJECTS: &str = "/v1/projects";

/// Whether the server accepts a secret key.
async fn works(app: &TestApp, sk: &str) -> Result<bool> {
    let request = app.api.request(Method::GET, "/v1/invoices").bearer_auth(sk);
    Ok(send(request).await?.status == 200)
}

#[tokio::test]
async fn a_rotated_key_expires_after_a_day_or_at_once() -> Result<()> {
    let app = TestApp::start().await?;
    let path = format!("{PROJECTS}/{}/rotate-key", app.keys.id);
    let first = app.keys.sk.clone();
    let second = send(app.operator(Method::POST, &path)).await?.json();
    let second = text(&second["sk"])?;
    ensure!(works(&app, &first).await? && works(&app, &second).await?);
    // One day later.
    sqlx::query("update secret_keys set valid_until = 1 where valid_until is not null")
        .execute(&app.store().await?)
        .await?;
    ensure!(!works(&app, &first).await? && works(&app, &second).await?);

    let args = [
        "project",
        "rotate-key",
        &app.keys.id,
        "--now",
        "--json",
        "--dev",
    ];
    let third = app.till(&args);
    let third: Value = serde_json::from_str(&third.await?.map_err(anyhow::Error::msg)?)?;
    ensure!(!works(&app, &second).await? && works(&app, &text(&third["sk"])?).await?);
    Ok(())
}

#[tokio::test]
async fn callbacks_are_signed_with_both_secrets_after_rotation() -> Result<()> {
    let app = TestApp::start().await?;
    let path = format!("{PROJECTS}/{}/rotate-secret", app.keys.id);
    let second = text(&send(app.operator(Method::POST, &path)).await?.json()["signing_secret"])?;
    let third = text(&send(app.operator(Method::POST, &path)).await?.json()["signing_secret"])?;
    send(app.api.secret(Method::POST, "/v1/events/ping")).await?;
    until("the ping", async || Ok(app.project.callbacks().len() == 1)).await?;
    let ping = app.project.callbacks().pop().context("no ping")?;
    ensure!(ping.verified, "the first secret is valid for a day");
    for secret in [&second, &third] {
        let verified = Webhook::new(secret)?.verify(ping.raw.as_bytes(), &ping.headers);
        ensure!(verified.is_ok(), "{verified:?}");
    }
    let signatures = ping
        .headers
        .get("webhook-signature")
        .context("no signature")?;
    ensure!(
        signatures.to_str()?.split(' ').count() == 3,
        "{signatures:?}"
    );

    let now = format!("{path}?now=true");
    let last = text(&send(app.operator(Method::POST, &now)).await?.json()["signing_secret"])?;
    send(app.api.secret(Method::POST, "/v1/events/ping")).await?;
    until("the second ping", async || {
        Ok(app.project.callbacks().len() == 2)
    })
    .await?;
    let ping = app.project.callbacks().pop().context("no ping")?;
    ensure!(!ping.verified, "the old secrets are still valid");
    Webhook::new(&last)?.verify(ping.raw.as_bytes(), &ping.headers)?;
    Ok(())
}
