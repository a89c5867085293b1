//! Clients whose requests are refused before their body has arrived.

use super::{CLIENT, Client, JSON, expecting};
use anyhow::{Context, Result, ensure};
use std::time::Duration;
use till_tests::TestApp;
use tokio::time::sleep;

/// A client without a valid key is refused before it sends its body.
#[tokio::test]
async fn keys_are_checked_before_bodies_are_read() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let widget = format!("/v1/widget/invoices/{}/payments", opened.id);
    let project = format!("/v1/projects/{}", app.keys.id);
    for (method, path, wrong) in [
        ("POST", "/v1/invoices", "sk_wrong"),
        ("POST", "/v1/invoices", app.keys.pk.as_str()),
        ("POST", "/v1/payments/pay_1/refunds", "sk_wrong"),
        ("POST", "/v1/events/resend", "sk_wrong"),
        ("POST", "/v1/test/advance", "sk_wrong"),
        ("POST", "/v1/widget/invoices", "pk_wrong"),
        ("POST", &widget, "wrong"),
        ("POST", "/v1/projects", "wrong"),
        ("PATCH", &project, "wrong"),
        ("POST", "/v1/payments/pay_1/resolve", "wrong"),
    ] {
        let mut client = Client::connect(&app, CLIENT).await?;
        client.send(&expecting(method, path, wrong, JSON)).await?;
        let status = client.status().await?;
        ensure!(
            status == "HTTP/1.1 401 Unauthorized",
            "{method} {path}: {status}"
        );
    }
    Ok(())
}

/// The connection is not reset.
#[tokio::test]
async fn a_client_that_sends_its_whole_body_gets_the_response() -> Result<()> {
    const LENGTH: usize = 1024 * 1024;
    let app = TestApp::start().await?;
    let part = " ".repeat(LENGTH / 16);
    for (path, key, expected) in [
        (
            "/v1/invoices",
            app.keys.sk.as_str(),
            "413 Payload Too Large",
        ),
        ("/v1/invoices", "sk_wrong", "401 Unauthorized"),
        ("/v1/nothing", &app.keys.sk, "404 Not Found"),
    ] {
        let mut client = Client::connect(&app, CLIENT).await?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: till\r\nauthorization: Bearer {key}\r\ncontent-type: {JSON}\r\n\
             content-length: {LENGTH}\r\n\r\n"
        );
        client.send(&head).await?;
        for _ in 0..16 {
            client
                .send(&part)
                .await
                .context("the connection is reset")?;
            sleep(Duration::from_millis(20)).await;
        }
        let status = client.status().await?;
        ensure!(status == format!("HTTP/1.1 {expected}"), "{path}: {status}");
    }
    Ok(())
}
