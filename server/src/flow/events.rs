//! Events: read, sent again, and tried out by a project.

use super::error::{Error, Result};
use super::page::{Limit, Page};
use crate::app::App;
use crate::store::events::{self, EventRow, NewEvent};
use crate::store::projects::Project;
use crate::{clock, new_id, views};
use till_shared::event::{Event, EventData, EventType, SentEvent};
use till_shared::id::EventId;

/// Narrows a list of events.
#[derive(Debug, Default)]
pub struct EventFilter {
    /// Only events of this type.
    pub kind: Option<EventType>,
    /// Only events written after this one.
    pub after: Option<EventId>,
    /// Only events written after this time (milliseconds).
    pub after_time: Option<i64>,
    /// Only events older than this one.
    pub before: Option<EventId>,
}

/// A page of a project's events, the newest first.
///
/// # Errors
/// When the store fails.
pub async fn list(
    app: &App,
    project: &Project,
    filter: EventFilter,
    limit: Limit,
) -> Result<Page<SentEvent>> {
    let filter = events::EventFilter {
        kind: filter.kind,
        after: filter.after,
        after_time: filter.after_time,
        before: filter.before,
        limit: limit.rows(),
    };
    let rows = app.store.list_events(&project.id, &filter).await?;
    let page = Page::new(rows, limit, |row| row.id.to_string());
    let mut data = Vec::with_capacity(page.data.len());
    for row in &page.data {
        data.push(view(app, row).await?);
    }
    Ok(page.with_data(data))
}

/// A project's event, with its delivery attempts.
///
/// # Errors
/// `not-found` if the project has no such event.
pub async fn get(app: &App, project: &Project, id: &EventId) -> Result<SentEvent> {
    let row = app.store.event(&project.id, id).await?;
    let row = row.ok_or_else(|| Error::not_found("event"))?;
    view(app, &row).await
}

/// Sends a `ping` to the project's endpoint.
///
/// # Errors
/// When the project has no endpoint.
pub async fn ping(app: &App, project: &Project) -> Result<SentEvent> {
    if project.settings.notify_url.is_none() {
        let message = "the project has no notify_url to send it to";
        return Err(Error::field("notify_url", "required", message));
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
    get(app, project, &id).await
}

/// Sends an event again now, delivered or not. If delivery fails, the retry schedule starts over.
///
/// # Errors
/// `not-found` if the project has no such event.
pub async fn resend(app: &App, project: &Project, id: &EventId) -> Result<SentEvent> {
    app.store
        .resend_event(&project.id, id, clock::now_ms())
        .await?;
    app.outbox.wake.notify_one();
    get(app, project, id).await
}

async fn view(app: &App, row: &EventRow) -> Result<SentEvent> {
    let attempts = app.store.attempts_of(&row.id).await?;
    Ok(views::event(row, attempts).map_err(anyhow::Error::from)?)
}
