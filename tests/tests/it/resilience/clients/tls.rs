//! Handshakes that are slow or never end.

use super::{CLIENT, Client};
use crate::operations::tls::{Certified, address};
use anyhow::{Result, ensure};
use futures::future::try_join_all;

/// The beginning of a record (RFC 8446 section 5.1) of 512 bytes with a handshake message.
const RECORD: &str = "\x16\x03\x01\x02\0\x01\0\x01";

#[tokio::test]
async fn a_handshake_has_to_end_in_time() -> Result<()> {
    let certified = Certified::new()?;
    let app = certified.app(&["--header-timeout-ms", "300"]).await?;
    let listener = address(&app.api.url)?;
    let slow = async |start: &str| {
        let mut client = Client::connect_to(listener, CLIENT).await?;
        client.send(start).await?;
        client.drip_until_closed().await
    };
    try_join_all([slow(RECORD), slow(&RECORD[..1]), slow("GET / HTTP/1.1\r\n")]).await?;
    let mut silent = Client::connect_to(listener, CLIENT).await?;
    ensure!(silent.until_closed().await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn handshakes_count_as_connections() -> Result<()> {
    let certified = Certified::new()?;
    let app = certified.app(&["--max-client-connections", "2"]).await?;
    let listener = address(&app.api.url)?;
    let mut held = vec![];
    for _ in 0..2 {
        let mut client = Client::connect_to(listener, CLIENT).await?;
        client.send(RECORD).await?;
        held.push(client);
    }
    let mut rejected = Client::connect_to(listener, CLIENT).await?;
    ensure!(rejected.until_closed().await?.is_empty());
    Ok(())
}
