//! Callbacks: list, read, resend, ping.

use crate::app::App;
use crate::flow::events::{self, After, EventFilter, ResentEvent, ResentEvents, Selection};
use crate::flow::page::{Limit, Page};
use crate::flow::{Error, Result};
use crate::http::middleware::auth::{Read, Secret, Write};
use crate::http::middleware::extract::{JsonBody, Path, Query, id, one_of, parsed, time};
use crate::http::openapi::{EmailFilter, EventOrTime, OrderIdFilter, TimeOrDate, problems};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use std::sync::Arc;
use till_shared::event::{DeliveryState, EventType, SentEvent};
use till_shared::id::{EventId, InvoiceId};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read))
        .routes(routes!(resend))
        .routes(routes!(resend_all))
        .routes(routes!(ping))
}

/// Filters for the list of events.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EventQuery {
    /// Only events of this type, for example `invoice.paid`.
    #[param(value_type = Option<EventType>)]
    r#type: Option<String>,
    /// Only events in this state: `pending`, `delivered`, `failed` or `unsent` (there was no
    /// endpoint, or it was turned off).
    #[param(value_type = Option<DeliveryState>)]
    state: Option<String>,
    /// Only events of this invoice.
    #[param(value_type = Option<InvoiceId>)]
    invoice: Option<String>,
    /// Only events of this order.
    #[param(value_type = Option<OrderIdFilter>, inline)]
    order_id: Option<String>,
    /// Only events of the buyer with this email address.
    #[param(value_type = Option<EmailFilter>, inline)]
    email: Option<String>,
    /// Only events after this one (an event id), or after this time (RFC 3339, or a date: its start
    /// in UTC).
    #[param(value_type = Option<EventOrTime>, inline)]
    after: Option<String>,
    /// Only events created after this time (RFC 3339), or after the beginning of this day in UTC: as
    /// `after`.
    #[param(value_type = Option<TimeOrDate>, inline)]
    created_after: Option<String>,
    /// Only events created before this time (RFC 3339), or before the beginning of this day in UTC.
    #[param(value_type = Option<TimeOrDate>, inline)]
    created_before: Option<String>,
    /// The `next_cursor` of the previous page.
    #[param(value_type = Option<EventId>)]
    cursor: Option<String>,
    /// The number of objects on a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<i64>,
}

problems!(ListProblems: InvalidRequest, Unauthorized, Forbidden);

/// List events, newest first
///
/// Callbacks that were written for the project, with their delivery attempts. The filters are
/// combined.
#[utoipa::path(get, path = "/v1/events", operation_id = "listEvents",
    tag = "events", security(("secret_key" = ["read"])),
    params(EventQuery),
    responses((status = 200, body = Page<SentEvent>,
            description = "A page of events"), ListProblems))]
async fn list(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Read>,
    Query(query): Query<EventQuery>,
) -> Result<Json<Page<SentEvent>>> {
    let limit = Limit::new(query.limit)?;
    let mut after = after(query.after.as_deref())?;
    let created_after = time("created_after", query.created_after.as_deref())?;
    after.time = after.time.max(created_after);
    let filter = EventFilter {
        kind: one_of("type", query.r#type.as_deref())?,
        state: one_of("state", query.state.as_deref())?,
        invoice: parsed("invoice", query.invoice.as_deref())?,
        order_id: query.order_id,
        email: query.email,
        after,
        created_before: time("created_before", query.created_before.as_deref())?,
        before: parsed("cursor", query.cursor.as_deref())?,
    };
    Ok(Json(events::list(&app, &project, filter, limit).await?))
}

/// Parses `after`: an event's id, a time, or a date.
fn after(text: Option<&str>) -> Result<After> {
    let Some(text) = text else {
        return Ok(After::default());
    };
    if text.starts_with(EventId::PREFIX) {
        return Ok(After {
            event: parsed("after", Some(text))?,
            time: None,
        });
    }
    Ok(After {
        event: None,
        time: time("after", Some(text))?,
    })
}

problems!(ReadProblems: Unauthorized, Forbidden, NotFound);

/// Retrieve an event with its delivery attempts
///
/// The body as it is sent, the delivery state, and every attempt with the first 1 KiB of the
/// response. `data` and the attempts are removed after their retention: `data` is then empty, and
/// `data_removed_at` is set.
#[utoipa::path(get, path = "/v1/events/{event}", operation_id = "getEvent",
    tag = "events", security(("secret_key" = ["read"])),
    params(("event" = EventId, Path, description = "The event's id")),
    responses((status = 200, body = SentEvent, description = "The event"), ReadProblems))]
