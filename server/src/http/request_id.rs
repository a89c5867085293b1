//! Every request has an id: in its answer, in every problem document, in every log line about it.

use crate::new_id;
use axum::extract::{MatchedPath, Request};
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use std::time::Instant;
use till_shared::id::RequestId;
use tracing::Instrument;

tokio::task_local! {
    static REQUEST_ID: RequestId;
}

/// The id of the request being answered.
pub fn current() -> Option<RequestId> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// Carries the present request's id over into a task of its own.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let id = current().unwrap_or_else(|| RequestId::from_unique(new_id::unique()));
    REQUEST_ID.scope(id, work.in_current_span())
}

/// The middleware. Logs the route and never the query or a header: both may hold secrets.
pub async fn with_request_id(request: Request, next: Next) -> Response {
    let id = RequestId::from_unique(new_id::unique());
    // Of the highest level, so that a log of warnings only has the id as well.
    let span = tracing::error_span!("request", id = %id);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let start = Instant::now();
    let answer = async {
        let mut response = next.run(request).await;
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            headers.insert("x-request-id", value);
        }
        headers.insert(
            "x-content-type-options",
            HeaderValue::from_static("nosniff"),
        );
        let route = route.as_ref().map_or("-", MatchedPath::as_str);
        let (status, ms) = (response.status().as_u16(), start.elapsed().as_millis());
        tracing::debug!(%method, route, status, ms, "answered");
        response
    };
    REQUEST_ID.scope(id.clone(), answer.instrument(span)).await
}
