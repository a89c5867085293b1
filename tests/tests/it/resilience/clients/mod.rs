//! Clients that are slow, idle or many: they hold no permits, their connections end, and others are served.

mod http2;
mod idle;
mod many;
mod pauses;
mod refused;
mod slow;
mod tls;

use anyhow::{Context, Result, ensure};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use till_tests::TestApp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// A request for the health check.
const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: till\r\n\r\n";

/// An address of a client.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// How long a test waits for the server.
const PATIENCE: Duration = Duration::from_secs(30);

fn address(app: &TestApp) -> Result<SocketAddr> {
    Ok(app.api.url.trim_start_matches("http://").parse()?)
}

/// A connection of a client that writes HTTP itself.
pub struct Client(TcpStream);

impl Client {
    /// Connects to the server from an address of the loopback network.
    async fn connect(app: &TestApp, from: Ipv4Addr) -> Result<Self> {
        Self::connect_to(address(app)?, from).await
    }

    /// Connects to a listener from an address of the loopback network.
    pub async fn connect_to(listener: SocketAddr, from: Ipv4Addr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        Ok(Self(socket.connect(listener).await?))
    }

    /// Writes to the connection.
    pub async fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.0.write_all(text.as_bytes()).await?)
    }

    /// Reads the head of a response and returns its first line.
    pub async fn status(&mut self) -> Result<String> {
        let mut head = vec![];
        while !head.ends_with(b"\r\n\r\n") {
            let byte = timeout(PATIENCE, self.0.read_u8())
                .await
                .context("no response")??;
            head.push(byte);
        }
        let head = String::from_utf8_lossy(&head);
        Ok(head.lines().next().unwrap_or_default().to_owned())
    }

    /// Sends a request for the health check and reads the response.
    async fn check_health(&mut self) -> Result<()> {
        self.send(HEALTH).await?;
        self.health().await
    }

    /// Reads the response of the health check.
    async fn health(&mut self) -> Result<()> {
        let status = self.status().await?;
        ensure!(status == "HTTP/1.1 200 OK", "{status}");
        let mut body = [0; r#"{"status":"ok"}"#.len()];
        timeout(PATIENCE, self.0.read_exact(&mut body))
            .await
            .context("no body")??;
        Ok(())
    }

    /// Reads until the server closes the connection.
    async fn until_closed(&mut self) -> Result<String> {
        let mut all = vec![];
        let end = timeout(PATIENCE, self.0.read_to_end(&mut all)).await;
        // A reset is an end as well.
        let _ = end.context("the connection stays open")?;
        Ok(String::from_utf8_lossy(&all).into_owned())
    }

    /// Sends a byte again and again until the server closes the connection. Returns what it sent.
    async fn drip_until_closed(mut self) -> Result<String> {
        let mut all = vec![];
        let (mut read, mut write) = self.0.split();
        let drip = async {
            while write.write_all(b"a").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(40)).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            end = timeout(PATIENCE, read.read_to_end(&mut all)) => {
                let _ = end.context("the connection stays open")?;
            }
            () = drip => {}
        }
        Ok(String::from_utf8_lossy(&all).into_owned())
    }
}

/// The head of a request with a body that the client holds back until the server asks for it.
pub fn expecting(method: &str, path: &str, key: &str, kind: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: till\r\nauthorization: Bearer {key}\r\norigin: https://shop.example\r\n\
         content-type: {kind}\r\ncontent-length: 100\r\nexpect: 100-continue\r\n\r\n"
    )
}

pub const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
pub const CONTINUE: &str = "HTTP/1.1 100 Continue";
