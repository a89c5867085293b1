//! The page with a project's captcha, in a frame of the widget. The provider's script runs here, and not in
//! the page with the card's fields.

use super::hosted::find;
use super::message::{Message, nonce, page_headers};
use super::texts::{Lang, Texts};
use crate::app::App;
use crate::flow::Error;
use crate::flow::projects::{CaptchaSettings, Project};
use crate::http::middleware::extract::Path;
use crate::http::openapi::PageProblems;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::sync::Arc;
use till_shared::id::InvoiceId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(captcha))
}

const SCRIPT: &str = include_str!("captcha.js");

/// The project's captcha
///
/// For a frame of the widget. When the buyer has solved the captcha, the page posts the token to the page
/// around it, if that is of the same server.
#[utoipa::path(get, path = "/pay/{invoice}/captcha", operation_id = "getCaptcha", tag = "pages",
    security(()),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id")),
    responses((status = 200, content_type = "text/html", body = String, description = "The page"),
        (status = 404, content_type = "text/html", body = String,
            description = "The invoice does not exist, or its project has no captcha"),
        PageProblems))]
async fn captcha(
    State(app): State<Arc<App>>,
    Lang(texts): Lang,
    invoice: Result<Path<String>, Error>,
) -> Result<Response, Message> {
    let Path(invoice) = invoice.map_err(|_| Message::no_invoice(texts))?;
    let (project, _) = find(&app, texts, &invoice).await?;
    let captcha = project.captcha.as_ref();
    let captcha = captcha.ok_or_else(|| Message::no_invoice(texts))?;
    let nonce = nonce().map_err(|error| {
        tracing::error!(%error, "rendering a page failed");
        Message::trouble(texts)
    })?;
    let headers = page_headers(&policy(&nonce, &project, captcha));
    Ok((headers, page(texts, &nonce, captcha)).into_response())
}

fn page(texts: &Texts, nonce: &str, captcha: &CaptchaSettings) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(texts.lang) dir=(texts.dir) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Captcha" }
                style nonce=(nonce) { "body { margin: 0 }" }
            }
            body {
                div #captcha data-kind=(captcha.kind) data-site-key=(captcha.site_key)
                    data-script=(captcha.script_url()) {}
                script nonce=(nonce) { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

/// The content security policy. The provider's script inserts scripts, styles and frames from its own
/// origins. Only the pages that may show the widget may show this one, as a frame of the widget.
fn policy(nonce: &str, project: &Project, captcha: &CaptchaSettings) -> String {
    let sources = captcha.sources().join(" ");
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'wasm-unsafe-eval' {sources}; \
         style-src 'unsafe-inline' {sources}; connect-src {sources}; img-src data: {sources}; \
         frame-src {sources}; worker-src blob:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self' {}",
        project.settings.allowed_origins.join(" ")
    )
}
