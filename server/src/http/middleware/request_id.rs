//! Request ids: in each response, problem document and log line.

use super::refusal::Refusal;
use crate::app::App;
use crate::new_id;
use crate::telemetry::{self, continue_trace};
use axum::RequestExt;
use axum::extract::{MatchedPath, RawPathParams, Request, State};
use axum::http::{HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use std::time::Instant;
use till_shared::id::{EventId, InvoiceId, PaymentId, ProjectId, RefundId, RequestId};
use tracing::field::Empty;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

tokio::task_local! {
    static REQUEST_ID: RequestId;
}

/// The id of the current request.
pub fn current() -> Option<RequestId> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

/// Runs a future under the current request's id and span, for a task of its own.
pub fn propagate<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let id = current().unwrap_or_else(|| RequestId::from_unique(new_id::unique()));
    REQUEST_ID.scope(id, work.in_current_span())
}

/// The middleware: gives the request an id and a span, and records its metrics. The span has the route
/// and never the query or a header, which may hold secrets.
pub async fn with_request_id(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::from_unique(new_id::unique());
    let method = method_name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    // At the highest level: a log that is filtered to warnings has the id as well.
    let span = tracing::error_span!(
        "request", otel.kind = "server", otel.name = format!("{method} {route}"), request = %id,
        project = Empty, order = Empty, invoice = Empty, payment = Empty, refund = Empty,
        event = Empty, operator = Empty,
        otel.status_code = Empty
    );
    if let Ok(params) = request.extract_parts::<RawPathParams>().await {
        let ids = params.iter().filter(|(name, value)| is_id(name, value));
        for (name, value) in ids {
            span.record(name, value);
        }
    }
    continue_trace(&span, request.headers());
    // OpenTelemetry's semantic conventions for HTTP server spans. The log leaves them out.
    span.set_attribute("http.request.method", method);
    span.set_attribute("http.route", route.to_owned());
    if route != "-" {
        span.set_attribute("url.path", request.uri().path().to_owned());
    }
    let scheme = app.base_url.split(':').next().unwrap_or_default();
    span.set_attribute("url.scheme", scheme.to_owned());
    let start = Instant::now();
    let response = async {
        let mut response = next.run(request).await;
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            headers.insert("x-request-id", value);
        }
        headers.insert(
            "x-content-type-options",
            HeaderValue::from_static("nosniff"),
        );
        let (status, took) = (response.status(), start.elapsed());
        tracing::debug!(
            method,
            route,
            status = status.as_u16(),
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            "request completed"
        );
        if status.is_client_error() || status.is_server_error() {
            report_refusal(method, route, &response);
        }
        let span = Span::current();
        span.set_attribute("http.response.status_code", i64::from(status.as_u16()));
        if status.is_server_error() {
            span.record("otel.status_code", "ERROR");
            span.set_attribute("error.type", status.as_str().to_owned());
        }
        app.metrics.request(&telemetry::Request {
            method,
            route,
            status: status.as_u16(),
            took,
        });
        response
    };
    REQUEST_ID
        .scope(id.clone(), response.instrument(span))
        .await
}

/// Records the order that a request is about, for the log.
pub fn record_order(order_id: &str) {
    Span::current().record("order", order_id);
}

/// Logs a request that was refused, with the reason.
fn report_refusal(method: &str, route: &str, response: &Response) {
    let refusal = response.extensions().get::<Refusal>();
    let problem = refusal.map(|refusal| refusal.problem.as_str());
    let fields = refusal.map(|refusal| refusal.fields.join(","));
    let fields = fields.filter(|fields| !fields.is_empty());
    let status = response.status().as_u16();
    tracing::info!(method, route, status, problem, fields, "request refused");
}

/// Whether a path parameter is a well-formed id. Other text from a client is not logged.
fn is_id(name: &str, value: &str) -> bool {
    match name {
        "project" => value.parse::<ProjectId>().is_ok(),
        "invoice" => value.parse::<InvoiceId>().is_ok(),
        "payment" => value.parse::<PaymentId>().is_ok(),
        "refund" => value.parse::<RefundId>().is_ok(),
        "event" => value.parse::<EventId>().is_ok(),
        _ => false,
    }
}

/// The name of a standard method (RFC 9110 section 9, RFC 5789), which bounds the number of metric
/// series. OpenTelemetry's name for all others is `_OTHER`.
fn method_name(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH",
    ];
    let found = KNOWN.into_iter().find(|name| *name == method.as_str());
    found.unwrap_or("_OTHER")
}
