//! Callbacks to the project: the bodies of Standard Webhooks requests. Fields are never removed.

use crate::dispute::Dispute;
use crate::id::{EventId, ProjectId};
use crate::invoice::Invoice;
#[cfg(feature = "openapi")]
use crate::money::Currency;
use crate::payment::Payment;
use crate::refund::Refund;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The type of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
pub enum EventType {
    /// Asks the project to confirm the order before the payment.
    #[serde(rename = "order.check")]
    #[strum(serialize = "order.check")]
    OrderCheck,
    /// The invoice is paid.
    #[serde(rename = "invoice.paid")]
    #[strum(serialize = "invoice.paid")]
    InvoicePaid,
    /// A payment succeeded.
    #[serde(rename = "payment.succeeded")]
    #[strum(serialize = "payment.succeeded")]
    PaymentSucceeded,
    /// A payment was declined.
    #[serde(rename = "payment.declined")]
    #[strum(serialize = "payment.declined")]
    PaymentDeclined,
    /// A payment failed. No money was taken.
    #[serde(rename = "payment.failed")]
    #[strum(serialize = "payment.failed")]
    PaymentFailed,
    /// A second successful payment of the same invoice was refunded.
    #[serde(rename = "payment.duplicate_refunded")]
    #[strum(serialize = "payment.duplicate_refunded")]
    PaymentDuplicateRefunded,
    /// The payment system took a payment back without a dispute.
    #[serde(rename = "payment.reversed")]
    #[strum(serialize = "payment.reversed")]
    PaymentReversed,
    /// The invoice expired unpaid.
    #[serde(rename = "invoice.expired")]
    #[strum(serialize = "invoice.expired")]
    InvoiceExpired,
    /// The invoice was canceled.
    #[serde(rename = "invoice.canceled")]
    #[strum(serialize = "invoice.canceled")]
    InvoiceCanceled,
    /// A refund succeeded.
    #[serde(rename = "refund.succeeded")]
    #[strum(serialize = "refund.succeeded")]
    RefundSucceeded,
    /// A refund failed, or its money came back.
    #[serde(rename = "refund.failed")]
    #[strum(serialize = "refund.failed")]
    RefundFailed,
    /// The buyer's bank disputes a payment.
    #[serde(rename = "dispute.opened")]
    #[strum(serialize = "dispute.opened")]
    DisputeOpened,
    /// A dispute changed.
    #[serde(rename = "dispute.updated")]
    #[strum(serialize = "dispute.updated")]
    DisputeUpdated,
    /// A dispute is decided.
    #[serde(rename = "dispute.closed")]
    #[strum(serialize = "dispute.closed")]
    DisputeClosed,
    /// A test of the callback endpoint.
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
    /// The event's id, sent as the `webhook-id` header.
    pub id: EventId,
    /// The event's type.
    pub r#type: EventType,
    /// The position among the events of the invoice, starting at 1. 0 for `order.check` and `ping`.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub sequence: i64,
    /// When the event was created, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub created_at: String,
    /// The project that receives it.
    pub project: ProjectId,
    /// The objects that the event is about.
    pub data: EventData,
}

/// The objects of an event, as they were when the event was created.
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
    /// The dispute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<Dispute>,
}

/// The delivery state of a callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DeliveryState {
    /// Not delivered yet; another attempt follows.
    Pending,
    /// The project acknowledged it.
    Delivered,
    /// All attempts failed. It can be resent.
    Failed,
    /// There was no endpoint, or it was turned off. It can be resent.
    Unsent,
}

impl DeliveryState {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A callback with its delivery attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SentEvent {
    /// The body, as sent.
    #[serde(flatten)]
    pub event: Event,
    /// Always `event`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^event$"))]
    pub object: String,
    /// The delivery state.
    pub state: DeliveryState,
    /// Every delivery attempt, oldest first.
    pub attempts: Vec<DeliveryAttempt>,
    /// When the next attempt is due, RFC 3339 UTC. `null` for a pending event that waits for an earlier one
    /// of its invoice.
    #[cfg_attr(feature = "openapi", schema(required, format = DateTime))]
    pub next_attempt_at: Option<String>,
    /// When it was first delivered, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(required, format = DateTime))]
    pub delivered_at: Option<String>,
    /// When the data were removed, RFC 3339 UTC: the event was older than its retention, or its buyer was
    /// forgotten. `data` is empty then, and the event can no longer be resent. Absent otherwise.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_removed_at: Option<String>,
}

/// An attempt to deliver a callback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryAttempt {
    /// When the attempt started, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub at: String,
    /// The HTTP status of the response, if there was one.
    #[cfg_attr(feature = "openapi", schema(required, minimum = 100, maximum = 999))]
    pub status: Option<u16>,
    /// The duration in milliseconds.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub duration_ms: i64,
    /// Why there was no response.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub error: Option<String>,
    /// The first 1 KiB of the response body.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub response: Option<String>,
}

/// The project's response to an order check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OrderCheckAnswer {
    /// Whether the project accepts the order.
    pub accept: bool,
    /// Why the order was rejected. Shown to the buyer.
    #[serde(default)]
    pub reason: Option<String>,
    /// The amount that the project expects, in minor units. Required for an order from a browser: an
    /// unsigned form or a page's order.
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 1, maximum = 999_999_999_999_i64)
    )]
    #[serde(default)]
    pub amount: Option<i64>,
    /// The currency that the project expects. Required where `amount` is.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<Currency>))]
    #[serde(default)]
    pub currency: Option<String>,
}
