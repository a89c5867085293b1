//! The page with a project's captcha, in a frame of the widget. The provider's script runs here, at an
//! origin of its own: it cannot read the payment form, or anything else of Till.

use super::headers::{Features, Opener, headers_with_scripts_of_others};
use super::hosted::find;
use super::message::{Message, nonce};
use super::texts::{Lang, Texts};
use crate::app::App;
use crate::flow::Error;
use crate::flow::captcha::page_url;
use crate::flow::projects::{CaptchaSettings, Project};
use crate::http::middleware::extract::Path;
use crate::http::openapi::PageProblems;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::sync::Arc;
use till_shared::id::InvoiceId;
use url::Url;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(captcha))
}

/// The page, and the browsers' reports about it.
const PATHS: [&str; 2] = ["/pay/{invoice}/captcha", "/pay/csp-reports"];
const SCRIPT: &str = include_str!("captcha.js");

/// Whether the request is at the origin of the captchas' pages.
#[derive(Clone, Copy)]
struct AtCaptchaOrigin(bool);

/// Keeps the origin of the captchas' pages apart: nothing else of Till is there.
pub async fn keep_apart(
    State(app): State<Arc<App>>,
    path: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    let here = app
        .captcha_origin
        .as_deref()
        .is_some_and(|origin| is_at(&request, origin));
    if here && path.is_none_or(|path| !PATHS.contains(&path.as_str())) {
        return Err(Error::not_found("page"));
    }
    request.extensions_mut().insert(AtCaptchaOrigin(here));
    Ok(next.run(request).await)
}

/// Whether a request names this origin as its host, in the URI (HTTP/2) or the header `Host`.
fn is_at(request: &Request, origin: &str) -> bool {
    let header = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let named = request
        .uri()
        .authority()
        .map(|authority| authority.as_str())
        .or(header);
    let scheme = origin.split("://").next().unwrap_or_default();
    let named = named.and_then(|host| Url::parse(&format!("{scheme}://{host}")).ok());
    named.is_some_and(|url| url.origin().ascii_serialization() == origin)
}

/// The project's captcha
///
/// For a frame of the payment page. At the public URL it redirects to the captcha's own origin. When the
/// buyer has solved the captcha, the page posts the token to the payment page.
#[utoipa::path(get, path = "/pay/{invoice}/captcha", operation_id = "getCaptcha", tag = "pages",
    security(()),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id")),
    responses((status = 200, content_type = "text/html", body = String, description = "The page"),
        (status = 303, description = "The page is at `TILL_CAPTCHA_URL`"),
        (status = 404, content_type = "text/html", body = String,
            description = "The invoice does not exist, or its project has no captcha"),
        PageProblems))]
async fn captcha(
    State(app): State<Arc<App>>,
    Lang(texts): Lang,
    axum::Extension(AtCaptchaOrigin(here)): axum::Extension<AtCaptchaOrigin>,
    invoice: Result<Path<String>, Error>,
) -> Result<Response, Message> {
    let Path(invoice) = invoice.map_err(|_| Message::no_invoice(texts))?;
    let (project, invoice) = find(&app, texts, &invoice).await?;
    let captcha = project.captcha.as_ref().zip(page_url(&app, &invoice.id));
    let (captcha, url) = captcha.ok_or_else(|| Message::no_invoice(texts))?;
    if !here {
        return Ok(Redirect::to(&url).into_response());
    }
    let nonce = nonce().map_err(|error| {
        tracing::error!(%error, "rendering a page failed");
        Message::trouble(texts)
    })?;
    let policy = policy(&nonce, &app.base_url, &project, captcha);
    let headers = headers_with_scripts_of_others(&policy, Features::None, Opener::Isolated);
    Ok((headers, page(texts, &nonce, &app.base_url, captcha)).into_response())
}

fn page(texts: &Texts, nonce: &str, payment_page: &str, captcha: &CaptchaSettings) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(texts.lang) dir=(texts.dir) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Captcha" }
                style nonce=(nonce) { "body { margin: 0; font: 1rem system-ui, sans-serif }" }
            }
            body {
                div #captcha data-kind=(captcha.kind) data-site-key=(captcha.site_key)
                    data-page=(payment_page) {}
                p #failed hidden { (texts.trouble_text) }
                script nonce=(nonce) { (PreEscaped(SCRIPT)) }
                script type=[captcha.kind.has_module().then_some("module")] src=(captcha.page_script()) async {}
            }
        }
    }
}

/// The content security policy. The provider's script inserts scripts, styles and frames from its own
/// origins. Only the pages that may show the widget may show this one, as a frame of the widget.
fn policy(nonce: &str, base_url: &str, project: &Project, captcha: &CaptchaSettings) -> String {
    let sources = captcha.sources().join(" ");
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'wasm-unsafe-eval' {sources}; \
         style-src 'unsafe-inline' {sources}; connect-src {sources}; img-src data: {sources}; \
         frame-src {sources}; worker-src blob:; base-uri 'none'; form-action 'none'; \
         frame-ancestors {base_url} {}",
        project.settings.allowed_origins.join(" ")
    )
}