async fn read(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Read>,
    Path(event): Path<String>,
) -> Result<Json<SentEvent>> {
    let event = events::get(&app, &project, &id(&event, "event")?).await?;
    Ok(Json(event))
}

problems!(ResendProblems: InvalidRequest, Unauthorized, Forbidden, NotFound);

/// Resend an event
///
/// Sends the event now, whether it was delivered or not. Earlier events of the same invoice that are
/// `pending` or `unsent` are sent before it; `sending` lists all of them. If delivery fails, the retry
/// schedule starts over. An event whose data were removed (`data_removed_at`) cannot be resent.
#[utoipa::path(post, path = "/v1/events/{event}/resend", operation_id = "resendEvent",
    tag = "events",
    security(("secret_key" = ["write"])),
    params(("event" = EventId, Path, description = "The event's id")),
    responses((status = 202, body = ResentEvent, description = "The event is being sent"),
        ResendProblems))]
async fn resend(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Write>,
    Path(event): Path<String>,
) -> Result<(StatusCode, Json<ResentEvent>)> {
    let resent = events::resend(&app, &project, &id(&event, "event")?).await?;
    Ok((StatusCode::ACCEPTED, Json(resent)))
}

/// Which events to resend.
#[derive(Deserialize, ToSchema)]
struct ResendBody {
    /// Only events in this state.
    #[schema(value_type = DeliveryState)]
    state: Option<String>,
    /// Only events after this one (an event id), or after this time (RFC 3339, or a date: its start
    /// in UTC).
    #[schema(value_type = Option<EventOrTime>)]
    after: Option<String>,
    /// Only events of this type.
    #[schema(value_type = Option<EventType>)]
    r#type: Option<String>,
}

problems!(ResendAllProblems: InvalidRequest, Unauthorized, Forbidden, UnsupportedMediaType, PayloadTooLarge);

/// Resend all events of a kind
///
/// Sends the events in this state now, at most 1000, the oldest first. The events of one invoice are
/// sent in order, and earlier ones that are `pending` or `unsent` before those that were selected.
/// `data` lists all of them. If there are more, `next_cursor` is the `after` of the next call. If
/// delivery fails, the retry schedule starts over.
#[utoipa::path(post, path = "/v1/events/resend", operation_id = "resendEvents",
    tag = "events", security(("secret_key" = ["write"])),
    request_body = ResendBody,
    responses((status = 202, body = ResentEvents, description = "The events are being sent"),
        ResendAllProblems))]
async fn resend_all(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Write>,
    body: JsonBody<ResendBody>,
) -> Result<(StatusCode, Json<ResentEvents>)> {
    let body = body.value;
    let state = one_of("state", body.state.as_deref())?;
    let selection = Selection {
        state: state.ok_or_else(|| Error::field("state", "required", "is required"))?,
        kind: one_of("type", body.r#type.as_deref())?,
        after: after(body.after.as_deref())?,
    };
    let resent = events::resend_all(&app, &project, selection).await?;
    Ok((StatusCode::ACCEPTED, Json(resent)))
}

problems!(PingProblems: InvalidRequest, Unauthorized, Forbidden);

/// Send a `ping` to the project's `notify_url`
///
/// Tests the endpoint. The event has no data and no invoice. Its delivery attempts show how the
/// endpoint responded.
#[utoipa::path(post, path = "/v1/events/ping", operation_id = "pingEndpoint",
    tag = "events", security(("secret_key" = ["write"])),
    responses((status = 202, body = SentEvent,
            description = "The event is being sent"), PingProblems))]
async fn ping(
    State(app): State<Arc<App>>,
    Secret { project, .. }: Secret<Write>,
) -> Result<(StatusCode, Json<SentEvent>)> {
    let event = events::ping(&app, &project).await?;
    Ok((StatusCode::ACCEPTED, Json(event)))
}
