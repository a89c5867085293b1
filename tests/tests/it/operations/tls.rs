//! HTTPS at the listeners, without a proxy.

use anyhow::{Context, Result, ensure};
use axum::body::Bytes;
use axum::http::Request;
use rcgen::{CertificateParams, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use till_tests::TestApp;
use till_tests::app::ENCRYPTION_KEY;
use till_tests::cards::APPROVED;
use till_tests::client::{Api, install_crypto_provider};
use till_tests::process::binary;
use till_tests::wait::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A certificate of this machine's address and its key, in files.
pub struct Certified {
    files: TempDir,
    pem: String,
    der: CertificateDer<'static>,
}

impl Certified {
    /// Creates a certificate.
    pub fn new() -> Result<Self> {
        let files = tempfile::tempdir()?;
        let (pem, der) = issue(files.path())?;
        Ok(Self { files, pem, der })
    }

    /// Replaces the certificate in the files.
    fn renew(&mut self) -> Result<()> {
        (self.pem, self.der) = issue(self.files.path())?;
        Ok(())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    /// The settings of a server.
    pub fn settings(&self) -> Result<[String; 4]> {
        let path = |name: &str| self.file(name).display().to_string();
        Ok([
            "--tls-certificate".into(),
            path("certificate.pem"),
            "--tls-key".into(),
            path("key.pem"),
        ])
    }

    /// Starts a server with the certificate and further settings.
    pub async fn app(&self, further: &[&str]) -> Result<TestApp> {
        let own = self.settings()?;
        let all: Vec<_> = own
            .iter()
            .map(String::as_str)
            .chain(further.iter().copied())
            .collect();
        TestApp::with_settings(&[], &all).await
    }

    /// Connects with TLS of a version and these protocols.
    async fn connect(
        &self,
        app: &TestApp,
        version: &'static SupportedProtocolVersion,
        protocols: &[&str],
    ) -> Result<TlsStream<TcpStream>> {
        let mut trusted = RootCertStore::empty();
        trusted.add(self.der.clone())?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])?
            .with_root_certificates(trusted)
            .with_no_client_auth();
        config.alpn_protocols = protocols
            .iter()
            .map(|name| name.as_bytes().to_vec())
            .collect();
        let stream = TcpStream::connect(address(&app.api.url)?).await?;
        let name = ServerName::from(std::net::IpAddr::from(Ipv4Addr::LOCALHOST));
        Ok(TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await?)
    }
}

fn issue(directory: &Path) -> Result<(String, CertificateDer<'static>)> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.self_signed(&key)?;
    std::fs::write(directory.join("certificate.pem"), certificate.pem())?;
    std::fs::write(directory.join("key.pem"), key.serialize_pem())?;
    Ok((certificate.pem(), certificate.der().clone()))
}

/// The address of an https URL.
pub fn address(url: &str) -> Result<SocketAddr> {
    let address = url.strip_prefix("https://").context("no https URL")?;
    Ok(address.parse()?)
}

/// Sends a request for the health check over HTTP/1.1, and returns the head of the response.
async fn check_health(stream: &mut TlsStream<TcpStream>) -> Result<String> {
    let request = b"GET /healthz HTTP/1.1\r\nhost: till\r\n\r\n";
    stream.write_all(request).await?;
    let mut response = vec![];
    while !response.ends_with(br#"{"status":"ok"}"#) {
        response.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8(response)?)
}

#[tokio::test]
async fn an_order_is_paid_over_https() -> Result<()> {
    let certified = Certified::new()?;
    let app = certified.app(&["--operator-listen", "127.0.0.1:0"]).await?;
    let api = Api::trusting(&app.api.url, &app.keys, &certified.pem)?;
    let opened = api.invoice("1").await?;
    let fixed = api.paid_with(&opened, APPROVED).await?;
    ensure!(fixed["payment"]["status"] == "succeeded", "{fixed}");
    let page = api.read(&opened.id).await?["payment_url"].clone();
    ensure!(
        page.as_str()
            .is_some_and(|url| url.starts_with(&app.api.url)),
        "{page}"
    );
    let operator = app.operator_url()?;
    address(&operator)?;
    let metrics = api.request(reqwest::Method::GET, &format!("{operator}/metrics"));
    ensure!(metrics.send().await?.status() == 200);
    Ok(())
}

#[tokio::test]
async fn both_versions_of_tls_and_of_http_are_served() -> Result<()> {
    let certified = Certified::new()?;
    let app = certified.app(&[]).await?;
    for (version, expected) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        let mut stream = certified.connect(&app, version, &["http/1.1"]).await?;
        let (_, tls) = stream.get_ref();
        ensure!(tls.protocol_version() == Some(expected));
        ensure!(tls.alpn_protocol() == Some(&b"http/1.1"[..]));
        let response = check_health(&mut stream).await?;
        ensure!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
        ensure!(response.contains("strict-transport-security"), "{response}");
        // A client that names no protocol speaks HTTP/1.1.
        check_health(&mut certified.connect(&app, version, &[]).await?).await?;

        let stream = certified
            .connect(&app, version, &["h2", "http/1.1"])
            .await?;
        ensure!(stream.get_ref().1.alpn_protocol() == Some(&b"h2"[..]));
        let (client, connection) = h2::client::handshake(stream).await?;
        let _driver = tokio::spawn(connection);
        let mut client: h2::client::SendRequest<Bytes> = client.ready().await?;
        let request = Request::get(format!("{}/healthz", app.api.url)).body(())?;
        let (response, _) = client.send_request(request, true)?;
        ensure!(response.await?.status() == 200);
    }
    let unknown = certified.connect(&app, &TLS13, &["spdy/3"]).await;
    ensure!(unknown.is_err(), "an unknown protocol was chosen");
    Ok(())
}

