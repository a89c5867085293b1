//! For whoever runs the server.

use super::openapi::problems;
use crate::flow::standing::{Warning, scraped, standing, warnings};
use crate::flow::{App, Error, Result};
use crate::telemetry::METRICS_TYPE;
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Serialize;
use serde_json::{Value, json};
use std::sync::Arc;
use till_shared::problem::ProblemType;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The calls.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(sandbox))
}

/// Whether the process answers
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "It does")))]
async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

problems!(ReadyProblems: Unavailable);

/// Whether the server can serve.
#[derive(Serialize, ToSchema)]
struct Ready {
    /// Always `ready`.
    status: &'static str,
    /// What deserves a look, though requests are served: callbacks or payments that wait for long.
    warnings: Vec<Warning>,
}

/// Whether the database answers too
///
/// A project's endpoint or a payment system that does not answer is a warning and no reason to send
/// requests elsewhere.
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, body = Ready, description = "It does"), ReadyProblems))]
async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Ready>> {
    let standing = standing(&app)
        .await
        .ok_or_else(|| Error::problem(ProblemType::Unavailable, "The database does not answer."))?;
    Ok(Json(Ready {
        status: "ready",
        warnings: warnings(&standing),
    }))
}

/// What Prometheus scrapes
///
/// In its text format, version 0.0.4. Counts begin at this process' start; what comes from the
/// database is the same on every server.
#[utoipa::path(get, path = "/metrics", tag = "operation",
    responses((status = 200, content_type = "text/plain", body = String, description = "The metrics")))]
async fn metrics(State(app): State<Arc<App>>) -> Result<Response> {
    let text = app.metrics.expose(&scraped(&app).await);
    let text = text.map_err(anyhow::Error::from)?;
    Ok(([(CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}

problems!(SandboxProblems: NotFound);

/// The sandbox's list of test cards, which is the sandbox's own page
#[utoipa::path(get, path = "/sandbox", tag = "operation",
    responses((status = 303, description = "There"), SandboxProblems))]
async fn sandbox(State(app): State<Arc<App>>) -> Result<Redirect> {
    let base = app.config.sandbox_url.as_ref();
    let base = base.ok_or_else(|| Error::not_found("sandbox: start one with `till sandbox`"))?;
    let base = base.as_str().trim_end_matches('/');
    Ok(Redirect::to(&format!("{base}/sandbox")))
}
