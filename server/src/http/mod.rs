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

pub use connections::Tls;
pub use pages::check_form;
pub use pages::embed::record as record_embed_script;

use crate::app::App;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::STRICT_TRANSPORT_SECURITY;
use axum::middleware::{from_fn, from_fn_with_state};
use middleware::error::{method_not_allowed, not_found, panicked};
use middleware::extract::LARGEST_BODY;
use middleware::limits::{self, ConcurrencyLimit};
use middleware::{body, browser, request_id};
use pages::captcha::keep_apart;
use pages::headers::strict_transport;
use std::sync::Arc;
use tokio::net::TcpListener;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Routes with their descriptions.
type Routes = OpenApiRouter<Arc<App>>;

/// Serves all routes until [`App::shutdown`] is cancelled. Then accepts no more connections, and returns
/// when the responses in progress have been sent. If there is a listener for the operator, the operator's
/// routes are served there and not at the other one. Both have the same certificate, if there is one.
///
/// # Errors
/// Never: a listener that fails is tried again.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    operator: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
) -> anyhow::Result<()> {
    let Some(operator) = operator else {
        return connections::serve(router(app.clone()), app, listener, tls).await;
    };
    let (public, own) = routers(&app);
    tokio::try_join!(
        connections::serve(public, app.clone(), listener, tls.clone()),
        connections::serve(own, app.clone(), operator, tls),
    )?;
    Ok(())
}

/// All routes of the server, for one listener.
fn router(app: Arc<App>) -> Router {
    let limit = new_limit(&app);
    let all = public_routes(&app, &limit)
        .merge(operator_routes(&limit))
        .merge(shared_routes());
    let (routes, api) = all.split_for_parts();
    let routes = routes.merge(openapi::viewer());
    at_public_url(&app.clone(), with_middleware(app, routes, api))
}

/// The routes of the public listener, and those of the operator's. Each has permits of its own: any number
/// of buyers leaves room for the operator. Both have the whole OpenAPI document.
fn routers(app: &Arc<App>) -> (Router, Router) {
    let (public, public_api) = public_routes(app, &new_limit(app)).split_for_parts();
    let (own, own_api) = operator_routes(&new_limit(app)).split_for_parts();
    let (shared, shared_api) = shared_routes().split_for_parts();
    let document = |own: OpenApi| {
        public_api
            .clone()
            .merge_from(own)
            .merge_from(shared_api.clone())
    };
    let public = public.merge(shared.clone());
    let own = own.merge(shared).merge(openapi::viewer());
    let public = with_middleware(app.clone(), public, document(own_api.clone()));
    (
        at_public_url(app, public),
        with_middleware(
            app.clone(),
            own,
            document(openapi::at_this_listener(own_api)),
        ),
    )
}

/// The routes for buyers, projects' servers and payment systems. Webhooks have permits of their own: any
/// number of buyers leaves room for them.
fn public_routes(app: &Arc<App>, limit: &ConcurrencyLimit) -> Routes {
    let calls = OpenApiRouter::new()
        .merge(api::router())
        .merge(widget::router())
        .merge(pages::router());
    limited(calls, limit)
        .merge(limited(webhooks::router(), &new_limit(app)))
        .merge(pages::assets::router())
        .merge(operator::sandbox_router())
}

/// The routes for the operator only, besides the viewer of the OpenAPI document.
fn operator_routes(limit: &ConcurrencyLimit) -> Routes {
    limited(api::operator_router(), limit).merge(operator::metrics_router())
}

/// The routes of every listener, besides the OpenAPI document. Problem documents refer to their pages by
/// path.
fn shared_routes() -> Routes {
    operator::health_router().merge(problems::router())
}

fn new_limit(app: &Arc<App>) -> ConcurrencyLimit {
    ConcurrencyLimit::new(app.clone(), app.config.max_requests)
}

fn limited(routes: Routes, limit: &ConcurrencyLimit) -> Routes {
    routes.layer(from_fn_with_state(limit.clone(), limits::limit))
}

/// Adds what holds for the host of the public URL only.
fn at_public_url(app: &App, routes: Router) -> Router {
    let strict = strict_transport(&app.base_url);
    routes.layer(SetResponseHeaderLayer::overriding(
        STRICT_TRANSPORT_SECURITY,
        strict,
    ))
}

/// Adds the OpenAPI document and what all routes share.
fn with_middleware(app: Arc<App>, routes: Router<Arc<App>>, api: OpenApi) -> Router {
    routes
        .merge(openapi::router(api, app.base_url.clone()))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(body::reject_compressed))
        .layer(from_fn_with_state(app.clone(), keep_apart))
        .layer(from_fn(browser::pages_for_people))
        .layer(from_fn_with_state(app.clone(), request_id::with_request_id))
        .with_state(app)
}
