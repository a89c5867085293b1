//! Sheds load: requests beyond the limits get 503.

use super::error::panicked;
use super::permit_body::PermitBody;
use super::request_id;
use super::request_permit::{of_limit, overloaded};
use crate::app::{App, KeyedPermit};
use crate::flow::{Detached, Error};
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use till_shared::id::InvoiceId;
use tokio::sync::OwnedSemaphorePermit;

pub use super::request_permit::{ConcurrencyLimit, RequestPermit};

/// The most streams of live events of one invoice. A widget beyond it polls.
const MAX_STREAMS_OF_INVOICE: usize = 8;

/// The middleware. Each request is worked on in a task of its own, which holds the permit and goes on
/// to its end when the client disconnects. Without a permit the request is rejected; nothing has been
/// changed then. A response is sent once what it tells is durable.
pub async fn limit(
    State(limit): State<ConcurrencyLimit>,
    request: Request,
    next: Next,
) -> Response {
    let app = limit.app.clone();
    let Some(permit) = RequestPermit::try_acquire(limit) else {
        return overloaded().into_response();
    };
    let task = Detached::spawn(&app.clone().tasks, |detached| {
        let (mut parts, body) = request.into_parts();
        parts.extensions.insert(detached);
        parts.extensions.insert(permit.clone());
        let body = PermitBody::new(body, permit.clone(), app.config.body_timeout());
        let response = next.run(Request::from_parts(parts, Body::new(body)));
        request_id::propagate(async move {
            let response = response.await;
            if permit.was_rejected() {
                return overloaded().into_response();
            }
            match app.durable().await {
                Ok(()) => response,
                Err(error) => Error::from(error).into_response(),
            }
        })
    });
    match task.await {
        Ok(response) => response,
        Err(error) => match error.try_into_panic() {
            Ok(cause) => panicked(cause),
            Err(error) => Error::Internal(error.into()).into_response(),
        },
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Detached {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        of_limit(parts)
    }
}

/// The permits of a stream of live events, held as long as the stream.
pub struct StreamPermit {
    _permit: OwnedSemaphorePermit,
    _of_invoice: KeyedPermit<InvoiceId>,
}

/// Acquires the permits for a stream of live events.
///
/// # Errors
/// `unavailable` at the limit of streams, of the server or of the invoice. The client can poll instead.
pub fn subscribe(app: &App, invoice: &InvoiceId) -> Result<StreamPermit, Error> {
    let permit = app.subscribers.clone().try_acquire_owned();
    let streams = &app.streams_of_invoice;
    let of_invoice = streams.try_acquire(invoice.clone(), MAX_STREAMS_OF_INVOICE);
    Ok(StreamPermit {
        _permit: permit.map_err(|_| overloaded())?,
        _of_invoice: of_invoice.ok_or_else(overloaded)?,
    })
}
