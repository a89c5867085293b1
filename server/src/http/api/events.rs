//! Callbacks: list, read, resend, ping.

use crate::app::App;
use crate::flow::Result;
use crate::flow::events::{self, EventFilter};
use crate::flow::page::{Limit, Page};
use crate::http::middleware::auth::Secret;
use crate::http::middleware::extract::{Query, id, parsed};
use crate::http::openapi::problems;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use till_shared::event::SentEvent;
use till_shared::id::EventId;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(resend))
        .routes(routes!(ping))
}

/// Filters for the list of events.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventQuery {
    /// Only events of this type, for example `invoice.paid`.
    r#type: Option<String>,
    /// Only events after this one (an event id) or after this time (RFC 3339).
    after: Option<String>,
    /// The `next_cursor` of the previous page.
    cursor: Option<String>,
    /// From 1 to 100. Default: 20.
    limit: Option<i64>,
}

problems!(ListProblems: InvalidRequest, Unauthorized);

/// List events, newest first
#[utoipa::path(get, path = "/v1/events", tag = "events", security(("secret_key" = [])),
    params(EventQuery),
    responses((status = 200, body = Page<SentEvent>, description = "A page of events"), ListProblems))]
async fn list(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
    Query(query): Query<EventQuery>,
) -> Result<Json<Page<SentEvent>>> {
    let limit = Limit::new(query.limit)?;
    let after = query.after.as_deref();
    let by_id = after.filter(|text| text.starts_with(EventId::PREFIX));
    let by_time = after.filter(|_| by_id.is_none());
    let time: Option<jiff::Timestamp> = parsed("after", by_time)?;
    let filter = EventFilter {
        kind: parsed("type", query.r#type.as_deref())?,
        after: parsed("after", by_id)?,
        after_time: time.map(|time| time.as_millisecond()),
        before: parsed("cursor", query.cursor.as_deref())?,
    };
    Ok(Json(events::list(&app, &project, filter, limit).await?))
}

problems!(ReadProblems: Unauthorized, NotFound);

/// Retrieve an event with its delivery attempts
#[utoipa::path(get, path = "/v1/events/{event}", tag = "events", security(("secret_key" = [])),
    params(("event" = EventId, Path)),
    responses((status = 200, body = SentEvent, description = "The event"), ReadProblems))]
async fn read(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
    Path(event): Path<String>,
) -> Result<Json<SentEvent>> {
    let event = events::get(&app, &project, &id(&event, "event")?).await?;
    Ok(Json(event))
}

/// Resend an event
///
/// Sends the event now, whether it was delivered or not. If delivery fails, the retry schedule starts over.
#[utoipa::path(post, path = "/v1/events/{event}/resend", tag = "events",
    security(("secret_key" = [])), params(("event" = EventId, Path)),
    responses((status = 202, body = SentEvent, description = "The event is being sent"), ReadProblems))]
async fn resend(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
    Path(event): Path<String>,
) -> Result<(StatusCode, Json<SentEvent>)> {
    let event = events::resend(&app, &project, &id(&event, "event")?).await?;
    Ok((StatusCode::ACCEPTED, Json(event)))
}

problems!(PingProblems: InvalidRequest, Unauthorized);

/// Send a `ping` to the project's `notify_url`
#[utoipa::path(post, path = "/v1/events/ping", tag = "events", security(("secret_key" = [])),
    responses((status = 202, body = SentEvent, description = "The event is being sent"), PingProblems))]
async fn ping(
    State(app): State<Arc<App>>,
    Secret(project): Secret,
) -> Result<(StatusCode, Json<SentEvent>)> {
    let event = events::ping(&app, &project).await?;
    Ok((StatusCode::ACCEPTED, Json(event)))
}
