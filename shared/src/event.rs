//! Callbacks to the project: Standard Webhooks bodies. A contract: a field never leaves it.

use crate::id::{EventId, ProjectId};
use crate::invoice::Invoice;
use crate::payment::Payment;
use crate::refund::Refund;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// What a callback tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
pub enum EventType {
    /// The question before money moves.
    #[serde(rename = "order.check")]
    #[strum(serialize = "order.check")]
    OrderCheck,
    /// The invoice is paid.
    #[serde(rename = "invoice.paid")]
    #[strum(serialize = "invoice.paid")]
    InvoicePaid,
    /// A payment took the money.
    #[serde(rename = "payment.succeeded")]
    #[strum(serialize = "payment.succeeded")]
    PaymentSucceeded,
    /// A payment was declined.
    #[serde(rename = "payment.declined")]
    #[strum(serialize = "payment.declined")]
    PaymentDeclined,
    /// A payment could not be carried out.
    #[serde(rename = "payment.failed")]
    #[strum(serialize = "payment.failed")]
    PaymentFailed,
    /// A second success on one invoice was given back.
    #[serde(rename = "payment.duplicate_refunded")]
    #[strum(serialize = "payment.duplicate_refunded")]
    PaymentDuplicateRefunded,
    /// The invoice was not paid in time.
    #[serde(rename = "invoice.expired")]
    #[strum(serialize = "invoice.expired")]
    InvoiceExpired,
    /// The invoice was called off.
    #[serde(rename = "invoice.canceled")]
    #[strum(serialize = "invoice.canceled")]
    InvoiceCanceled,
    /// A refund was carried out.
    #[serde(rename = "refund.succeeded")]
    #[strum(serialize = "refund.succeeded")]
    RefundSucceeded,
    /// A refund was refused.
    #[serde(rename = "refund.failed")]
    #[strum(serialize = "refund.failed")]
    RefundFailed,
    /// A test of the endpoint.
    #[serde(rename = "ping")]
    #[strum(serialize = "ping")]
    Ping,
}

impl EventType {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The body of a callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Event {
    /// Its id, `webhook-id` in the headers.
    pub id: EventId,
    /// What it tells.
    pub r#type: EventType,
    /// Counts up by one per invoice, from 1. 0 where no order is kept (order check, ping).
    pub sequence: i64,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// The project it is for.
    pub project: ProjectId,
    /// What it is about.
    pub data: EventData,
}

/// What an event is about, as it stood when the event was written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventData {
    /// The invoice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<Invoice>,
    /// The payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<Payment>,
    /// The refund.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund: Option<Refund>,
}

/// What became of a callback so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DeliveryState {
    /// It is on its way, or will be tried again.
    Pending,
    /// The project took it.
    Delivered,
    /// Given up; it can be resent.
    Failed,
}

impl DeliveryState {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A callback and what became of it, for the project to look up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SentEvent {
    /// The body, as it is sent.
    #[serde(flatten)]
    pub event: Event,
    /// Always `event`.
    pub object: String,
    /// What became of it.
    pub state: DeliveryState,
    /// Every attempt, the first one first.
    pub attempts: Vec<DeliveryAttempt>,
    /// When it is tried next, RFC 3339 UTC.
    pub next_attempt_at: Option<String>,
    /// When it was first delivered, RFC 3339 UTC.
    pub delivered_at: Option<String>,
}

/// One attempt to deliver a callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryAttempt {
    /// RFC 3339 UTC.
    pub at: String,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// Why there was no answer.
    pub error: Option<String>,
    /// The first 1 KiB of the answer.
    pub response: Option<String>,
}

/// The project's answer to an order check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderCheckAnswer {
    /// Whether the order is as it should be.
    pub accept: bool,
    /// Why not; the buyer sees it.
    #[serde(default)]
    pub reason: Option<String>,
    /// What the project thinks it costs, in minor units.
    #[serde(default)]
    pub amount: Option<i64>,
    /// What the project thinks it costs it in.
    #[serde(default)]
    pub currency: Option<String>,
}
