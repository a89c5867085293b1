//! The pages that browsers open.

pub mod assets;
mod back;
pub mod captcha;
mod csp_reports;
pub mod embed;
mod form;
mod form_input;
pub mod headers;
mod hosted;
pub mod message;
mod return_page;
pub mod texts;

pub use form_input::check as check_form;

use crate::app::App;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .merge(captcha::router())
        .merge(embed::router())
        .merge(form::router())
        .merge(hosted::router())
        .merge(return_page::router())
        .merge(csp_reports::router())
}
