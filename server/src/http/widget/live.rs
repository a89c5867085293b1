//! Server-sent events (WHATWG HTML section 9.2) with the state of an invoice: on subscription and on
//! every change.

use crate::app::{App, Subscription};
use crate::flow::projects::Project;
use crate::flow::{Error, widget};
use crate::http::middleware::limits::{self, StreamPermit};
use crate::telemetry::OpenGuard;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use till_shared::id::InvoiceId;

/// How often a comment is sent, so that proxies keep an idle connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Subscriber {
    app: Arc<App>,
    project: Arc<Project>,
    invoice: InvoiceId,
    subscription: Subscription,
    /// The version the client has. The id of an event is the version of the invoice in it.
    seen: Option<i64>,
    first: bool,
    _permit: StreamPermit,
    _gauge: OpenGuard,
}

/// Streams the events of an invoice after `Last-Event-ID`.
///
/// # Errors
/// `unavailable` at the limit of streams.
pub fn events(
    app: Arc<App>,
    project: Arc<Project>,
    invoice: InvoiceId,
    headers: &HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>> + use<>>, Error> {
    let permit = limits::subscribe(&app, &invoice)?;
    let last = headers.get("last-event-id").and_then(|v| v.to_str().ok());
    let subscriber = Subscriber {
        subscription: app.subscriptions.subscribe(&invoice),
        _gauge: app.metrics.subscriber(),
        app,
        project,
        invoice,
        seen: last.and_then(|id| id.trim().parse().ok()),
        first: true,
        _permit: permit,
    };
    let stream = futures::stream::unfold(subscriber, |mut subscriber| async move {
        let event = subscriber.next().await?;
        Some((Ok(event), subscriber))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Subscriber {
    /// The next event. `None` ends the stream; the client reconnects with `Last-Event-ID`.
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

    /// Waits until the invoice may have changed. `false` when the server shuts down.
    async fn changed(&mut self) -> bool {
        tokio::select! {
            () = self.subscription.changed() => true,
            () = self.app.shutdown.cancelled() => false,
        }
    }

    async fn read(&mut self) -> anyhow::Result<Option<Event>> {
        let changed =
            widget::state_if_changed(&self.app, &self.project, &self.invoice, self.seen).await?;
        let Some((version, state)) = changed else {
            return Ok(None);
        };
        self.seen = Some(version);
        let event = Event::default()
            .event("state")
            .id(version.to_string())
            .json_data(state)?;
        Ok(Some(event))
    }
}
