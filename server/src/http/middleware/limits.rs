//! Sheds load: requests beyond the limit get 503.

use super::request_id;
use crate::app::App;
use crate::flow::{Detached, Error};
use crate::http::pages::message::Message;
use crate::http::pages::texts::Lang;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
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
        return reject(request).await;
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

async fn reject(request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let accepts = parts.headers.get(header::ACCEPT);
    let for_people = accepts.is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
    let by_browser = for_people && (parts.method == Method::GET || parts.method == Method::POST);
    let mut response = match Lang::from_request_parts(&mut parts, &()).await {
        Ok(Lang(texts)) if by_browser => Message::overloaded(texts).into_response(),
        Ok(_) | Err(_) => overloaded().into_response(),
    };
    let one_second = HeaderValue::from_static("1");
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, one_second);
    response
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
