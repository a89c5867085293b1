//! The settings of a server, from flags and environment variables.

mod database_url;
mod encryption;
mod secret_source;
mod tls;

pub use encryption::EncryptionKeys;
pub use tls::TlsFiles;

use crate::crypto::Keys;
use anyhow::{anyhow, bail};
use clap::Args;
use clap::builder::RangedI64ValueParser;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Semaphore;
use url::Url;

/// The settings of a server.
#[derive(Args, Clone)]
pub struct Config {
    /// The address to listen on.
    #[arg(long, env = "TILL_LISTEN", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,

    /// The address of a second listener, for the operator only: `/metrics`, `/docs`, `/v1/projects` and
    /// `/v1/payments/{id}/resolve` are served there, and no longer at `--listen`. Keep it in a private
    /// network.
    #[arg(long, env = "TILL_OPERATOR_LISTEN")]
    pub operator_listen: Option<SocketAddr>,

    /// The URL at which browsers and payment systems reach this server. If absent, it is made of the
    /// address, with `https://` if the server has a certificate, and `http://` if not.
    #[arg(long, env = "TILL_PUBLIC_URL")]
    pub public_url: Option<Url>,

    /// A second URL at which browsers reach this server, with another host name than the public URL, such
    /// as `https://captcha.till.example`. The captchas of projects are shown there, so that the scripts of
    /// their providers cannot read the payment form. Without it, no captcha is shown.
    #[arg(long, env = "TILL_CAPTCHA_URL")]
    pub captcha_url: Option<Url>,

    /// A proxy in front of this server, as an address or a network such as 10.0.0.0/8; may be
    /// repeated. Its `X-Forwarded-For` or `Forwarded` header says which address a buyer has. The
    /// environment variable takes a list separated by commas.
    #[arg(long = "trusted-proxy", env = "TILL_TRUSTED_PROXIES", value_name = "NETWORK", value_delimiter = ',', value_parser = network)]
    pub trusted_proxies: Vec<IpNet>,

