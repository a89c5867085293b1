//! Events with their delivery attempts.

use crate::clock::rfc3339;
use crate::store::event_attempts::Attempt;
use crate::store::events::EventRow;
use till_shared::event::{DeliveryAttempt, SentEvent};

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
