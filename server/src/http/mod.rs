//! The HTTP server. Each file has a `router()` with its handlers and bodies; a handler extracts, calls
//! one function of `flow` and maps its result.

mod api;
mod connections;
mod middleware;
mod openapi;
mod operator;
mod pages;
mod problems;
mod webhooks;
mod widget;

pub use pages::check_form;

use crate::app::App;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use middleware::error::{method_not_allowed, not_found, panicked};
use middleware::extract::LARGEST_BODY;
use middleware::limits::{self, ConcurrencyLimit};
use middleware::{body, browser, request_id};
use std::sync::Arc;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::router::OpenApiRouter;

/// Serves all routes until [`App::shutdown`] is cancelled. Then accepts no more connections, and returns
/// when the responses in progress have been sent.
///
/// # Errors
/// Never: a listener that fails is tried again.
pub async fn serve(app: Arc<App>, listener: TcpListener) -> anyhow::Result<()> {
    connections::serve(router(app.clone()), app, listener).await
}

/// All routes of the server.
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
        .merge(problems::router())
        .split_for_parts();
    described
        .merge(openapi::router(api, app.base_url.clone()))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(body::reject_compressed))
        .layer(from_fn(browser::pages_for_people))
        .layer(from_fn_with_state(app.clone(), request_id::with_request_id))
        .with_state(app)
}
