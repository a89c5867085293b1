//! TLS at the listeners: the certificate, which is read again when it is renewed, and the handshake.

use crate::config::Config;
use crate::private_file;
use anyhow::{Context, ensure};
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_rustls::{Accept, TlsAcceptor};
use tokio_util::sync::CancellationToken;

/// How often the files are read again. Certificates are renewed days before they end.
const RENEWAL: Duration = Duration::from_secs(60);

/// The protocols that a client may choose (RFC 7301).
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// TLS 1.2 and 1.3 with the certificate of the settings.
pub struct Tls {
    files: Files,
    acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
}

/// The files of a certificate and its key, in PEM.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// The certificate that new connections get.
#[derive(Debug)]
struct Certificate(watch::Sender<Arc<CertifiedKey>>);

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.borrow().clone())
    }
}

impl Tls {
    /// Reads the certificate of the settings; `None` if they have none.
    ///
    /// # Errors
    /// When a file can't be read or contains something else, or the key is another certificate's.
    pub fn new(config: &Config) -> anyhow::Result<Option<Arc<Self>>> {
        let (Some(certificate), Some(key)) = (&config.tls.certificate, &config.tls.key) else {
            return Ok(None);
        };
        let files = Files {
            certificate: certificate.clone(),
            key: key.clone(),
        };
        let first = files.read()?;
        if private_file::is_shared(key) {
            let file = key.display();
            tracing::warn!(%file, "other users of this machine can read the TLS key: run `chmod 600`");
        }
        let certificate = Arc::new(Certificate(watch::Sender::new(Arc::new(first))));
        let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(certificate.clone());
        server.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        Ok(Some(Arc::new(Self {
            files,
            acceptor: TlsAcceptor::from(Arc::new(server)),
            certificate,
        })))
    }

    /// Begins the handshake of a connection.
    pub fn accept<I: AsyncRead + AsyncWrite + Unpin>(&self, io: I) -> Accept<I> {
        self.acceptor.accept(io)
    }

    /// Reads the files again once a minute, and after SIGHUP, until the server shuts down. New connections
    /// get the renewed certificate; those that are open keep theirs. If the files are not good, the earlier
    /// certificate stays.
    ///
    /// # Errors
    /// When the system does not report SIGHUP.
    pub fn renew(self: &Arc<Self>, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut hangups = signal(SignalKind::hangup()).context("can't listen for SIGHUP")?;
        let tls = self.clone();
        tokio::spawn(async move {
            let mut reported = None;
            loop {
                let asked = tokio::select! {
                    _ = hangups.recv() => true,
                    () = sleep(RENEWAL) => false,
                    () = shutdown.cancelled() => return,
                };
                let error = tls.read_again().err().map(|error| format!("{error:#}"));
                // The same error is not logged every minute.
                if let Some(error) = error.as_ref().filter(|_| asked || error != reported) {
                    tracing::error!(%error, "the TLS certificate can't be renewed; the earlier one stays");
                }
                reported = error;
            }
        });
        Ok(())
    }

    fn read_again(&self) -> anyhow::Result<()> {
        let read = self.files.read()?;
        if read.cert != self.certificate.0.borrow().cert {
            self.certificate.0.send_replace(Arc::new(read));
            tracing::info!("the TLS certificate was renewed");
        }
        Ok(())
    }
}

impl Files {
    fn read(&self) -> anyhow::Result<CertifiedKey> {
        let Self { certificate, key } = self;
        let reading = |setting: &str, file: &Path| {
            let file = file.display();
            format!("{setting}: can't read {file}")
        };
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
        let chain = chain.with_context(|| reading("TILL_TLS_CERTIFICATE", certificate))?;
        ensure!(
            !chain.is_empty(),
            "TILL_TLS_CERTIFICATE: {} contains no certificate in PEM",
            certificate.display()
        );
        let private =
            PrivateKeyDer::from_pem_file(key).with_context(|| reading("TILL_TLS_KEY", key))?;
        CertifiedKey::from_der(chain, private, &ring::default_provider()).map_err(|error| {
            let (certificate, key) = (certificate.display(), key.display());
            match error {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => anyhow::anyhow!(
                    "the key of TILL_TLS_KEY ({key}) is not that of the certificate of \
                     TILL_TLS_CERTIFICATE ({certificate})"
                ),
                error => anyhow::anyhow!(error).context(format!(
                    "TILL_TLS_CERTIFICATE ({certificate}) and TILL_TLS_KEY ({key}) can't be used"
                )),
            }
        })
    }
}
