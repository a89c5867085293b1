//! What the connectors' calls take and return, in this server's own terms.

use crate::domain::reference::Reference;
use std::net::IpAddr;
use till_shared::buyer::Buyer;
use till_shared::card::CardSummary;
use till_shared::dispute::DisputeStatus;
use till_shared::id::{PaymentId, RefundId};
use till_shared::money::Money;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::{BrowserInfo, CardData, Verification};

pub use super::context::Ctx;
pub use super::subject::{PaymentKey, Subject};

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
    /// The buyer's client, for 3-D Secure and fraud checks.
    pub client: &'a ClientInfo,
}

/// What is known of the buyer's client. Empty for a payment that the project's server creates.
#[derive(Debug, Clone, Default)]
pub struct ClientInfo {
    /// The address.
    pub ip: Option<IpAddr>,
    /// The header `User-Agent`.
    pub user_agent: Option<String>,
    /// The header `Accept`.
    pub accept: Option<String>,
    /// The origin of the page on which the buyer pays.
    pub origin: Option<String>,
    /// What the widget reports about the browser.
    pub browser: Option<BrowserInfo>,
}

/// Identifies a payment that a payment system may have.
pub struct PaymentRef<'a> {
    /// Our payment id.
    pub id: &'a PaymentId,
    /// The payment system's id, once it is known.
    pub reference: Option<&'a Reference>,
    /// When our payment was created, in milliseconds since 1970-01-01 UTC. The payment system's is
    /// not older.
    pub created_at: i64,
    /// Whether every call that creates or continues the payment has ended, so that what the payment
    /// system does not have now it never will.
    pub calls_ended: bool,
}

/// A payment system's state of a payment.
#[derive(Debug, Clone)]
pub struct PaymentUpdate {
    /// The payment system's id. The id that comes with a success replaces any earlier one: refunds
    /// use it.
    pub reference: Option<Reference>,
    /// The status. Anything that is not clearly a success or a decline is `processing`.
    pub status: PaymentStatus,
    /// Why the payment was declined.
    pub decline: Option<DeclineCode>,
    /// What the buyer has to do.
    pub verification: Verification,
    /// The payment system's amount. A success is accepted only if it equals ours, and never without
    /// an amount.
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
    /// Rejected, or sent back after it had succeeded, for this reason, in the payment system's words.
    Failed(String),
}

/// One message of a verified webhook.
pub struct WebhookMessage {
    /// The payment system's id of the message. It is recorded, so that a repeated message is
    /// recognized.
    pub id: String,
    /// What the message reports; empty if it does not concern this server.
    pub events: Vec<WebhookEvent>,
}

/// A refund that was made in the payment system's dashboard.
#[derive(Debug, Clone)]
pub struct DashboardRefund {
    /// The payment system's id of the refund.
    pub reference: String,
    /// The amount; `None` if it cannot be read.
    pub money: Option<Money>,
    /// The state of the refund.
    pub outcome: RefundOutcome,
}

/// Money that the payment system took back without a dispute.
#[derive(Debug, Clone)]
pub struct Reversal {
    /// The payment system's id of the reversal. A reversal that is reported again has the same id.
    pub reference: String,
    /// The amount; the whole payment if absent.
    pub money: Option<Money>,
}

/// A payment system's state of a dispute.
#[derive(Debug, Clone)]
pub struct DisputeUpdate {
    /// The payment system's id of the dispute.
    pub reference: String,
    /// The status.
    pub status: DisputeStatus,
    /// The disputed amount; the whole payment if absent.
    pub money: Option<Money>,
    /// The reason, in the payment system's words.
    pub reason: Option<String>,
    /// Until when the project can respond, in milliseconds since 1970-01-01 UTC.
    pub respond_by: Option<i64>,
}

/// What a webhook reports.
pub enum WebhookEvent {
    /// The state of a payment.
    Payment(PaymentId, PaymentUpdate),
    /// The state of a refund of ours.
    Refund(RefundId, RefundOutcome),
    /// The state of a refund that this server did not request.
    DashboardRefund(PaymentKey, DashboardRefund),
    /// The state of a dispute.
    Dispute(PaymentKey, DisputeUpdate),
    /// The payment system took money back without a dispute, or ended a payment for good: a success
    /// that it reports later is older.
    Reversal(PaymentKey, Reversal),
    /// A payment changed. If it is not final, its state is to be fetched from the payment system.
    Refetch(PaymentId),
}

impl WebhookEvent {
    /// The payment or the refund that it is about.
    pub fn subject(&self) -> Subject {
        match self {
            Self::Payment(id, _) | Self::Refetch(id) => {
                Subject::Payment(PaymentKey::Ours(id.clone()))
            }
            Self::Refund(id, _) => Subject::Refund(id.clone()),
            Self::DashboardRefund(key, _) | Self::Dispute(key, _) | Self::Reversal(key, _) => {
                Subject::Payment(key.clone())
            }
        }
    }
}
