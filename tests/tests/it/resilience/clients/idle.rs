//! Connections without a request.

use super::{CLIENT, Client};
use anyhow::{Result, ensure};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::events::Events;

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_stream_is_not() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--keep-alive-timeout-ms", "400"]).await?;
    let opened = app.api.invoice("1").await?;
    let mut events = Events::follow(&app.api, &opened, None).await?;
    let (_, state) = events.next().await?;
    ensure!(state["status"] == "open", "{state}");
    let mut client = Client::connect(&app, CLIENT).await?;
    for _ in 0..3 {
        client.check_health().await?;
    }
    // The stream is older than this connection, and has had no event since.
    let rest = client.until_closed().await?;
    ensure!(rest.is_empty(), "{rest}");
    app.api.paid_with(&opened, APPROVED).await?;
    let (_, state) = events.next().await?;
    ensure!(state["status"] != "open", "{state}");
    Ok(())
}

/// A connection on which the next request does not arrive is idle.
#[tokio::test]
async fn a_later_head_has_to_arrive_in_time() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--keep-alive-timeout-ms", "300"]).await?;
    let mut client = Client::connect(&app, CLIENT).await?;
    client.check_health().await?;
    client.send("GET /healthz HTTP/1.1\r\nx-slow: ").await?;
    let answer = client.drip_until_closed().await?;
    ensure!(!answer.contains("200 OK"), "{answer}");
    Ok(())
}

#[tokio::test]
async fn shutdown_waits_for_no_idle_connection() -> Result<()> {
    let mut app = TestApp::with_settings(&[], &["--shutdown-seconds", "600"]).await?;
    let mut idle = Client::connect(&app, CLIENT).await?;
    idle.check_health().await?;
    let mut started = Client::connect(&app, CLIENT).await?;
    started.send("GET /healthz HTTP/1.1\r\nhost").await?;
    let mut silent = Client::connect(&app, CLIENT).await?;
    // Served after the others were accepted.
    Client::connect(&app, CLIENT).await?.check_health().await?;
    ensure!(app.terminate().await?, "the server did not exit cleanly");
    for client in [&mut idle, &mut started, &mut silent] {
        client.until_closed().await?;
    }
    Ok(())
}
