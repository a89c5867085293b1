//! Health checks and metrics for the operator.

use super::openapi::problems;
use crate::app::App;
use crate::flow::health::{self, Warning};
use crate::flow::{Error, Result};
use crate::telemetry::METRICS_TYPE;
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The route to the sandbox, for developers.
pub fn sandbox_router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(sandbox))
}

/// The routes for the operator.
pub fn metrics_router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(metrics))
}

/// The routes for load balancers.
pub fn health_router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
}

/// Whether the process responds.
#[derive(Serialize, ToSchema)]
struct Health {
    /// Always `ok`.
    #[schema(pattern = "^ok$")]
    status: &'static str,
}

problems!(HealthProblems:);

/// Liveness: whether the process responds
///
/// Does not look at the database. Restart the process when it does not respond.
#[utoipa::path(get, path = "/healthz", operation_id = "getHealth", tag = "operation",
    security(()),
    responses((status = 200, body = Health, description = "The process responds"), HealthProblems))]
async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

problems!(ReadyProblems: Unavailable);

/// Whether the server is ready.
#[derive(Serialize, ToSchema)]
struct Ready {
    /// Always `ready`.
    #[schema(pattern = "^ready$")]
    status: &'static str,
    /// Problems that do not keep the server from serving, such as callbacks or payments that wait too long.
    warnings: Vec<Warning>,
}

/// Readiness: whether the server and its database respond
///
/// A project's endpoint or a payment provider that does not respond is a warning: the server stays ready.
#[utoipa::path(get, path = "/readyz", operation_id = "getReadiness", tag = "operation",
    security(()),
    responses((status = 200, body = Ready, description = "The server is ready"), ReadyProblems))]
async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Ready>> {
    Ok(Json(Ready {
        status: "ready",
        warnings: health::check(&app).await?,
    }))
}

/// Prometheus metrics
///
/// In the text format, version 0.0.4. Counters start at zero when the process starts. Metrics that are
/// read from the database are the same on every server.
#[utoipa::path(get, path = "/metrics", operation_id = "getMetrics", tag = "operation",
    security(()),
    responses((status = 200, content_type = "text/plain", body = String,
            description = "The metrics"),
        HealthProblems))]
async fn metrics(State(app): State<Arc<App>>) -> Result<Response> {
    let text = health::metrics(&app).await?;
    Ok(([(CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}

problems!(SandboxProblems: NotFound);

/// Redirect to the sandbox's list of test cards
///
/// Only on a server with a sandbox of its own.
#[utoipa::path(get, path = "/sandbox", operation_id = "getSandbox", tag = "operation",
    security(()),
    responses((status = 303, description = "Redirects to the sandbox's page",
        headers(("Location" = String, description = "The page's URL"))), SandboxProblems))]
async fn sandbox(State(app): State<Arc<App>>) -> Result<Redirect> {
    let base = app.config.sandbox_url.as_ref();
    let base = base.ok_or_else(|| Error::not_found("sandbox: start one with `till sandbox`"))?;
    let base = base.as_str().trim_end_matches('/');
    Ok(Redirect::to(&format!("{base}/sandbox")))
}
