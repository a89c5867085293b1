//! Payment systems to run connectors against: the sandbox, and one that speaks the documented JSON
//! of each of the others over one ledger, does as it is told, and forgets nothing.

pub mod adyen;
pub mod mock;
pub mod mollie;
pub mod paypal;
pub mod prism;
pub mod sandbox;
pub mod stripe;

use anyhow::Result;
use serde_json::Value;
use std::future::Future;

/// What is to happen to the next payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// The money is taken, after a confirmation where the system has no other way.
    Approve,
    /// The money is taken once the buyer has confirmed.
    Verify,
    /// The bank says no: insufficient funds, where the system can say that.
    Decline,
    /// The money is taken, and the answer to the call that took it never comes.
    LoseAnswer,
    /// The webhook is delivered while the call that it is about waits for its answer.
    WebhookFirst,
    /// The call for the payment is answered with this HTTP status, and nothing is done.
    Fail(u16),
    /// So many calls are turned away with HTTP 429 before one is heard.
    Busy(u32),
}

/// A webhook as a payment system would send it.
#[derive(Debug, Clone)]
pub struct Message {
    /// Headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

impl Message {
    /// The message with another value of a header.
    pub fn with(&self, name: &'static str, value: impl Into<String>) -> Self {
        let mut other = self.clone();
        other.headers.retain(|(n, _)| *n != name);
        other.headers.push((name, value.into()));
        other
    }

    /// The message with something in its body replaced.
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

    /// Starts one.
    fn start() -> impl Future<Output = Result<Self>>;
    /// The account's credentials.
    fn credentials(&self) -> Value;
    /// Told where the server takes its webhooks.
    fn report_to(&self, url: String);
    /// Sets what happens next, and gives the payment fixation that sets it off.
    fn pay(&self, plan: Plan) -> Value;
    /// How the buyer's confirmation is made on the form at this URL; gives where the buyer is sent.
    fn confirm(&self, form: &str) -> impl Future<Output = Result<String>>;
    /// All that was taken and not given back, in minor units.
    fn taken(&self) -> impl Future<Output = Result<i64>>;
    /// How many payments it has.
    fn payments(&self) -> impl Future<Output = Result<usize>>;
    /// The money of a payment of ours is taken, over an amount of the system's own choice.
    fn take(&self, payment: &str, amount: i64, currency: &str) -> Result<()>;
    /// A webhook that says how a payment of ours stands.
    fn message(&self, payment: &str) -> Result<Message>;
    /// A webhook that says that a refund of ours is through; `None` where the answer says so.
    fn refunded(&self, refund: &str) -> Result<Option<Message>>;
    /// Webhooks that must not be believed: altered, signed by another, or too old.
    fn forgeries(&self, payment: &str) -> Result<Vec<Message>>;
    /// What a refusal for lack of funds is called.
    fn decline(&self) -> &'static str {
        "insufficient_funds"
    }
    /// The idempotency keys of the calls for payments, where it shows them.
    fn keys_seen(&self) -> Vec<String>;
}

/// The lower-case hex HMAC-SHA256.
pub fn hmac_hex(key: &[u8], message: &str) -> String {
    hex::encode(hmac_bytes(key, message))
}

/// The HMAC-SHA256.
pub fn hmac_bytes(key: &[u8], message: &str) -> Vec<u8> {
    use hmac::{KeyInit, Mac};
    let mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(key);
    let Ok(mut mac) = mac else {
        return vec![];
    };
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Seconds since 1970-01-01 UTC.
pub fn now() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "the server's clock is not ours to ask"
    )]
    jiff::Timestamp::now().as_second()
}
