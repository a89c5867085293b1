//! What a project can do about its callbacks: ask for a test, and have one sent again.

use super::{App, Error, Result};
use crate::store::events::{self, EventRow, NewEvent};
use crate::store::projects::Project;
use crate::{clock, new_id};
use till_shared::event::{Event, EventData, EventType};
use till_shared::id::EventId;
use till_shared::problem::FieldError;

/// Sends a `ping` to the project's endpoint.
///
/// # Errors
/// When the project has no endpoint.
pub async fn ping(app: &App, project: &Project) -> Result<EventRow> {
    if project.settings.notify_url.is_none() {
        return Err(Error::fields(vec![FieldError::new(
            "notify_url",
            "required",
            "the project has none: there is nobody to send it to",
        )]));
    }
    let now = clock::now_ms();
    let id = EventId::from_unique(new_id::unique());
    let event = Event {
        id: id.clone(),
        r#type: EventType::Ping,
        sequence: 0,
        created_at: clock::rfc3339(now),
        project: project.id.clone(),
        data: EventData::default(),
    };
    let body = serde_json::to_string(&event).map_err(anyhow::Error::from)?;
    let new = NewEvent {
        id: &id,
        project: &project.id,
        invoice: None,
        sequence: 0,
        kind: EventType::Ping,
        body: &body,
        about: &format!("ping {id}"),
        now,
    };
    let mut tx = app.store.begin().await?;
    events::insert(&mut tx, &new).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.outbox.wake.notify_one();
    event_of(app, project, &id).await
}

/// Sends a callback again now, and from then on by the schedule, whatever became of it before.
///
/// # Errors
/// When there is no such event.
pub async fn resend(app: &App, project: &Project, id: &EventId) -> Result<EventRow> {
    app.store
        .resend_event(&project.id, id, clock::now_ms())
        .await?;
    app.outbox.wake.notify_one();
    event_of(app, project, id).await
}

/// A project's event.
///
/// # Errors
/// When there is none of this id.
pub async fn event_of(app: &App, project: &Project, id: &EventId) -> Result<EventRow> {
    let event = app.store.event(&project.id, id).await?;
    event.ok_or_else(|| Error::not_found("event"))
}
