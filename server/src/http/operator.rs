//! For whoever runs the server.

use super::openapi::problems;
use crate::flow::{App, Error, Result};
use axum::Json;
use axum::extract::State;
use axum::response::Redirect;
use serde_json::{Value, json};
use std::sync::Arc;
use till_shared::problem::ProblemType;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The calls.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(sandbox))
}

/// Whether the process answers
#[utoipa::path(get, path = "/healthz", tag = "operation",
    responses((status = 200, description = "It does")))]
async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

problems!(ReadyProblems: Unavailable);

/// Whether the database answers too
#[utoipa::path(get, path = "/readyz", tag = "operation",
    responses((status = 200, description = "It does"), ReadyProblems))]
async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Value>> {
    app.store.ping().await.map_err(|error| {
        tracing::error!(%error, "the database does not answer");
        Error::problem(ProblemType::Unavailable, "The database does not answer.")
    })?;
    Ok(Json(json!({ "status": "ready" })))
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
