//! What every call to a payment system needs.

use super::cache::Cache;
use super::error::Postponed;
use super::subject::Subject;
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
    /// Which account carries the payment that a webhook is about. A webhook about another account's payment
    /// needs no call.
    ///
    /// # Errors
    /// When that cannot be looked up now.
    pub async fn carrier(&self, subject: &Subject) -> Result<Carrier, Postponed> {
        match self.known {
            Some(known) => known.carrier(self.account, subject).await,
            None => Ok(Carrier::ThisAccount),
        }
    }

    /// Whether the account carries the payment that a webhook is about.
    ///
    /// # Errors
    /// When that cannot be looked up now.
    pub async fn carries(&self, subject: &Subject) -> Result<bool, Postponed> {
        Ok(self.carrier(subject).await? == Carrier::ThisAccount)
    }

    /// Counts a call that is made for a webhook before anything proves that the payment system sent it.
    ///
    /// # Errors
    /// When too many calls were made for webhooks about this payment.
    pub fn count_unproven(&self, subject: &Subject) -> Result<(), Postponed> {
        match self.known {
            Some(known) if !known.may_call(subject) => Err(Postponed::TooManyCalls),
            _ => Ok(()),
        }
    }
}

/// Which account carries a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The account that the webhook is for.
    ThisAccount,
    /// Another account of this server.
    AnotherAccount,
    /// This server knows no such payment. Our ids are stored before the payment system has them. Its own are
    /// stored when it has answered, so that it may name a payment before this server knows its id.
    Unknown,
}

/// Looks up the payments of this server.
#[async_trait]
pub trait KnownPayments: Send + Sync {
    /// Whether an account carries a payment.
    ///
    /// # Errors
    /// When that cannot be looked up now.
    async fn carrier(&self, account: &Account, subject: &Subject) -> Result<Carrier, Postponed>;

    /// Whether another call may be made for a webhook about this payment that nothing proves.
    fn may_call(&self, subject: &Subject) -> bool;
}
