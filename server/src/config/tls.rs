//! The settings of TLS at the listeners.

use clap::Args;
use std::path::PathBuf;

/// The files of the server's certificate.
#[derive(Args, Clone, Default)]
pub struct TlsFiles {
    /// The certificate with its chain, a PEM file. With it, the listeners speak HTTPS (TLS 1.2 and 1.3) and no
    /// HTTP. A renewed certificate is read when the file changes, within a minute, or at once after SIGHUP.
    #[arg(
        id = "tls_certificate",
        long = "tls-certificate",
        env = "TILL_TLS_CERTIFICATE",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub certificate: Option<PathBuf>,

    /// The private key of the certificate, a PEM file that only the server can read.
    #[arg(
        id = "tls_key",
        long = "tls-key",
        env = "TILL_TLS_KEY",
        value_name = "FILE",
        requires = "tls_certificate"
    )]
    pub key: Option<PathBuf>,
}
