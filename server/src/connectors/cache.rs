//! What connectors keep between calls: access tokens and certificates.

use super::error::CallError;
use moka::Expiry;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How many certificates are kept.
const MAX_CERTIFICATES: u64 = 32;

/// Access tokens and certificates. A server has one, which every account shares.
pub struct Cache {
    tokens: moka::future::Cache<Client, AccessToken>,
    /// PEM certificates by their URL.
    pub(super) certificates: moka::future::Cache<String, Arc<[u8]>>,
}

impl Default for Cache {
    fn default() -> Self {
        Self {
            tokens: moka::future::Cache::builder()
                .expire_after(Lifetime)
                .build(),
            certificates: moka::future::Cache::new(MAX_CERTIFICATES),
        }
    }
}

impl Cache {
    /// The client's access token. If there is none, `request` fetches it. Concurrent callers share
    /// one request, and a request that hangs delays no other client.
    pub(super) async fn token(
        &self,
        client: Client,
        request: impl Future<Output = Result<AccessToken, CallError>>,
    ) -> Result<SecretString, Arc<CallError>> {
        let token = self.tokens.try_get_with(client, request).await?;
        Ok(token.secret)
    }

    /// Drops a token that the payment system no longer accepts. A newer one stays.
    pub(super) async fn forget(&self, client: &Client, rejected: &SecretString) {
        let current = self.tokens.get(client).await;
        let is_rejected = |t: &AccessToken| t.secret.expose_secret() == rejected.expose_secret();
        if current.as_ref().is_some_and(is_rejected) {
            self.tokens.invalidate(client).await;
        }
    }
}

/// An OAuth client: what an access token is issued to.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Client {
    /// The payment system's base URL.
    pub base_url: String,
    /// The client's id.
    pub id: String,
    /// The hash of the client's secret.
    pub secret_hash: String,
}

/// An access token and for how long it is used.
#[derive(Clone)]
pub(super) struct AccessToken {
    /// The token.
    pub secret: SecretString,
    /// Counted from when it was issued.
    pub lifetime: Duration,
}

/// Expires each token after its own lifetime.
struct Lifetime;

impl Expiry<Client, AccessToken> for Lifetime {
    fn expire_after_create(&self, _: &Client, token: &AccessToken, _: Instant) -> Option<Duration> {
        Some(token.lifetime)
    }
}
