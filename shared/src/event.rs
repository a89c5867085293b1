//! Callbacks to the project: Standard Webhooks bodies. A contract: a field never leaves it.

use crate::id::{EventId, ProjectId};
use crate::invoice::Invoice;
use crate::payment::Payment;
use crate::refund::Refund;
use crate::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// What a callback tells.
    pub enum EventType ("event type") {
        /// The question before money moves.
        OrderCheck = "order.check",
        /// The invoice is paid.
        InvoicePaid = "invoice.paid",
        /// A payment took the money.
        PaymentSucceeded = "payment.succeeded",
        /// A payment was declined.
        PaymentDeclined = "payment.declined",
        /// A payment could not be carried out.
        PaymentFailed = "payment.failed",
        /// A second success on one invoice was given back.
        PaymentDuplicateRefunded = "payment.duplicate_refunded",
        /// The invoice was not paid in time.
        InvoiceExpired = "invoice.expired",
        /// The invoice was called off.
        InvoiceCanceled = "invoice.canceled",
        /// A refund was carried out.
        RefundSucceeded = "refund.succeeded",
        /// A refund was refused.
        RefundFailed = "refund.failed",
        /// A test of the endpoint.
        Ping = "ping",
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

text_enum! {
    /// What became of a callback so far.
    pub enum DeliveryState ("delivery state") {
        /// It is on its way, or will be tried again.
        Pending = "pending",
        /// The project took it.
        Delivered = "delivered",
        /// Given up; it can be resent.
        Failed = "failed",
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
