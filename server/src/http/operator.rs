//! For whoever runs the server.

use crate::flow::{App, Error, Result};
use axum::extract::State;
use axum::response::Redirect;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::sync::Arc;
use till_shared::problem::ProblemType;

/// The calls.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/sandbox", get(sandbox))
}

/// The process answers.
async fn healthz() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The database answers too.
async fn readyz(State(app): State<Arc<App>>) -> Result<Json<Value>> {
    app.store.ping().await.map_err(|error| {
        tracing::error!(%error, "the database does not answer");
        Error::problem(ProblemType::Unavailable, "The database does not answer.")
    })?;
    Ok(Json(json!({ "status": "ready" })))
}

/// The sandbox's list of test cards is the sandbox's own page.
async fn sandbox(State(app): State<Arc<App>>) -> Result<Redirect> {
    let base = app.config.sandbox_url.as_ref();
    let base = base.ok_or_else(|| Error::not_found("sandbox: start one with `till sandbox`"))?;
    let base = base.as_str().trim_end_matches('/');
    Ok(Redirect::to(&format!("{base}/sandbox")))
}
