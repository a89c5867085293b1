//! Rather no than too late: past a number of requests at once, more are told to come again soon.

use super::message::Message;
use super::texts::Lang;
use crate::flow::{App, Error};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use till_shared::problem::ProblemType;
use tokio::sync::Semaphore;

/// How many may be answered at once.
#[derive(Clone)]
pub struct Gate(Arc<Semaphore>);

impl Gate {
    /// For so many.
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places)))
    }
}

/// The middleware: keeps a place until the answer begins, and turns away who finds none. Nothing has
/// been read or changed then.
pub async fn admit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Ok(_place) = gate.0.try_acquire() else {
        return turn_away(request).await;
    };
    next.run(request).await
}

async fn turn_away(request: Request) -> Response {
    let (mut parts, _) = request.into_parts();
    let accepts = parts.headers.get(header::ACCEPT);
    let for_people = accepts.is_some_and(|v| v.as_bytes().starts_with(b"text/html"));
    let by_browser = for_people && (parts.method == Method::GET || parts.method == Method::POST);
    let mut response = match Lang::from_request_parts(&mut parts, &()).await {
        Ok(Lang(texts)) if by_browser => Message::busy(texts).into_response(),
        Ok(_) | Err(_) => busy().into_response(),
    };
    let soon = HeaderValue::from_static("1");
    response.headers_mut().insert(header::RETRY_AFTER, soon);
    response
}

fn busy() -> Error {
    Error::problem(
        ProblemType::Unavailable,
        "Too much to do just now. Nothing has changed; please try again in a moment.",
    )
}

/// A place for one who watches live events, kept as long as the stream.
///
/// # Errors
/// `unavailable` when too many watch already: they can ask from time to time.
pub fn watch(app: &App) -> Result<tokio::sync::OwnedSemaphorePermit, Error> {
    let places = app.watchers.clone();
    places.try_acquire_owned().map_err(|_| busy())
}