#[tokio::test]
async fn a_client_that_speaks_http_is_told() -> Result<()> {
    let certified = Certified::new()?;
    let app = certified.app(&[]).await?;
    let mut stream = TcpStream::connect(address(&app.api.url)?).await?;
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: till\r\n\r\n")
        .await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    ensure!(response.starts_with("HTTP/1.0 400 "), "{response}");
    ensure!(
        response.ends_with("This is an HTTPS server. The request was sent with HTTP.\n"),
        "{response}"
    );
    let mut stream = TcpStream::connect(address(&app.api.url)?).await?;
    stream.write_all(&[0, 1, 2, 3, 4, 5, 6, 7]).await?;
    let mut response = vec![];
    stream.read_to_end(&mut response).await?;
    // An alert (RFC 8446 section 6), and no HTTP.
    ensure!(response.first() == Some(&21), "{response:?}");
    Ok(())
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart() -> Result<()> {
    let mut certified = Certified::new()?;
    let app = certified.app(&[]).await?;
    let hang_up = async || -> Result<()> {
        let id = app.process_id().context("no server")?.to_string();
        let sent = tokio::process::Command::new("kill")
            .args(["-HUP", &id])
            .status();
        ensure!(sent.await?.success());
        Ok(())
    };
    let mut open = certified.connect(&app, &TLS13, &[]).await?;
    check_health(&mut open).await?;
    certified.renew()?;
    ensure!(certified.connect(&app, &TLS13, &[]).await.is_err());
    hang_up().await?;
    until("the new certificate", async || {
        Ok(certified.connect(&app, &TLS13, &[]).await.is_ok())
    })
    .await?;
    check_health(&mut open).await?;
    // Files that are not good leave it as it is.
    let key = std::fs::read(certified.file("key.pem"))?;
    for (name, content) in [
        ("key.pem", KeyPair::generate()?.serialize_pem().into_bytes()),
        ("certificate.pem", b"nothing".to_vec()),
    ] {
        std::fs::write(certified.file(name), content)?;
        let reported = app.log().matches("can't be renewed").count();
        hang_up().await?;
        until("the error", async || {
            Ok(app.log().matches("can't be renewed").count() > reported)
        })
        .await?;
        check_health(&mut certified.connect(&app, &TLS12, &[]).await?).await?;
        check_health(&mut open).await?;
    }
    let log = app.log();
    ensure!(log.contains("is not that of the certificate"), "{log}");
    let key = String::from_utf8(key)?;
    let secret = key.lines().nth(1).context("no key")?;
    ensure!(!log.contains(secret), "the key is in the log");
    Ok(())
}

#[tokio::test]
async fn files_that_are_not_good_are_refused_at_the_start() -> Result<()> {
    let (one, other) = (Certified::new()?, Certified::new()?);
    let (certificate, key) = (one.file("certificate.pem"), one.file("key.pem"));
    let missing = one.file("missing.pem");
    for (args, expected) in [
        (
            [Some(&certificate), Some(&missing)],
            "TILL_TLS_KEY: can't read",
        ),
        (
            [Some(&missing), Some(&key)],
            "TILL_TLS_CERTIFICATE: can't read",
        ),
        ([Some(&key), Some(&key)], "contains no certificate in PEM"),
        (
            [Some(&certificate), Some(&certificate)],
            "TILL_TLS_KEY: can't read",
        ),
        (
            [Some(&certificate), Some(&other.file("key.pem"))],
            "is not that of the certificate",
        ),
        ([Some(&certificate), None], "--tls-key"),
        ([None, Some(&key)], "--tls-certificate"),
    ] {
        let mut command = tokio::process::Command::new(binary()?);
        command.args(["serve", "--dev", "--listen", "127.0.0.1:0"]);
        for (flag, file) in ["--tls-certificate", "--tls-key"].iter().zip(args) {
            if let Some(file) = file {
                command.arg(flag).arg(file);
            }
        }
        command
            .env("TILL_ENCRYPTION_KEY", ENCRYPTION_KEY)
            .env("DATABASE_URL", "sqlite:till.db")
            .current_dir(one.files.path());
        let output = command.output().await?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && stderr.contains(expected),
            "{expected}: {stderr}"
        );
        ensure!(
            !one.file("till.db").exists(),
            "{expected}: a database was created"
        );
    }
    install_crypto_provider();
    Ok(())
}
