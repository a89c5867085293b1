//! Clients that pause for longer than the server keeps buffers for them: between requests, and within them.

use super::{CLIENT, Client, HEALTH, JSON, PATIENCE, address, expecting};
use anyhow::{Context, Result, ensure};
use socket2::{Domain, Socket, Type};
use std::time::Duration;
use till_tests::TestApp;
use till_tests::client::Api;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// Some times as long as the server keeps buffers.
const PAUSE: Duration = Duration::from_millis(700);

#[tokio::test]
async fn a_request_arrives_in_parts() -> Result<()> {
    let app = TestApp::start().await?;
    let mut client = Client::connect(&app, CLIENT).await?;
    client.check_health().await?;
    for end in 0..HEALTH.len() {
        // The parts of most requests follow each other at once.
        let pause = if end % 8 == 0 { PAUSE } else { Duration::ZERO };
        let (start, rest) = HEALTH.split_at(end);
        client.send(start).await?;
        sleep(pause).await;
        client.send(rest).await?;
        client.health().await?;
    }
    Ok(())
}

/// The server has read the beginning of the next request together with the one before.
#[tokio::test]
async fn a_request_begins_before_the_response_to_the_one_before() -> Result<()> {
    let app = TestApp::start().await?;
    let mut client = Client::connect(&app, CLIENT).await?;
    for end in (0..HEALTH.len()).step_by(6) {
        let (start, rest) = HEALTH.split_at(end);
        client.send(&[HEALTH, HEALTH, start].concat()).await?;
        client.health().await?;
        client.health().await?;
        sleep(PAUSE).await;
        client.send(rest).await?;
        client.health().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_body_arrives_in_parts() -> Result<()> {
    let app = TestApp::start().await?;
    let body = Api::order("1").to_string();
    let (start, rest) = body.split_at(body.len() / 2);
    for status in ["201 Created", "200 OK"] {
        let mut client = Client::connect(&app, CLIENT).await?;
        let head = format!(
            "POST /v1/invoices HTTP/1.1\r\nhost: till\r\nauthorization: Bearer {}\r\ncontent-type: {JSON}\r\n\
             content-length: {}\r\n\r\n",
            app.keys.sk,
            body.len()
        );
        for part in [&head, start, rest] {
            sleep(PAUSE).await;
            client.send(part).await?;
        }
        let answer = client.status().await?;
        ensure!(answer.ends_with(status), "{answer}");
    }
    Ok(())
}

/// The body of a request that was refused is no request.
#[tokio::test]
async fn a_body_that_nobody_reads_is_not_answered() -> Result<()> {
    let app = TestApp::start().await?;
    let mut client = Client::connect(&app, CLIENT).await?;
    let refused = expecting("POST", "/v1/invoices", "sk_wrong", JSON);
    client.send(&refused).await?;
    let status = client.status().await?;
    ensure!(status == "HTTP/1.1 401 Unauthorized", "{status}");
    sleep(PAUSE).await;
    // The connection may be closed already.
    let _ = client.send(&HEALTH.repeat(3)).await;
    let rest = client.until_closed().await?;
    ensure!(!rest.contains("200 OK"), "{rest}");
    Ok(())
}

/// The response is longer than what the system takes from the server at once.
#[tokio::test]
async fn a_client_reads_slowly() -> Result<()> {
    let app = TestApp::start().await?;
    let path = "/openapi.json";
    let whole = reqwest::get(format!("{}{path}", app.api.url)).await?;
    let whole = whole.bytes().await?;
    let mut client = Client(with_small_buffers(&app)?);
    for _ in 0..2 {
        client
            .send(&format!("GET {path} HTTP/1.1\r\nhost: till\r\n\r\n"))
            .await?;
        let status = client.status().await?;
        ensure!(status == "HTTP/1.1 200 OK", "{status}");
        sleep(PAUSE).await;
        let mut body = vec![0; whole.len()];
        timeout(PATIENCE, client.0.read_exact(&mut body))
            .await
            .context("no body")??;
        ensure!(body == whole, "another body");
    }
    client.check_health().await
}

/// Connects to the server so that the system keeps little for either side: the server's buffer depends on the size of
/// the segments.
fn with_small_buffers(app: &TestApp) -> Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_recv_buffer_size(4096)?;
    socket.set_tcp_mss(536)?;
    socket.connect(&address(app)?.into())?;
    socket.set_nonblocking(true)?;
    Ok(TcpStream::from_std(socket.into())?)
}
