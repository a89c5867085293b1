//! The JSON API, for a project's server and the operator.

mod disputes;
mod events;
mod invoices;
mod keys;
mod payments;
mod projects;
mod refunds;
mod resolve;
mod test_clock;

use crate::app::App;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

/// The routes for a project's server.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(invoices::router())
        .merge(payments::router())
        .merge(refunds::router())
        .merge(disputes::router())
        .merge(events::router())
        .merge(test_clock::router())
}

/// The routes for the operator.
pub fn operator_router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(projects::router())
        .merge(keys::router())
        .merge(resolve::router())
}
