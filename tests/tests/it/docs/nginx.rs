//! The nginx configuration of going-live.md, in front of a server.

use anyhow::{Context, Result, ensure};
use eventsource_stream::Eventsource;
use futures::StreamExt;
use rcgen::generate_simple_self_signed;
use reqwest::{Certificate, Client};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::time::Duration;
use till_tests::TestApp;
use till_tests::docs::docs;
use till_tests::process::command;
use till_tests::wait::until;
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn nginx_forwards_calls_and_streams_events() -> Result<()> {
    let app = TestApp::start().await?;
    let dir = tempfile::tempdir()?;
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let issued = generate_simple_self_signed(["till.example".to_owned()])?;
    std::fs::write(dir.path().join("certificate.pem"), issued.cert.pem())?;
    std::fs::write(
        dir.path().join("key.pem"),
        issued.signing_key.serialize_pem(),
    )?;
    let configuration = std::fs::read_to_string(docs()?.join("snippets/nginx.conf"))?
        .replace("listen 443", &format!("listen {address}"))
        .replace("127.0.0.1:8787", app.api.url.trim_start_matches("http://"));
    std::fs::write(dir.path().join("nginx.conf"), configuration)?;
    // Debian's nginx is in a directory that is not on every user's PATH.
    let path = format!("{}:/usr/sbin", std::env::var("PATH")?);
    let _nginx = command("nginx")
        .env("PATH", path)
        .arg("-p")
        .arg(dir.path())
        .args(["-c", "nginx.conf", "-g", "daemon off; master_process off;"])
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("nginx; run the tests with `cargo xtask test`")?;
    until("nginx", async || {
        Ok(TcpStream::connect(address).await.is_ok())
    })
    .await?;

    let client = Client::builder()
        .add_root_certificate(Certificate::from_pem(issued.cert.pem().as_bytes())?)
        .resolve("till.example", SocketAddr::new(address.ip(), 0))
        .build()?;
    let url = |path: &str| format!("https://till.example:{}{path}", address.port());
    let order = json!({"order_id": "42", "amount": 1999, "currency": "EUR"});
    let created = client
        .post(url("/v1/invoices"))
        .bearer_auth(&app.keys.sk)
        .json(&order)
        .send()
        .await?;
    ensure!(created.status() == 201, "{created:?}");
    let invoice: serde_json::Value = created.json().await?;
    let id = invoice["id"].as_str().context("no id")?;
    let events = client
        .get(url(&format!("/v1/widget/invoices/{id}/events")))
        .bearer_auth(invoice["client_token"].as_str().context("no token")?)
        .send()
        .await?;
    let mut events = events.bytes_stream().eventsource();
    let first = timeout(PATIENCE, events.next()).await;
    let first = first.context("nginx holds the event back")?;
    let first = first.context("no event")??;
    ensure!(first.data.contains(r#""status":"open""#), "{first:?}");
    app.api
        .secret(reqwest::Method::POST, &format!("/v1/invoices/{id}/cancel"))
        .send()
        .await?;
    let second = timeout(PATIENCE, events.next()).await;
    let second = second.context("nginx holds the event back")?;
    let second = second.context("no second event")??;
    ensure!(second.data.contains(r#""status":"canceled""#), "{second:?}");

    // A body that is too large gets Till's own answer.
    let large = json!({"order_id": "43", "description": "x".repeat(1_500_000)});
    let refused = client
        .post(url("/v1/invoices"))
        .bearer_auth(&app.keys.sk)
        .json(&large)
        .send()
        .await?;
    let kind = refused.headers().get("content-type").cloned();
    ensure!(
        refused.status() == 413 && kind.is_some_and(|kind| kind == "application/problem+json"),
        "not Till's answer"
    );
    Ok(())
}
