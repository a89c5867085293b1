//! HTTP/2 without TLS (prior knowledge), as some proxies speak it.

use super::{PATIENCE, address};
use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use axum::http::{Request, StatusCode};
use futures::future::join_all;
use h2::client::{self, SendRequest};
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Api, card};
use till_tests::wait::until;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A client and the task that drives its connection.
async fn connect(app: &TestApp) -> Result<(SendRequest<Bytes>, JoinHandle<Result<(), h2::Error>>)> {
    let stream = TcpStream::connect(address(app)?).await?;
    let (client, connection) = client::handshake(stream).await?;
    let driver = tokio::spawn(connection);
    Ok((client.ready().await?, driver))
}

async fn call(
    client: &SendRequest<Bytes>,
    request: Request<()>,
    body: Option<&Value>,
) -> Result<(StatusCode, Value)> {
    let mut client = client.clone().ready().await?;
    let (response, mut sender) = client.send_request(request, body.is_none())?;
    if let Some(body) = body {
        sender.send_data(body.to_string().into(), true)?;
    }
    let response = timeout(PATIENCE, response).await.context("no response")??;
    let status = response.status();
    let mut stream = response.into_body();
    let mut text = vec![];
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        text.extend(data);
    }
    Ok((status, serde_json::from_slice(&text).unwrap_or_default()))
}

fn request(app: &TestApp, method: &str, path: &str, key: &str) -> Result<Request<()>> {
    Ok(Request::builder()
        .method(method)
        .uri(format!("{}{path}", app.api.url))
        .header("authorization", format!("Bearer {key}"))
        .header("content-type", "application/json")
        .body(())?)
}

#[tokio::test]
async fn an_order_is_paid_over_http_2() -> Result<()> {
    let app = TestApp::start().await?;
    let (client, _driver) = connect(&app).await?;
    let create = request(&app, "POST", "/v1/invoices", &app.keys.sk)?;
    let (status, invoice) = call(&client, create, Some(&Api::order("1"))).await?;
    ensure!(status == 201, "{invoice}");
    ensure!(client.current_max_send_streams() == 100);
    let path = format!(
        "/v1/widget/invoices/{}/payments",
        invoice["id"].as_str().context("id")?
    );
    let token = invoice["client_token"].as_str().context("token")?;
    let pay = request(&app, "POST", &path, token)?;
    let (status, fixed) = call(&client, pay, Some(&card(APPROVED))).await?;
    ensure!(
        status == 201 && fixed["payment"]["status"] == "succeeded",
        "{fixed}"
    );
    Ok(())
}

#[tokio::test]
async fn a_body_has_to_arrive_in_time_over_http_2() -> Result<()> {
    let settings = ["--max-requests", "2", "--body-timeout-ms", "400"];
    let app = TestApp::with_settings(&[], &settings).await?;
    let (mut client, _driver) = connect(&app).await?;
    let mut slow = vec![];
    for _ in 0..50 {
        client = client.ready().await?;
        let create = request(&app, "POST", "/v1/invoices", &app.keys.sk)?;
        let (response, mut sender) = client.send_request(create, false)?;
        sender.send_data("{".into(), false)?;
        slow.push((response, sender));
    }
    // The streams hold no permits, once they are authenticated.
    until("the list", async || {
        let list = request(&app, "GET", "/v1/invoices", &app.keys.sk)?;
        Ok(call(&client, list, None).await?.0 == 200)
    })
    .await?;
    let (responses, _senders): (Vec<_>, Vec<_>) = slow.into_iter().unzip();
    for response in timeout(PATIENCE, join_all(responses)).await? {
        let status = response?.status();
        // At the beginning, more streams than permits were authenticated at once.
        ensure!(status == 422 || status == 503, "{status}");
    }
    Ok(())
}

#[tokio::test]
async fn an_idle_connection_is_closed_even_if_it_answers_pings() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--keep-alive-timeout-ms", "300"]).await?;
    let stream = TcpStream::connect(address(&app)?).await?;
    let (client, mut connection) = client::handshake(stream).await?;
    let mut pings = connection.ping_pong().context("pings")?;
    let driver = tokio::spawn(connection);
    let health = request(&app, "GET", "/healthz", "")?;
    ensure!(call(&client, health, None).await?.0 == 200);
    let pinging = tokio::spawn(async move {
        while pings.ping(h2::Ping::opaque()).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    let ended = timeout(PATIENCE, driver)
        .await
        .context("the connection stays open")?;
    ensure!(
        ended?.is_ok(),
        "the connection was not closed with GOAWAY NO_ERROR"
    );
    pinging.await?;
    Ok(())
}

#[tokio::test]
async fn a_large_head_is_refused() -> Result<()> {
    let app = TestApp::start().await?;
    let (client, _driver) = connect(&app).await?;
    let mut large = request(&app, "GET", "/healthz", "")?;
    for number in 0..40 {
        let name: axum::http::HeaderName = format!("x-{number}").parse()?;
        large.headers_mut().insert(name, "a".repeat(1024).parse()?);
    }
    let refused = call(&client, large, None).await;
    ensure!(refused.is_err() || refused?.0 == 431);
    let health = request(&app, "GET", "/healthz", "")?;
    let (client, _driver) = connect(&app).await?;
    ensure!(call(&client, health, None).await? == (StatusCode::OK, json!({ "status": "ok" })));
    Ok(())
}

/// A client that opens streams and resets them at once (CVE-2023-44487) loses its connection.
#[tokio::test]
async fn a_client_that_resets_its_streams_is_disconnected() -> Result<()> {
    let app = TestApp::start().await?;
    let (mut client, driver) = connect(&app).await?;
    let reset = async {
        loop {
            client = client.ready().await?;
            for _ in 0..50 {
                let health = request(&app, "GET", "/healthz", "")?;
                let (_response, mut sender) = client.send_request(health, false)?;
                sender.send_reset(h2::Reason::CANCEL);
            }
            tokio::task::yield_now().await;
        }
    };
    let ended: Result<()> = timeout(PATIENCE, reset)
        .await
        .context("the client goes on")?;
    // GOAWAY, or, if the client still writes, a broken pipe.
    ensure!(ended.is_err());
    ensure!(driver.await?.is_err());
    let (client, _driver) = connect(&app).await?;
    let health = request(&app, "GET", "/healthz", "")?;
    ensure!(call(&client, health, None).await?.0 == 200);
    Ok(())
}
