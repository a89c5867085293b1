//! A single database connection.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{send, text};

/// A transaction that waits for a second connection would wait until its timeout.
#[tokio::test]
async fn is_enough() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--database-connections", "1"]).await?;
    let path = format!("/v1/projects/{}", app.keys.id);
    let before = send(app.operator(Method::GET, &path)).await?.json();
    let account = text(&before["connectors"][0]["account"])?;
    // Without credentials, those that are stored stay.
    let patch = json!({
        "connectors": [{ "kind": "sandbox", "account": account, "label": "Renamed" }],
    });
    let changed = send(app.operator(Method::PATCH, &path).json(&patch)).await?;
    ensure!(changed.status == 200, "{changed:?}");
    ensure!(changed.json()["connectors"][0]["label"] == "Renamed");

    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, APPROVED).await?;
    app.api.until_status(&opened.id, "paid").await?;
    app.refund(&text(&fixed["payment"]["id"])?, 500).await?;
    app.api
        .until_status(&opened.id, "partially_refunded")
        .await?;

    let opened = app.api.invoice("2").await?;
    let path = format!("/v1/invoices/{}/cancel", opened.id);
    let canceled = send(app.api.secret(Method::POST, &path)).await?;
    ensure!(canceled.status == 200, "{canceled:?}");
    let opened = app.api.invoice("3").await?;
    app.expire(&opened.id).await?;
    app.api.until_status(&opened.id, "expired").await?;
    Ok(())
}
