//! Clients that send one byte now and then.

use super::{CLIENT, CONTINUE, Client, FORM, JSON, expecting};
use anyhow::{Result, ensure};
use futures::future::try_join_all;
use reqwest::Method;
use std::net::Ipv4Addr;
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::send;

#[tokio::test]
async fn a_head_has_to_arrive_in_time() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--header-timeout-ms", "300"]).await?;
    let head = async |start: &str| {
        let mut client = Client::connect(&app, CLIENT).await?;
        client.send(start).await?;
        let answer = client.drip_until_closed().await?;
        ensure!(!answer.contains("200 OK"), "{answer}");
        Ok(())
    };
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0";
    try_join_all([
        head(""),
        head("P"),
        head("GET /healthz HTTP/1.1\r\nhost: till\r\nx-slow: "),
        head(preface),
    ])
    .await?;
    let mut silent = Client::connect(&app, CLIENT).await?;
    silent.until_closed().await?;
    Ok(())
}

#[tokio::test]
async fn a_body_has_to_arrive_in_time() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--body-timeout-ms", "300"]).await?;
    let sk = &app.keys.sk;
    for (path, kind) in [
        ("/v1/invoices", JSON),
        ("/v1/connectors/sandbox/none/webhooks", JSON),
        ("/pay", FORM),
    ] {
        let mut client = Client::connect(&app, CLIENT).await?;
        client.send(&expecting("POST", path, sk, kind)).await?;
        ensure!(client.status().await? == CONTINUE, "{path}");
        let answer = client.drip_until_closed().await?;
        ensure!(answer.starts_with("HTTP/1.1 4"), "{path}: {answer}");
    }
    let list = send(app.api.secret(Method::GET, "/v1/invoices")).await?;
    ensure!(list.json()["data"] == serde_json::json!([]), "{list:?}");
    Ok(())
}

/// As many requests as the server works on at once, times 150.
#[tokio::test]
async fn a_buyer_pays_while_600_clients_are_slow() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--max-requests", "4"]).await?;
    let sk = &app.keys.sk;
    let slow = async |number: u8| {
        let from = Ipv4Addr::new(127, 0, 1, number % 2);
        let mut client = Client::connect(&app, from).await?;
        let (path, kind) = match number % 4 {
            0 => ("/v1/invoices", JSON),
            1 => ("/v1/connectors/sandbox/none/webhooks", JSON),
            2 => ("/pay", FORM),
            _ => {
                client.send("POST /v1/invoices HTTP/1.1\r\nhost: ").await?;
                return Ok(client);
            }
        };
        client.send(&expecting("POST", path, sk, kind)).await?;
        let status = client.status().await?;
        ensure!(status == CONTINUE, "{path}: {status}");
        client.send("{").await?;
        Ok(client)
    };
    let mut clients = vec![];
    for _ in 0..3 {
        for number in 0..200 {
            clients.push(slow(number).await?);
        }
    }
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, APPROVED).await?;
    ensure!(fixed["payment"]["status"] == "succeeded", "{fixed}");
    // A body that comes at last is read.
    let mut last = clients.swap_remove(0);
    last.send(&" ".repeat(99)).await?;
    let status = last.status().await?;
    ensure!(status.starts_with("HTTP/1.1 422 "), "{status}");
    Ok(())
}
