//! Payment systems behind one trait. A connector knows neither the store nor HTTP handlers, keeps
//! no state, and lets none of its payment system's types out of its file.

mod adyen;
mod amount;
mod client;
mod credentials;
mod mollie;
mod observed;
mod paypal;
mod sandbox;
mod stripe;
mod timestamped;

use crate::domain::Timing;
use async_trait::async_trait;
use axum::http::HeaderMap;
use secrecy::SecretString;
use std::sync::Arc;
use till_shared::buyer::Buyer;
use till_shared::card::CardSummary;
use till_shared::id::{PaymentId, RefundId};
use till_shared::money::{Currency, Money};
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::{CardData, Verification};

pub use client::http_client;
pub use observed::Observed;

/// What a payment system can do.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities {
    /// Ways to pay.
    pub methods: &'static [Method],
    /// ISO 4217 codes; `None` where every currency will do.
    pub currencies: Option<&'static [&'static str]>,
    /// Whether money can be given back.
    pub refunds: bool,
    /// Whether a payment may come without the method's data: the payment system then asks for
    /// them on a form of its own.
    pub own_form: bool,
    /// Whether it takes a card that the buyer typed into our form.
    pub card_data: bool,
}

impl Capabilities {
    /// Whether it can carry a payment of this method in this currency.
    pub fn carries(&self, method: Method, currency: Currency) -> bool {
        let code = &currency.code();
        self.methods.contains(&method)
            && self.currencies.is_none_or(|list| list.contains(code))
            && method.currencies().is_none_or(|list| list.contains(code))
    }
}

/// A project's account at a payment system.
pub struct Account {
    /// The connector's kind, for example `sandbox`.
    pub kind: String,
    /// Its id, unique for the kind; part of the webhook's path.
    pub id: String,
    /// JSON, as the connector reads it.
    pub credentials: SecretString,
}

/// What every call out needs.
pub struct Ctx<'a> {
    /// For calls to payment systems: time limits set, no redirects.
    pub http: &'a reqwest::Client,
    /// Whose behalf.
    pub account: &'a Account,
}

/// A payment to ask the payment system for.
pub struct NewPayment<'a> {
    /// Ours; also the payment system's idempotency key.
    pub id: &'a PaymentId,
    /// The way it is paid.
    pub method: Method,
    /// What is to be paid.
    pub money: Money,
    /// The card, where the method is one and the buyer typed it into our form.
    pub card: Option<&'a CardData>,
    /// The project's number for the order.
    pub order_id: &'a str,
    /// What the buyer reads.
    pub description: Option<&'a str>,
    /// Who pays, as far as it is known.
    pub buyer: &'a Buyer,
    /// A BCP 47 language tag, if the order names one.
    pub locale: Option<&'a str>,
    /// Where the buyer comes back to.
    pub return_url: &'a str,
    /// Where the payment system reports to.
    pub webhook_url: &'a str,
}

/// A payment that the payment system may know.
pub struct Known<'a> {
    /// Ours.
    pub id: &'a PaymentId,
    /// The payment system's, if we ever heard it.
    pub reference: Option<&'a str>,
    /// When ours was written down, in milliseconds: it can't be there from before.
    pub created_at: i64,
}

/// What a payment system says of a payment.
#[derive(Debug, Clone)]
pub struct PaymentUpdate {
    /// The payment system's id. The one that comes with a success is the one refunds go by, and
    /// takes the place of any before.
    pub reference: Option<String>,
    /// What is not clearly a success or a refusal is `processing`.
    pub status: PaymentStatus,
    /// Why it was declined.
    pub decline: Option<DeclineCode>,
    /// What the buyer has to do.
    pub verification: Verification,
    /// What it says the amount is; compared with ours before a success is believed.
    pub money: Option<Money>,
    /// What may be shown of the card.
    pub card: Option<CardSummary>,
}

impl PaymentUpdate {
    /// An update that brings a status and nothing else.
    pub fn status(status: PaymentStatus) -> Self {
        Self {
            reference: None,
            status,
            decline: None,
            verification: Verification::None,
            money: None,
            card: None,
        }
    }

    /// The payment system has nothing to say beyond what we know: every status stands.
    pub fn nothing_new() -> Self {
        Self::status(PaymentStatus::Created)
    }

    /// With what the payment system says the amount is. A success whose amount can't be read is
    /// none yet.
    pub fn over(self, money: Option<Money>) -> Self {
        let status = match (self.status, money) {
            (PaymentStatus::Succeeded, None) => PaymentStatus::Processing,
            (status, _) => status,
        };
        Self {
            status,
            money,
            ..self
        }
    }

