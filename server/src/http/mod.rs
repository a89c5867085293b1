//! The ways in. Each file has its own `router()`, with its bodies and handlers beside it; each
//! handler extracts, calls one function of `flow`, and maps its outcome.

mod assets;
mod connector_webhooks;
mod error;
mod extract;
mod html_form;
mod idempotency;
mod json_api;
mod limits;
mod live;
pub mod message;
mod openapi;
mod operator;
mod pages;
pub mod projects;
mod request_id;
mod return_page;
mod texts;
mod widget_api;

use crate::callbacks;
use crate::flow::{App, Error, housekeeping};
use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, Uri};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use limits::ConcurrencyLimit;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use till_shared::problem::ProblemType;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa_axum::router::OpenApiRouter;

/// The largest body that is read, in bytes.
const LARGEST_BODY: usize = 64 * 1024;
/// The longest pause between two parts of a body.
const BODY_LIMIT: Duration = Duration::from_secs(10);

/// Serves until [`App::shutdown`] is cancelled, then takes no new work and finishes what is under
/// way, for as long as the settings allow.
///
/// # Errors
/// When the listener fails.
pub async fn serve(app: Arc<App>, listener: TcpListener) -> anyhow::Result<()> {
    let late = async {
        app.shutdown.cancelled().await;
        tokio::time::sleep(app.config.shutdown_limit()).await;
    };
    tokio::select! {
        ended = serve_to_the_end(app.clone(), listener) => ended,
        () = late => {
            let tasks = app.tasks.len();
            tracing::warn!(tasks, "what still runs is left to whoever takes it up");
            Ok(())
        }
    }
}

async fn serve_to_the_end(app: Arc<App>, listener: TcpListener) -> anyhow::Result<()> {
    let outbox = tokio::spawn(callbacks::worker::run(app.outbox.clone()));
    let chores = tokio::spawn(housekeeping::run(app.clone()));
    let others = tokio::spawn(housekeeping::follow_others(app.clone()));
    let served = axum::serve(listener, router(app.clone()))
        .with_graceful_shutdown(app.shutdown.clone().cancelled_owned())
        .await;
    app.shutdown.cancel();
    app.tasks.close();
    app.tasks.wait().await;
    outbox.await.context("the outbox worker")?;
    chores.await.context("housekeeping")?;
    others.await.context("following other servers")?;
    served.context("the listener")
}

fn router(app: Arc<App>) -> Router {
    // Webhooks have permits of their own: any number of buyers leaves room for them.
    let limit = || {
        let limit = ConcurrencyLimit::new(&app, app.config.max_requests);
        middleware::from_fn_with_state(limit, limits::limit)
    };
    let calls = OpenApiRouter::new()
        .merge(json_api::router())
        .merge(projects::router())
        .merge(widget_api::router())
        .merge(html_form::router())
        .merge(pages::router())
        .merge(return_page::router())
        .layer(limit());
    let webhooks = connector_webhooks::router().layer(limit());
    let (described, api) = OpenApiRouter::new()
        .merge(calls)
        .merge(webhooks)
        .merge(operator::router())
        .merge(assets::router())
        .split_for_parts();
    described
        .merge(openapi::router(openapi::complete(api)))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(RequestBodyTimeoutLayer::new(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(
            app.clone(),
            request_id::with_request_id,
        ))
        .with_state(app)
}

async fn not_found(uri: Uri) -> Error {
    Error::problem(
        ProblemType::NotFound,
        format!("There is nothing at {}.", uri.path()),
    )
}

async fn method_not_allowed(method: Method, uri: Uri) -> Error {
    let detail = format!("{} does not take {method}.", uri.path());
    Error::problem(ProblemType::MethodNotAllowed, detail)
}

fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let said = cause
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| cause.downcast_ref::<String>().cloned());
    let said = said.unwrap_or_else(|| "without a message".into());
    Error::Internal(anyhow::anyhow!("panicked: {said}")).into_response()
}
