//! Events with their delivery attempts.

use crate::clock::rfc3339;
use crate::store::event_attempts::Attempt;
use crate::store::event_resends::ResentRow;
use crate::store::events::EventRow;
use serde::Serialize;
use till_shared::event::{DeliveryAttempt, EventType, SentEvent};
use till_shared::id::{EventId, InvoiceId};
use utoipa::ToSchema;

/// An event that is being resent.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResentEvent {
    /// The event.
    #[serde(flatten)]
    pub event: SentEvent,
    /// The ids of all events that are being sent, in order: the earlier events of the same invoice
    /// that waited, then this one.
    pub sending: Vec<EventId>,
}

/// Events that are being resent.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResentEvents {
    /// All events that are being sent, oldest first: those that were selected, and earlier events of
    /// their invoices that waited.
    pub data: Vec<SendingEvent>,
    /// The id of the last event that was selected, if there are more. Send it as `after` to resend
    /// the next ones.
    #[schema(required)]
    pub next_cursor: Option<EventId>,
}

/// An event that is being sent. `GET /v1/events/{id}` has its data and attempts.
#[derive(Debug, Serialize, ToSchema)]
pub struct SendingEvent {
    /// The event's id.
    pub id: EventId,
    /// Always `event`.
    #[schema(pattern = "^event$")]
    pub object: &'static str,
    /// The event's type.
    pub r#type: EventType,
    /// The invoice; null for `ping`.
    #[schema(required)]
    pub invoice: Option<InvoiceId>,
    /// The position among the events of the invoice.
    #[schema(minimum = 0)]
    pub sequence: i64,
    /// When the event was created, RFC 3339 UTC.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// An event that is being sent.
pub fn sending_event(row: ResentRow) -> SendingEvent {
    SendingEvent {
        id: row.id,
        object: "event",
        r#type: row.kind,
        invoice: row.invoice,
        sequence: row.sequence,
        created_at: rfc3339(row.created_at),
    }
}

/// An event with its delivery state.
///
/// # Errors
/// When the stored body is not an event.
pub fn event(row: &EventRow, attempts: Vec<Attempt>) -> serde_json::Result<SentEvent> {
    Ok(SentEvent {
        event: serde_json::from_str(&row.body)?,
        object: "event".into(),
        state: row.state,
        attempts: attempts.into_iter().map(attempt).collect(),
        next_attempt_at: row.next_attempt_at.map(rfc3339),
        delivered_at: row.delivered_at.map(rfc3339),
        data_removed_at: row.data_removed_at.map(rfc3339),
    })
}

fn attempt(row: Attempt) -> DeliveryAttempt {
    DeliveryAttempt {
        at: rfc3339(row.at),
        status: row.status.and_then(|status| u16::try_from(status).ok()),
        duration_ms: row.duration_ms,
        error: row.error,
        response: row.answer,
    }
}
