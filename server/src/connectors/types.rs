//! What the connectors' calls take and return, in this server's own terms.

use super::cache::Cache;
use secrecy::SecretString;
use till_shared::buyer::Buyer;
use till_shared::card::CardSummary;
use till_shared::id::{PaymentId, RefundId};
use till_shared::money::Money;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::{CardData, Verification};

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
}

/// A payment to create at a payment system.
pub struct NewPayment<'a> {
    /// Our payment id, which is also the idempotency key.
    pub id: &'a PaymentId,
    /// The payment method.
    pub method: Method,
    /// The amount to charge.
    pub money: Money,
    /// The card, where the method is `card` and the buyer typed it into our payment form.
    pub card: Option<&'a CardData>,
    /// The project's order number.
    pub order_id: &'a str,
    /// The description shown to the buyer.
    pub description: Option<&'a str>,
    /// The buyer's details, as far as they are known.
    pub buyer: &'a Buyer,
    /// The BCP 47 language tag of the order, if it has one.
    pub locale: Option<&'a str>,
    /// The URL that the buyer returns to.
    pub return_url: &'a str,
    /// The URL that the payment system sends webhooks to.
    pub webhook_url: &'a str,
}

/// Identifies a payment that a payment system may have.
pub struct PaymentRef<'a> {
    /// Our payment id.
    pub id: &'a PaymentId,
    /// The payment system's id, once it is known.
    pub reference: Option<&'a str>,
    /// When our payment was created, in milliseconds since 1970-01-01 UTC. The payment system's is
    /// not older.
    pub created_at: i64,
}

/// A payment system's state of a payment.
#[derive(Debug, Clone)]
pub struct PaymentUpdate {
    /// The payment system's id. The id that comes with a success replaces any earlier one: refunds
    /// use it.
    pub reference: Option<String>,
    /// The status. Anything that is not clearly a success or a decline is `processing`.
    pub status: PaymentStatus,
    /// Why the payment was declined.
    pub decline: Option<DeclineCode>,
    /// What the buyer has to do.
    pub verification: Verification,
    /// The payment system's amount. A success is accepted only if it equals ours.
    pub money: Option<Money>,
    /// The card details that may be displayed.
    pub card: Option<CardSummary>,
}

impl PaymentUpdate {
    /// An update with a status and nothing else.
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

    /// An update that changes nothing: `created` never replaces a later status.
    pub fn unchanged() -> Self {
        Self::status(PaymentStatus::Created)
    }

    /// A decline with its reason and nothing else.
    pub fn declined(code: DeclineCode) -> Self {
        Self {
            decline: Some(code),
            ..Self::status(PaymentStatus::Declined)
        }
    }

    /// Sets the payment system's amount. A success without a readable amount becomes `processing`.
    pub fn with_amount(self, money: Option<Money>) -> Self {
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
}

/// A refund to create at a payment system.
pub struct NewRefund<'a> {
    /// Our refund id, which is also the idempotency key.
    pub id: &'a RefundId,
    /// The payment system's id of this refund, if it has accepted it before. The payment system is
    /// then asked for its status.
    pub refund_reference: Option<&'a str>,
    /// The payment system's id of the payment.
    pub payment_reference: &'a str,
    /// The amount to refund.
    pub money: Money,
}

/// A payment system's state of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// Accepted under this id of the payment system; the outcome follows.
    Pending(String),
    /// Refunded under this id of the payment system.
    Succeeded(String),
    /// Rejected for this reason, in the payment system's words.
    Refused(String),
}

/// One message of a verified webhook.
pub struct WebhookMessage {
    /// The payment system's id of the message. It is recorded, so that a repeated message is
    /// recognized.
    pub id: String,
    /// What the message reports; empty if it does not concern this server.
    pub events: Vec<WebhookEvent>,
}

/// What a webhook reports, by our own ids.
pub enum WebhookEvent {
    /// The state of a payment.
    Payment(PaymentId, PaymentUpdate),
    /// The state of a refund.
    Refund(RefundId, RefundOutcome),
    /// A payment changed. If it is not final, its state is to be fetched from the payment system.
    Refetch(PaymentId),
}
