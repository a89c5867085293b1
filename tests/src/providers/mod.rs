//! Providers for tests of the connectors: the sandbox, and mocks of the other providers' documented
//! APIs over a shared ledger.

pub mod adyen;
pub mod captcha;
mod entry;
pub mod mock;
pub mod mollie;
pub mod paypal;
pub mod prism;
pub mod sandbox;
pub mod stripe;

use anyhow::Result;
use serde_json::Value;
use std::future::Future;

/// The plan of the next payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The payment succeeds, after a confirmation if the provider requires one.
    Approve,
    /// The payment succeeds after the buyer confirms.
    Verify,
    /// The payment is declined for insufficient funds, if the provider reports it.
    Decline,
    /// The payment succeeds and the response is lost.
    LoseResponse,
    /// The webhook is delivered before the response.
    WebhookFirst,
    /// The response has this HTTP status, and no payment is created.
    Fail(u16),
    /// This number of calls gets HTTP 429 before one succeeds.
    RateLimit(u32),
}

/// A stage of a dispute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dispute {
    /// The project can respond.
    Opened,
    /// The project keeps the money.
    Won,
    /// The buyer keeps the money.
    Lost,
}

/// A webhook.
#[derive(Debug, Clone)]
pub struct Message {
    /// The headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Message {
    /// Returns the webhook with a different header.
    pub fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut other = self.clone();
        other.headers.retain(|(n, _)| *n != name);
        other.headers.push((name, value.into()));
        other
    }

    /// Returns the webhook with a replacement in its body.
    pub fn altered(&self, from: &str, to: &str) -> Self {
        Self {
            body: self.body.replace(from, to),
            ..self.clone()
        }
    }
}

/// A payment system under test.
pub trait PaymentSystem: Sized {
    /// The connector's kind.
    const KIND: &'static str;

    /// Starts a provider.
    fn start() -> impl Future<Output = Result<Self>>;
    /// Returns the account's credentials.
    fn credentials(&self) -> Value;
    /// Sets the URL for webhooks.
    fn set_webhook_url(&self, url: String);
    /// Sets the plan of the next payment and returns its request.
    fn pay(&self, plan: Plan) -> Value;
    /// Confirms on the form at this URL and returns the URL to which the buyer is redirected.
    fn confirm(&self, form: &str) -> impl Future<Output = Result<String>>;
    /// Returns the captured amount minus the refunded amount in minor units.
    fn net_captured(&self) -> impl Future<Output = Result<i64>>;
    /// Returns the number of payments.
    fn payments(&self) -> impl Future<Output = Result<usize>>;
    /// Captures a payment with a different amount.
    fn capture(&self, payment: &str, amount: i64, currency: &str) -> Result<()>;
    /// Returns a webhook with a payment's status.
    fn message(&self, payment: &str) -> Result<Message>;
    /// Returns the webhook of a succeeded refund; `None` if the response reports it.
    fn refunded(&self, refund: &str) -> Result<Option<Message>>;
    /// Returns the webhook of a refund that failed after it had succeeded.
    fn refund_failed(&self, refund: &str) -> Result<Message>;
    /// Refunds a payment in the provider's dashboard and returns the webhook.
    fn dashboard_refund(&self, payment: &str, amount: i64) -> Result<Message>;
    /// Opens or decides a dispute of a payment and returns the webhook.
    fn dispute(&self, payment: &str, stage: Dispute) -> Result<Message>;
    /// Whether the provider reports that a dispute is lost.
    fn reports_lost_disputes(&self) -> bool {
        true
    }
    /// Takes a payment back without a dispute and returns the webhook; `None` if the provider never
    /// does.
    fn reversal(&self, payment: &str) -> Result<Option<Message>>;
    /// Returns invalid webhooks: altered, signed with another key, or stale.
    fn forged_webhooks(&self, payment: &str) -> Result<Vec<Message>>;
    /// The decline code for insufficient funds.
    fn decline(&self) -> &'static str {
        "insufficient_funds"
    }
    /// Returns the received idempotency keys, if the provider exposes them.
    fn idempotency_keys(&self) -> Vec<String>;
}

/// Returns the HMAC-SHA256 in lower-case hex.
pub fn hmac_hex(key: &[u8], message: impl AsRef<[u8]>) -> String {
    hex::encode(hmac_bytes(key, message))
}

/// Returns the HMAC-SHA256.
pub fn hmac_bytes(key: &[u8], message: impl AsRef<[u8]>) -> Vec<u8> {
    use hmac::{KeyInit, Mac};
    let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key);
    let Ok(mut mac) = mac else {
        return vec![];
    };
    mac.update(message.as_ref());
    mac.finalize().into_bytes().to_vec()
}

/// Returns the seconds since 1970-01-01 UTC.
pub fn now() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "tests use the system clock")]
    jiff::Timestamp::now().as_second()
}