    /// A decline that nothing but its reason is known of.
    pub fn declined(code: DeclineCode) -> Self {
        Self {
            decline: Some(code),
            ..Self::status(PaymentStatus::Declined)
        }
    }
}

/// Money to give back.
pub struct NewRefund<'a> {
    /// Ours; also the payment system's idempotency key.
    pub id: &'a RefundId,
    /// The payment system's id of this refund, if it has taken it before: then it is asked how
    /// that one went.
    pub known: Option<&'a str>,
    /// The payment system's id of the payment.
    pub reference: &'a str,
    /// How much.
    pub money: Money,
}

/// How a refund went, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// Taken by the payment system under this id; how it ends is told later.
    Pending(String),
    /// Given back, under this id of the payment system.
    Succeeded(String),
    /// The payment system said no.
    Refused(String),
}

/// Why a call to a payment system brought no answer of use. The difference decides whether a
/// payment may be tried elsewhere, is refused, or must be asked after.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// It never left this machine, or was turned away unread: nothing was taken.
    #[error("not sent: {0}")]
    NotSent(String),
    /// The payment system would not take it from this account: nothing was taken. A decline by
    /// the bank is none of these: it is an answer.
    #[error("refused: {0}")]
    Refused(String),
    /// It may or may not have been carried out. Never retried blindly.
    #[error("fate unknown: {0}")]
    Unknown(String),
}

/// One message of a verified webhook.
pub struct Webhook {
    /// The payment system's id of the message: recorded once.
    pub event_id: String,
    /// What it says; empty for what does not concern us.
    pub news: Vec<News>,
}

/// What a message says, by our own ids.
pub enum News {
    /// Of a payment.
    Payment(PaymentId, PaymentUpdate),
    /// Of a refund.
    Refund(RefundId, RefundOutcome),
    /// Something happened to a payment: if it still is live, the payment system is to be asked.
    Ask(PaymentId),
}

/// Why a webhook is not believed.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The signature is missing, wrong or too old.
    #[error("the signature does not verify: {0}")]
    Forged(&'static str),
    /// Signed by the payment system, and yet not what its description says.
    #[error("the body is not as described: {0}")]
    Malformed(String),
    /// The payment system had to be asked and did not answer: the message is to come again.
    #[error(transparent)]
    Unanswered(#[from] CallError),
}

/// A payment system.
#[async_trait]
pub trait Connector: Send + Sync {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Whether an account's credentials are what this connector reads; if not, what is wrong, in
    /// words that repeat no value.
    fn check_credentials(&self, credentials: &serde_json::Value) -> Result<(), String>;

    /// Asks for a payment, with our payment's id as the idempotency key.
    async fn create(&self, ctx: &Ctx<'_>, new: &NewPayment<'_>)
    -> Result<PaymentUpdate, CallError>;

    /// Asks after a payment. `None` when the payment system does not know it.
    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError>;

    /// The buyer is back from the verification form with this query; says how the payment stands.
    /// Some payment systems are told only now that it is to go on.
    async fn returned(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
        _query: &[(String, String)],
    ) -> Result<Option<PaymentUpdate>, CallError> {
        self.fetch(ctx, payment).await
    }

    /// Calls off a payment that waits for verification; says how it stands then.
    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError>;

    /// Gives money back, with our refund's id as the idempotency key: asked again with the same
    /// id, the payment system says how the first one went. [`CallError::Refused`] is its no.
    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError>;

    /// What a webhook that was taken is answered with.
    fn webhook_answer(&self) -> &'static str {
        "{\"received\":true}"
    }

    /// Verifies a webhook over its raw body and reads its messages. Nothing else makes a
    /// [`Webhook`].
    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        headers: &HeaderMap,
        body: &[u8],
        timing: Timing,
    ) -> Result<Vec<Webhook>, WebhookError>;
}

/// Makes a connector.
type Make = fn() -> Arc<dyn Connector>;

/// Every connector, by its kind.
pub const REGISTRY: &[(&str, Make)] = &[
    ("sandbox", || Arc::new(sandbox::Sandbox)),
    ("stripe", || Arc::new(stripe::Stripe)),
    ("adyen", || Arc::new(adyen::Adyen)),
    ("paypal", || Arc::new(paypal::PayPal)),
    ("mollie", || Arc::new(mollie::Mollie)),
];

/// The connector of a kind.
pub fn by_kind(kind: &str) -> Option<Arc<dyn Connector>> {
    let found = REGISTRY.iter().find(|(known, _)| *known == kind);
    found.map(|(_, connector)| connector())
}
