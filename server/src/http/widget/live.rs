//! Server-sent events (WHATWG HTML section 9.2) with how an invoice stands: at once, and on every
//! change.

use crate::flow::{App, Error, view};
use crate::http::middleware::limits;
use crate::store::projects::Project;
use crate::telemetry::Watcher;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use till_shared::id::InvoiceId;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// How often the store is read though nobody told of a change: another server may have made one.
const RE_READ: Duration = Duration::from_secs(3);
/// How often a comment keeps the connection from being taken for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Watch {
    app: Arc<App>,
    project: Project,
    invoice: InvoiceId,
    changes: Receiver<InvoiceId>,
    /// The version the caller has. An event's id is the version it shows.
    seen: Option<i64>,
    first: bool,
    _place: OwnedSemaphorePermit,
    _counted: Watcher,
}

/// The events of an invoice from the one after `Last-Event-ID`.
///
/// # Errors
/// `unavailable` when too many watch already.
pub fn events(
    app: Arc<App>,
    project: Project,
    invoice: InvoiceId,
    headers: &HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Error> {
    let place = limits::watch(&app)?;
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let watch = Watch {
        changes: app.live.subscribe(),
        _counted: app.metrics.watcher(),
        app,
        project,
        invoice,
        seen: last.and_then(|id| id.trim().parse().ok()),
        first: true,
        _place: place,
    };
    let stream = futures::stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Watch {
    /// The next event; `None` ends the stream, and the caller comes back with `Last-Event-ID`.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if !std::mem::take(&mut self.first) && !self.changed().await {
                return None;
            }
            match self.read().await {
                Ok(Some(event)) => return Some(event),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(invoice = %self.invoice, project = %self.project.id, %error, "live events ended");
                    return None;
                }
            }
        }
    }

    /// Waits for a reason to look. `false` when the server shuts down.
    async fn changed(&mut self) -> bool {
        let told = async {
            loop {
                match self.changes.recv().await {
                    Ok(id) if id != self.invoice => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => return true,
                    Err(RecvError::Closed) => return false,
                }
            }
        };
        tokio::select! {
            told = told => told,
            () = tokio::time::sleep(RE_READ) => true,
            () = self.app.shutdown.cancelled() => false,
        }
    }

    async fn read(&mut self) -> anyhow::Result<Option<Event>> {
        let Some(row) = self.app.store.invoice(&self.invoice).await? else {
            return Ok(None);
        };
        if self.seen == Some(row.version) {
            return Ok(None);
        }
        let payments = self.app.store.payments_of(&self.invoice).await?;
        let state = view::widget_state(&self.project, &row, &payments);
        self.seen = Some(row.version);
        let event = Event::default()
            .event("state")
            .id(row.version.to_string())
            .json_data(state)?;
        Ok(Some(event))
    }
}
