//! The HTTP server. Each file has a `router()` with its handlers and bodies; a handler extracts, calls
//! one function of `flow` and maps its result.

mod api;
mod middleware;
mod openapi;
mod operator;
mod pages;
mod webhooks;
mod widget;

use crate::app::App;
use crate::callbacks;
use crate::flow::background;
use anyhow::Context;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use middleware::error::{method_not_allowed, not_found, panicked};
use middleware::extract::LARGEST_BODY;
use middleware::limits::{self, ConcurrencyLimit};
use middleware::request_id;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use utoipa_axum::router::OpenApiRouter;

/// The longest time between two chunks of a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

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
    let chores = tokio::spawn(background::run(app.clone()));
    let others = tokio::spawn(background::follow_other_servers(app.clone()));
    let served = axum::serve(listener, router(app.clone()))
        .with_graceful_shutdown(app.shutdown.clone().cancelled_owned())
        .await;
    app.shutdown.cancel();
    app.tasks.close();
    app.tasks.wait().await;
    outbox.await.context("the outbox worker")?;
    chores.await.context("the background jobs")?;
    others.await.context("following other servers")?;
    served.context("the listener")
}

fn router(app: Arc<App>) -> Router {
    // Webhooks have permits of their own: any number of buyers leaves room for them.
    let limit = || {
        let limit = ConcurrencyLimit::new(&app, app.config.max_requests);
        from_fn_with_state(limit, limits::limit)
    };
    let calls = OpenApiRouter::new()
        .merge(api::router())
        .merge(widget::router())
        .merge(pages::router())
        .layer(limit());
    let webhooks = webhooks::router().layer(limit());
    let (described, api) = OpenApiRouter::new()
        .merge(calls)
        .merge(webhooks)
        .merge(operator::router())
        .merge(pages::assets::router())
        .split_for_parts();
    described
        .merge(openapi::router(openapi::complete(api)))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(RequestBodyTimeoutLayer::new(BODY_TIMEOUT))
        .layer(from_fn_with_state(app.clone(), request_id::with_request_id))
        .with_state(app)
}
