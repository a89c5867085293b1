//! Sheds load: requests beyond the limit get 503.

use super::request_id;
use crate::app::App;
use crate::flow::{Detached, Error};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use till_shared::problem::ProblemType;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::task::TaskTracker;

/// How many requests are worked on at once.
#[derive(Clone)]
pub struct ConcurrencyLimit {
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl ConcurrencyLimit {
    /// A limit for some routes of the server.
    pub fn new(app: &App, permits: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            tasks: app.tasks.clone(),
        }
    }
}

/// The middleware. Each request is worked on in a task of its own, which holds the permit and goes on
/// to its end when the client disconnects. Without a permit the request is rejected; nothing has been
/// read or changed then.
pub async fn limit(
    State(limit): State<ConcurrencyLimit>,
    mut request: Request,
    next: Next,
) -> Response {
    let Ok(permit) = limit.permits.try_acquire_owned() else {
        return overloaded().into_response();
    };
    let task = Detached::spawn(&limit.tasks, Some(permit), |detached| {
        request.extensions_mut().insert(detached);
        request_id::propagate(next.run(request))
    });
    match task.await {
        Ok(response) => response,
        Err(error) => Error::Internal(error.into()).into_response(),
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Detached {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let detached = parts.extensions.get::<Self>().cloned();
        detached.ok_or_else(|| anyhow::anyhow!("the route has no concurrency limit").into())
    }
}

fn overloaded() -> Error {
    Error::problem(
        ProblemType::Unavailable,
        "The server is overloaded. Nothing was changed. Try again in a moment.",
    )
}

/// A permit for a subscriber of live events, held as long as the stream.
///
/// # Errors
/// `unavailable` at the limit of subscribers. The client can poll instead.
pub fn subscribe(app: &App) -> Result<OwnedSemaphorePermit, Error> {
    let permits = app.subscribers.clone();
    permits.try_acquire_owned().map_err(|_| overloaded())
}
