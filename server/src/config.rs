//! Settings of a server, from flags and the environment.

use anyhow::{Context, bail};
use clap::Args;
use secrecy::SecretString;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::sync::Semaphore;
use url::Url;

/// Settings of a server.
#[derive(Args, Clone)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env = "TILL_LISTEN", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,

    /// Where browsers and payment systems reach this server; `http://` and the address if absent.
    #[arg(long, env = "TILL_PUBLIC_URL")]
    pub public_url: Option<Url>,

    /// The database: `sqlite:FILE`, or `postgres://...` for several servers on one.
    #[arg(
        long,
        env = "DATABASE_URL",
        default_value = "sqlite:till.db",
        hide_env_values = true
    )]
    pub database_url: String,

    /// How many connections to the database there may be.
    #[arg(long, env = "TILL_DATABASE_CONNECTIONS", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub database_connections: u32,

    /// 32 bytes in base64 that encrypt credentials and signing secrets at rest: `openssl rand
    /// -base64 32`. With `--dev` one is made and kept beside the database.
    #[arg(long, env = "TILL_ENCRYPTION_KEY", hide_env_values = true)]
    pub encryption_key: Option<SecretString>,

    /// What `/v1/projects` takes as its bearer token, at least 16 characters. Without it those calls
    /// are off.
    #[arg(long, env = "TILL_OPERATOR_TOKEN", hide_env_values = true, value_parser = operator_token)]
    pub operator_token: Option<SecretString>,

    /// For development: permits http and loopback addresses in callbacks and payment systems.
    #[arg(long, env = "TILL_DEV")]
    pub dev: bool,

    /// With `trunk serve`: sends `/pay/...` on to trunk's page, so that the widget shown is the
    /// one on disk.
    #[arg(long, env = "TILL_LIVE_WIDGET", requires = "dev")]
    pub live_widget: bool,

    /// Where `/sandbox` sends a developer: the sandbox payment system's base URL.
    #[arg(long, env = "TILL_SANDBOX_URL")]
    pub sandbox_url: Option<Url>,

    /// How long a payment system may take to answer, in milliseconds. Past it the payment's fate
    /// is unknown and it is asked after.
    #[arg(long, env = "TILL_CONNECTOR_TIMEOUT_MS", default_value_t = 20_000)]
    pub connector_timeout_ms: u64,

    /// How long after its creation a payment must be unknown to the payment system before it is
    /// believed never to have arrived there, in milliseconds. Longer than any call may hang.
    #[arg(long, env = "TILL_LOST_AFTER_MS", default_value_t = 120_000)]
    pub lost_after_ms: u64,

    /// How long a buyer may take to verify a payment before it is called off, in seconds.
    #[arg(long, env = "TILL_VERIFICATION_SECONDS", default_value_t = 1_200)]
    pub verification_seconds: u64,

    /// How many requests are worked on at once; more are told to come again (503, `Retry-After`).
    /// The calls of payment systems have as many places of their own.
    #[arg(long, env = "TILL_MAX_REQUESTS", default_value_t = 512, value_parser = places)]
    pub max_requests: usize,

    /// How many buyers' calls to one account of a payment system may be under way at once.
    #[arg(long, env = "TILL_MAX_ACCOUNT_CALLS", default_value_t = 128, value_parser = places)]
    pub max_account_calls: usize,

    /// How many may watch live events at once; more ask from time to time instead.
    #[arg(long, env = "TILL_MAX_WATCHERS", default_value_t = 4096, value_parser = places)]
    pub max_watchers: usize,

    /// How long what runs may take to end after SIGTERM, in seconds. What has not ended then is
    /// taken up after the next start, or by another server.
    #[arg(long, env = "TILL_SHUTDOWN_SECONDS", default_value_t = 30)]
    pub shutdown_seconds: u64,

    /// Where traces go: the base URL of an OpenTelemetry collector's OTLP/HTTP, for example
    /// `http://127.0.0.1:4318`. Without it there are none.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,

    /// Divides every delay between attempts (callbacks, reconciliation), for tests.
    #[arg(long, env = "TILL_SPEEDUP", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub speedup: u32,
}

impl Config {
    /// The base URL without a slash at its end.
    ///
    /// # Errors
    /// When it is neither https nor, with `--dev`, http.
    pub fn base_url(&self) -> anyhow::Result<String> {
        let text = match &self.public_url {
            Some(url) => url.to_string(),
            None => format!("http://{}", self.listen),
        };
        if !(text.starts_with("https://") || self.dev && text.starts_with("http://")) {
            bail!("--public-url must be https (http is for --dev): card data passes through it");
        }
        Ok(text.trim_end_matches('/').to_owned())
    }

    /// The encryption key. With `--dev` and none given, one kept beside the database.
    ///
    /// # Errors
    /// When there is none, or its file can't be read or written.
    pub fn key(&self) -> anyhow::Result<SecretString> {
        if let Some(key) = &self.encryption_key {
            return Ok(key.clone());
        }
        let file = self
            .database_url
            .strip_prefix("sqlite:")
            .map(|p| p.trim_start_matches("//"));
        let (true, Some(file)) = (self.dev, file) else {
            bail!(
                "TILL_ENCRYPTION_KEY is not set: credentials and signing secrets are never stored \
                 without it. Make one with `openssl rand -base64 32` and keep it safe"
            );
        };
        let path = format!("{}.key", file.split('?').next().unwrap_or(file));
        if let Ok(text) = std::fs::read_to_string(&path) {
            return Ok(SecretString::from(text));
        }
        let key = crate::new_id::signing_secret()?.replace("whsec_", "");
        write_private(&path, &key).with_context(|| format!("can't write {path}"))?;
        Ok(SecretString::from(key))
    }

    /// [`Self::shutdown_seconds`].
    pub fn shutdown_limit(&self) -> Duration {
        Duration::from_secs(self.shutdown_seconds)
    }

    /// [`Self::connector_timeout_ms`].
    pub fn connector_timeout(&self) -> Duration {
        Duration::from_millis(self.connector_timeout_ms)
    }
}

fn places(text: &str) -> Result<usize, String> {
    let places = text.parse().map_err(|_| "a number above zero".to_owned())?;
    match places {
        0 => Err("at least 1".into()),
        places => Ok(places.min(Semaphore::MAX_PERMITS)),
    }
}

fn operator_token(text: &str) -> Result<SecretString, String> {
    match text.len() {
        16.. => Ok(SecretString::from(text)),
        _ => Err("at least 16 characters: make one with `openssl rand -hex 24`".into()),
    }
}

fn write_private(path: &str, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