    /// The database: `sqlite:FILE`, or `postgres://...`, which several servers can share. The connection
    /// to PostgreSQL on another machine is encrypted, unless `sslmode` in the URL says otherwise.
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite:till.db",
        value_parser = database_url::read,
        hide_env_values = true
    )]
    pub database_url: String,

    /// The maximum number of connections to the database.
    #[arg(long, env = "TILL_DATABASE_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub database_connections: u32,

    /// A file with the URL of `--database-url`, which may contain a password.
    #[arg(
        long,
        env = "DATABASE_URL_FILE",
        value_name = "FILE",
        conflicts_with = "database_url"
    )]
    pub database_url_file: Option<PathBuf>,

    /// The URL of the same PostgreSQL database without the pooler that `--database-url` leads to, such as
    /// PgBouncer in transaction mode. Servers receive notifications of each other's changes there. Without it,
    /// servers behind such a pooler read the changes every few seconds.
    #[arg(
        long,
        env = "TILL_DATABASE_LISTEN_URL",
        value_name = "URL",
        value_parser = database_url::read_listen_url,
        hide_env_values = true
    )]
    pub database_listen_url: Option<String>,

    /// A file with the URL of `--database-listen-url`, which may contain a password.
    #[arg(
        long,
        env = "TILL_DATABASE_LISTEN_URL_FILE",
        value_name = "FILE",
        conflicts_with = "database_listen_url"
    )]
    pub database_listen_url_file: Option<PathBuf>,

    /// The encryption keys.
    #[command(flatten)]
    pub encryption: EncryptionKeys,

    /// The certificate of the listeners.
    #[command(flatten)]
    pub tls: TlsFiles,

    /// The bearer token of the operator `settings`, an admin: at least 16 characters. `till operator
    /// create` makes tokens of other operators. Without any, the calls for operators are disabled.
    #[arg(long, env = "TILL_OPERATOR_TOKEN", hide_env_values = true, value_parser = operator_token)]
    pub operator_token: Option<SecretString>,

    /// A file with the token of `--operator-token`.
    #[arg(
        long,
        env = "TILL_OPERATOR_TOKEN_FILE",
        value_name = "FILE",
        conflicts_with = "operator_token"
    )]
    pub operator_token_file: Option<PathBuf>,

    /// Development mode: permits http and loopback addresses for callbacks and payment systems.
    #[arg(long, env = "TILL_DEV")]
    pub dev: bool,

    /// Redirects `/pay/...` to the page of a running `trunk serve`, which shows the widget's current
    /// source.
    #[arg(long, env = "TILL_LIVE_WIDGET", requires = "dev")]
    pub live_widget: bool,

    /// The base URL of the sandbox payment system, to which `/sandbox` redirects.
    #[arg(long, env = "TILL_SANDBOX_URL")]
    pub sandbox_url: Option<Url>,

    /// How long a payment system may take to answer, in milliseconds. After that the payment's
    /// outcome is unknown, and its status is polled.
    #[arg(long, env = "TILL_CONNECTOR_TIMEOUT_MS", default_value_t = 20_000)]
    pub connector_timeout_ms: u64,

    /// The age, in milliseconds, from which a payment that the payment system does not know counts
    /// as never submitted. Must be longer than a call can take.
    #[arg(long, env = "TILL_LOST_AFTER_MS", default_value_t = 120_000)]
    pub lost_after_ms: u64,

    /// How long a buyer may take to verify a payment before it is canceled, in seconds.
    #[arg(long, env = "TILL_VERIFICATION_SECONDS", default_value_t = 1_200)]
    pub verification_seconds: u64,

    /// The maximum number of concurrent requests; requests beyond it get 503 with `Retry-After`. A
    /// project may have as many as are free besides its own. Webhooks of payment systems have a limit
    /// of their own with the same value, which their accounts share in the same way.
    #[arg(long, env = "TILL_MAX_REQUESTS", default_value_t = 512, value_parser = limit)]
    pub max_requests: usize,

    /// The maximum number of concurrent calls for buyers to one account of a payment system.
    #[arg(long, env = "TILL_MAX_ACCOUNT_CALLS", default_value_t = 128, value_parser = limit)]
    pub max_account_calls: usize,

    /// The maximum number of concurrent streams of live events; widgets beyond it poll.
    #[arg(long, env = "TILL_MAX_WATCHERS", default_value_t = 4096, value_parser = limit)]
    pub max_watchers: usize,

    /// The maximum number of open connections. At the limit, the connection that has waited for its
    /// next request for longest is closed for a new one.
    #[arg(long, env = "TILL_MAX_CONNECTIONS", default_value_t = 8192, value_parser = limit)]
    pub max_connections: usize,

    /// The maximum number of open connections of one client, which is an IPv4 address or an IPv6
    /// network (/64). Trusted proxies have no limit.
    #[arg(long, env = "TILL_MAX_CLIENT_CONNECTIONS", default_value_t = 512, value_parser = limit)]
    pub max_client_connections: usize,

    /// How long the head of the first request on a connection may take to arrive, in milliseconds.
    #[arg(long, env = "TILL_HEADER_TIMEOUT_MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub header_timeout_ms: u64,

    /// How long the body of a request may take to arrive, in milliseconds.
    #[arg(long, env = "TILL_BODY_TIMEOUT_MS", default_value_t = 30_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub body_timeout_ms: u64,

    /// How long a connection may be without a request before it is closed, in milliseconds. Must be
    /// longer than a proxy in front of the server keeps its connections.
    #[arg(long, env = "TILL_KEEP_ALIVE_TIMEOUT_MS", default_value_t = 75_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub keep_alive_timeout_ms: u64,

    /// How long a buyer's data are kept after the invoice has ended, in days. Amounts, order ids, statuses
    /// and references stay.
    #[arg(long, env = "TILL_BUYER_DATA_DAYS", default_value_t = 730, value_parser = days())]
    pub buyer_data_days: u32,

    /// How long the data of delivered events and the delivery attempts are kept, in days.
    #[arg(long, env = "TILL_EVENT_DATA_DAYS", default_value_t = 90, value_parser = days())]
    pub event_data_days: u32,

    /// How long work in progress may take to finish after SIGTERM, in seconds. Unfinished work is
    /// resumed at the next start, or by another server.
    #[arg(long, env = "TILL_SHUTDOWN_SECONDS", default_value_t = 30)]
    pub shutdown_seconds: u64,

    /// The base URL of an OpenTelemetry collector (OTLP/HTTP) that receives traces, such as
    /// `http://127.0.0.1:4318`. Without it no traces are exported.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,

    /// Divides every delay between attempts (callbacks, reconciliation); for tests.
    #[arg(long, env = "TILL_SPEEDUP", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub speedup: u32,
}

impl Config {
    /// Returns the public base URL without a trailing slash.
    ///
    /// # Errors
    /// When it is not https, or http with `--dev`.
    pub fn base_url(&self) -> anyhow::Result<String> {
        let text = self.any_base_url();
        if !(text.starts_with("https://") || self.dev && text.starts_with("http://")) {
            bail!(
                "--public-url must be https, because card data passes through it; http is allowed \
                 with --dev only"
            );
        }
        Ok(text)
    }

    /// Returns the public base URL without a trailing slash, whether a server may have it or not.
    pub fn any_base_url(&self) -> String {
        let text = match &self.public_url {
            Some(url) => url.to_string(),
            None => format!("{}://{}", self.scheme(), self.listen),
        };
        text.trim_end_matches('/').to_owned()
    }

