//! Many connections.

use super::{CLIENT, Client};
use anyhow::{Result, ensure};
use std::net::Ipv4Addr;
use till_tests::TestApp;
use till_tests::metrics::Metrics;
use till_tests::wait::until;

const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

#[tokio::test]
async fn a_client_has_a_limited_number_of_connections() -> Result<()> {
    let settings = [
        "--max-client-connections",
        "3",
        "--trusted-proxy",
        "127.0.0.4",
    ];
    let app = TestApp::with_settings(&[], &settings).await?;
    let mut open = vec![];
    for _ in 0..3 {
        let mut client = Client::connect(&app, CLIENT).await?;
        client.check_health().await?;
        open.push(client);
    }
    let mut fourth = Client::connect(&app, CLIENT).await?;
    ensure!(fourth.until_closed().await?.is_empty());
    // Others are served, and so is the client on the connections that it has.
    Client::connect(&app, OTHER).await?.check_health().await?;
    for client in &mut open {
        client.check_health().await?;
    }
    let metrics = Metrics::of(&app).await?;
    ensure!(metrics.sum("till_connections_rejected_total", &[]) == 1.0);
    ensure!(metrics.sum("till_connections", &[]) >= 4.0);
    // All clients of a trusted proxy have the proxy's address.
    let mut of_proxy = vec![];
    for _ in 0..8 {
        let mut client = Client::connect(&app, Ipv4Addr::new(127, 0, 0, 4)).await?;
        client.check_health().await?;
        of_proxy.push(client);
    }
    open.clear();
    until("a connection to be free", async || {
        let mut client = Client::connect(&app, CLIENT).await?;
        Ok(client.check_health().await.is_ok())
    })
    .await
}

#[tokio::test]
async fn at_the_limit_the_connection_that_is_idle_for_longest_is_closed() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--max-connections", "4"]).await?;
    let mut open = vec![];
    for number in 0..8 {
        let mut client = Client::connect(&app, CLIENT).await?;
        client.check_health().await?;
        open.push(client);
        if number >= 4 {
            let mut oldest = open.remove(0);
            ensure!(oldest.until_closed().await?.is_empty());
        }
    }
    Ok(())
}
