//! Events: read, sent again, and tried out by a project.

use super::error::{Error, Result};
use super::page::{Limit, Page};
use crate::app::App;
use crate::store::event_attempts::Attempt;
use crate::store::event_resends::{self, ResentRow};
use crate::store::events::{self, EventRow, NewEvent};
use crate::store::projects::{self, Project};
use crate::store::{StoreError, Tx};
use crate::{clock, new_id, views};
use std::collections::HashMap;
use till_shared::event::{DeliveryState, Event, EventData, EventType, SentEvent};
use till_shared::id::EventId;

/// An event that is being resent, and all that are sent with it.
pub type ResentEvent = views::ResentEvent;
/// Events that are being resent.
pub type ResentEvents = views::ResentEvents;

/// The maximum number of events that one call selects to resend.
const RESEND_LIMIT: usize = 1000;

/// A point in the order of events, from which a list or a resending begins.
pub type After = events::After;
/// Selects events of a list.
pub type EventFilter = events::EventFilter;
/// Selects events to resend.
pub type Selection = event_resends::ResendFilter;

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
    let rows = app
        .store
        .list_events(&project.id, &filter, limit.rows())
        .await?;
    let page = Page::new(rows, limit, |row| row.id.to_string());
    let ids: Vec<_> = page.data.iter().map(|row| &row.id).collect();
    let mut attempts: HashMap<EventId, Vec<Attempt>> = HashMap::new();
    for (event, attempt) in app.store.attempts_of_all(&ids).await? {
        attempts.entry(event).or_default().push(attempt);
    }
    let view = |row: &EventRow| {
        let attempts = attempts.remove(&row.id).unwrap_or_default();
        Ok(views::event(row, attempts).map_err(anyhow::Error::from)?)
    };
    let data = page.data.iter().map(view).collect::<Result<_>>()?;
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
/// `invalid-request` that names `notify_url` if the project has no endpoint.
pub async fn ping(app: &App, project: &Project) -> Result<SentEvent> {
    check_endpoint(project)?;
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
        id: id.clone(),
        project: project.id.clone(),
        project_version: project.version,
        invoice: None,
        sequence: 0,
        kind: EventType::Ping,
        body: body.clone(),
        about: format!("ping {id}"),
        now,
        due: true,
    };
    app.new_events.insert(new).await?;
    let row = EventRow {
        id,
        body,
        state: DeliveryState::Pending,
        next_attempt_at: Some(now),
        delivered_at: None,
        data_removed_at: None,
    };
    Ok(views::event(&row, vec![]).map_err(anyhow::Error::from)?)
}

/// Sends an event again now, delivered or not, after the earlier events of its invoice that wait.
/// Their retry schedules start over.
///
/// # Errors
/// `not-found` if the project has no such event; `invalid-request` that names `event` if its data were
/// removed, or `notify_url` if the project has no endpoint.
pub async fn resend(app: &App, project: &Project, id: &EventId) -> Result<ResentEvent> {
    let event = get(app, project, id).await?;
    if event.data_removed_at.is_some() {
        let message = "the event's data were removed: it can no longer be sent";
        return Err(Error::field("event", "data_removed", message));
    }
    let mut tx = begin_sending(app, project).await?;
    let now = clock::now_ms();
    let rows = event_resends::resend_one(&mut tx, &project.id, id, now).await?;
    tx.commit().await.map_err(StoreError::from)?;
    Ok(ResentEvent {
        event: get(app, project, id).await?,
        sending: rows.into_iter().map(|row| row.id).collect(),
    })
}

/// Sends all selected events again now, up to [`RESEND_LIMIT`], the oldest first; and before them
/// the earlier events of their invoices that wait. Their retry schedules start over.
///
/// # Errors
/// `invalid-request` that names `notify_url` if the project has no endpoint.
pub async fn resend_all(app: &App, project: &Project, filter: Selection) -> Result<ResentEvents> {
    let mut tx = begin_sending(app, project).await?;
    let limit = i64::try_from(RESEND_LIMIT + 1).unwrap_or(i64::MAX);
    let mut selected = event_resends::select(&mut tx, &project.id, &filter, limit).await?;
    let has_more = selected.len() > RESEND_LIMIT;
    selected.truncate(RESEND_LIMIT);
    let rows: Vec<ResentRow> = match selected.last() {
        Some(last) => {
            let now = clock::now_ms();
            event_resends::resend_selected(&mut tx, &project.id, &filter, last, now).await?
        }
        None => vec![],
    };
    tx.commit().await.map_err(StoreError::from)?;
    Ok(ResentEvents {
        data: rows.into_iter().map(views::sending_event).collect(),
        next_cursor: selected.pop().filter(|_| has_more),
    })
}

/// Begins a transaction with the project locked, if it has an endpoint.
async fn begin_sending(app: &App, project: &Project) -> Result<Tx> {
    let mut tx = app.store.begin().await?;
    let project = projects::lock(&mut tx, &project.id).await?;
    let project = project.ok_or_else(|| Error::not_found("project"))?;
    check_endpoint(&project)?;
    Ok(tx)
}

fn check_endpoint(project: &Project) -> Result<()> {
    if project.settings.notify_url.is_none() {
        let message = "the project has no notify_url to send to";
        return Err(Error::field("notify_url", "required", message));
    }
    if project.notify_off.is_some() {
        let message = "the endpoint is turned off because it answered 410: set notify_url again";
        return Err(Error::field("notify_url", "off", message));
    }
    Ok(())
}

async fn view(app: &App, row: &EventRow) -> Result<SentEvent> {
    let attempts = app.store.attempts_of(&row.id).await?;
    Ok(views::event(row, attempts).map_err(anyhow::Error::from)?)
}