    /// Returns the origin of the captchas' pages.
    ///
    /// # Errors
    /// When it is not an origin of its own, or not https and http is not allowed by `--dev`.
    pub fn captcha_origin(&self) -> anyhow::Result<Option<String>> {
        let Some(url) = &self.captcha_url else {
            return Ok(None);
        };
        let public = Url::parse(&self.any_base_url())?;
        if url.origin() == public.origin() {
            bail!(
                "--captcha-url must have another host name than the public URL: the browser keeps the \
                 captcha's script away from the payment form by their origins"
            );
        }
        if !(url.scheme() == "https" || self.dev && url.scheme() == "http") {
            bail!("--captcha-url must be https; http is allowed with --dev only");
        }
        let origin = url.origin().ascii_serialization();
        if url.as_str().trim_end_matches('/') != origin {
            bail!(
                "--captcha-url must be a scheme and a host name, such as https://captcha.till.example"
            );
        }
        Ok(Some(origin))
    }

    /// Returns the settings with the secrets that files contain. It can be called again.
    ///
    /// # Errors
    /// When a file can't be read, or a token is too short.
    pub fn with_files(mut self) -> anyhow::Result<Self> {
        if let Some(file) = self.database_url_file.take() {
            let url = secret_source::from_file("DATABASE_URL_FILE", &file)?;
            self.database_url = database_url::read(url.expose_secret())?;
        }
        if let Some(file) = self.database_listen_url_file.take() {
            const SETTING: &str = "TILL_DATABASE_LISTEN_URL_FILE";
            let url = secret_source::from_file(SETTING, &file)?;
            let url = database_url::read_listen_url(url.expose_secret());
            self.database_listen_url = Some(url.map_err(|error| anyhow!("{SETTING}: {error}"))?);
        }
        if let Some(file) = self.operator_token_file.take() {
            const SETTING: &str = "TILL_OPERATOR_TOKEN_FILE";
            let token = secret_source::from_file(SETTING, &file)?;
            let token = operator_token(token.expose_secret());
            self.operator_token = Some(token.map_err(|error| anyhow!("{SETTING}: {error}"))?);
        }
        Ok(self)
    }

    /// Returns the encryption keys of a server. With `--dev` and no key set, the key is read from the file
    /// beside the database, which is created if it does not exist.
    ///
    /// # Errors
    /// When no key is set, one can't be read or is no key, or its file can't be written.
    pub fn keys(&self) -> anyhow::Result<Keys> {
        let file = self.key_file().filter(|_| self.dev);
        self.encryption.keys(file.as_deref(), true)
    }

    /// Returns the encryption keys for a command, which takes the one of a server in development mode
    /// without `--dev`.
    ///
    /// # Errors
    /// As [`Self::keys`].
    pub fn command_keys(&self) -> anyhow::Result<Keys> {
        self.encryption.keys(self.key_file().as_deref(), self.dev)
    }

    /// The file beside an SQLite database that has the encryption key in development mode.
    fn key_file(&self) -> Option<String> {
        let file = self.database_url.strip_prefix("sqlite:")?;
        let file = file.trim_start_matches("//");
        Some(format!("{}.key", file.split('?').next().unwrap_or(file)))
    }

    /// The scheme of the listeners' URLs.
    pub fn scheme(&self) -> &'static str {
        if self.tls.certificate.is_some() {
            "https"
        } else {
            "http"
        }
    }

    /// [`Self::shutdown_seconds`].
    pub fn shutdown_limit(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }

    /// [`Self::header_timeout_ms`].
    pub fn header_timeout(&self) -> Duration {
        Duration::from_millis(self.header_timeout_ms)
    }

    /// [`Self::body_timeout_ms`].
    pub fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// [`Self::keep_alive_timeout_ms`].
    pub fn keep_alive_timeout(&self) -> Duration {
        Duration::from_millis(self.keep_alive_timeout_ms)
    }

    /// [`Self::connector_timeout_ms`].
    pub fn connector_timeout(&self) -> Duration {
        Duration::from_millis(self.connector_timeout_ms)
    }
}

fn limit(text: &str) -> Result<usize, String> {
    let limit = text.parse().map_err(|_| "must be a number".to_owned())?;
    match limit {
        0 => Err("must be at least 1".into()),
        limit => Ok(limit.min(Semaphore::MAX_PERMITS)),
    }
}

/// A retention: a day to a hundred years.
fn days() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=36_500)
}

fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().map(IpNet::from);
    let network = text.parse().or_else(|_| address());
    network.map_err(|_| "must be an address or a network such as 10.0.0.0/8".to_owned())
}

fn operator_token(text: &str) -> Result<SecretString, String> {
    match text.len() {
        16.. => Ok(SecretString::from(text)),
        _ => Err("must have at least 16 characters: create one with `openssl rand -hex 24`".into()),
    }
}
