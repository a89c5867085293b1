//! What every call to a payment system needs.

use super::cache::Cache;
use async_trait::async_trait;
use secrecy::SecretString;

/// A project's account at a payment system.
pub struct Account {
    /// The connector's kind, for example `sandbox`.
    pub kind: String,
    /// The account's id, unique within the kind; part of the webhook's path.
    pub id: String,
    /// JSON in the connector's format.
    pub credentials: SecretString,
}

/// What every call to a payment system needs.
pub struct Ctx<'a> {
    /// The HTTP client for calls to payment systems: with time limits, without redirects.
    pub http: &'a reqwest::Client,
    /// What connectors keep between calls; one for the whole server.
    pub cache: &'a Cache,
    /// The account used for the call.
    pub account: &'a Account,
    /// The payments of this server; absent where no server is running.
    pub known: Option<&'a dyn KnownPayments>,
}

impl Ctx<'_> {
    /// Whether the account may carry a payment with this id of the payment system. A webhook that
    /// names another payment needs no call.
    pub async fn may_know(&self, reference: &str) -> bool {
        match self.known {
            Some(known) => known.may_know(&self.account.kind, reference).await,
            None => true,
        }
    }
}

/// Looks up the payments of this server.
#[async_trait]
pub trait KnownPayments: Send + Sync {
    /// Whether a connector of this kind may carry a payment with this reference: `false` only if it
    /// certainly does not.
    async fn may_know(&self, kind: &str, reference: &str) -> bool;
}
