//! The payment page, which is the widget: in a frame, in a popup or as a whole page.

use super::assets;
use super::back::shop_url;
use super::headers::{Features, Opener, page_headers};
use super::message::{Message, nonce};
use super::texts::{Accepted, Lang, Texts};
use crate::app::App;
use crate::flow::Error;
use crate::flow::invoices::{self, InvoiceRow};
use crate::flow::projects::{self, Project};
use crate::flow::widget::begins_with_card;
use crate::http::middleware::extract::Path;
use crate::http::openapi::PageProblems;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{Html, IntoResponse, Redirect, Response};
use std::borrow::Cow;
use std::sync::Arc;
use till_shared::id::InvoiceId;
use till_shared::problem::ProblemType;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tracing::Span;
use url::{Url, form_urlencoded};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    // The page has no secret that a compressed length could tell: the token is in the fragment.
    let compression = CompressionLayer::new().quality(CompressionLevel::Precise(9));
    OpenApiRouter::new()
        .routes(routes!(frame))
        .routes(routes!(widget))
        .routes(routes!(without_slash))
        .layer(compression)
}

/// Finds the invoice of a page and its project.
///
/// # Errors
/// The error page.
pub async fn find(
    app: &App,
    texts: &'static Texts,
    invoice: &str,
) -> Result<(Arc<Project>, InvoiceRow), Message> {
    let trouble = |error| trouble(texts, error);
    let none = || {
        let detail = "There is no such invoice on this server. Check the invoice's id and the server's address.";
        Message::no_invoice(texts).for_developers(ProblemType::NotFound, detail)
    };
    let id: InvoiceId = invoice.parse().map_err(|_| none())?;
    let found = invoices::find(app, &id).await.map_err(trouble)?;
    let (project, invoice) = found.ok_or_else(none)?;
    Span::current().record("project", project.id.as_str());
    Ok((project, invoice))
}

fn trouble(texts: &'static Texts, error: Error) -> Message {
    tracing::error!(%error, "rendering a page failed");
    Message::trouble(texts)
}

/// The payment page
///
/// The widget as a whole page, or, with `mode` and `origin`, for embedding in a project's page. The
/// client token is in the URL's fragment, which is not sent to servers or logged.
#[utoipa::path(get, path = "/pay/{invoice}", operation_id = "getPaymentPage", tag = "pages",
    security(()),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id"),
        ("mode" = Option<String>, Query, description = "`iframe`, `inline` or `popup`"),
        ("origin" = Option<String>, Query, description = "The origin of the embedding page"),
        ("locale" = Option<String>, Query, description = "A BCP 47 language tag"),
        ("theme" = Option<String>, Query, description = "`auto`, `light` or `dark`"),
        ("preload" = Option<String>, Query, description = "The frame stays hidden until the page opens it")),
    responses((status = 200, content_type = "text/html", body = String, description = "The page"),
        (status = 403, content_type = "text/html", body = String,
            description = "The origin is not allowed"),
        (status = 404, content_type = "text/html", body = String,
            description = "The invoice does not exist"),
        PageProblems))]
async fn widget(
    State(app): State<Arc<App>>,
    Lang(texts): Lang,
    Accepted(accepted): Accepted,
    invoice: Result<Path<String>, Error>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Message> {
    let query = query.unwrap_or_default();
    let texts = texts.preferring(param(&query, "locale").as_deref());
    let page = async {
        let Path(invoice) = invoice.map_err(|_| Message::no_invoice(texts))?;
        let (project, invoice) = find(&app, texts, &invoice).await?;
        let first = match begins_with_card(&app, &project, &invoice).await {
            Ok(true) => "card",
            Ok(false) => "other",
            Err(error) => return Err(trouble(texts, error)),
        };
        let page = Page {
            back: shop_url(&project, &invoice, &headers),
            invoice: Some(invoice.id),
            locale: invoice.locale,
            first,
        };
        show(&app, &accepted, &project, &query, page)
    };
    page.await
        .map_err(|message: Message| message.in_widget(&query))
}

/// The payment page with a slash at the end of its address
///
/// Redirects to the payment page. The browser keeps the fragment, which has the token.
#[utoipa::path(get, path = "/pay/{invoice}/", operation_id = "redirectToPaymentPage", tag = "pages",
    security(()),
    params(("invoice" = InvoiceId, Path, description = "The invoice's id")),
    responses((status = 308, description = "Redirects to the payment page"),
        (status = 404, content_type = "text/html", body = String,
            description = "The invoice does not exist"),
        PageProblems))]
async fn without_slash(
    Lang(texts): Lang,
    invoice: Result<Path<String>, Error>,
    uri: Uri,
) -> Result<Redirect, Message> {
    let none = || Message::no_invoice(texts);
    let Path(invoice) = invoice.map_err(|_| none())?;
    let invoice: InvoiceId = invoice.parse().map_err(|_| none())?;
    let query = uri.query().map(|query| format!("?{query}"));
    let address = format!("/pay/{invoice}{}", query.unwrap_or_default());
    Ok(Redirect::permanent(&address))
}

/// The payment page, preloaded
///
/// The payment page before the invoice is known: `till.js` loads it and sends it the invoice in a
/// message.
#[utoipa::path(get, path = "/pay/frame", operation_id = "getPaymentFrame", tag = "pages",
    security(()),
    params(("project" = String, Query, description = "The publishable key"),
        ("mode" = String, Query, description = "`iframe`, `inline` or `popup`"),
        ("origin" = String, Query, description = "The origin of the embedding page")),
    responses((status = 200, content_type = "text/html", body = String, description = "The page"),
        (status = 403, content_type = "text/html", body = String,
            description = "The origin is not allowed"),
        (status = 404, content_type = "text/html", body = String,
            description = "The project does not exist"),
        PageProblems))]
async fn frame(
    State(app): State<Arc<App>>,
    Lang(texts): Lang,
    Accepted(accepted): Accepted,
    RawQuery(query): RawQuery,
) -> Result<Response, Message> {
    let query = query.unwrap_or_default();
    let texts = texts.preferring(param(&query, "locale").as_deref());
    let none = || {
        let detail =
            "The publishable key is not valid. Check data-project and the server's address.";
        Message::no_invoice(texts).for_developers(ProblemType::Unauthorized, detail)
    };
    let page = async {
        let pk = param(&query, "project").ok_or_else(none)?;
        let project = projects::find_by_publishable_key(&app, &pk).await;
        let project = project.map_err(|error| trouble(texts, error))?;
        let project = project.ok_or_else(none)?;
        if param(&query, "mode").is_none() {
            return Err(none());
        }
        let page = Page {
            invoice: None,
            back: None,
            locale: None,
            first: "other",
        };
        show(&app, &accepted, &project, &query, page)
    };
    page.await
        .map_err(|message: Message| message.in_widget(&query))
}

fn param<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(key, value)| (key == name).then_some(value))
}

/// What the page is about.
struct Page {
    /// The invoice, unless the page is preloaded.
    invoice: Option<InvoiceId>,
    /// The shop's address.
    back: Option<String>,
    /// The language of the order.
    locale: Option<String>,
    /// What the form begins with; see `index.html`.
    first: &'static str,
}

fn show(
    app: &App,
    accepted: &[String],
    project: &Project,
    query: &str,
    page: Page,
) -> Result<Response, Message> {
    let settings = &project.settings;
    let chosen = param(query, "locale");
    let ordered = page.locale.as_deref();
    let ordered = ordered.or(settings.widget.locale.as_deref());
    let tags = chosen.as_deref().into_iter().chain(ordered);
    let (texts, locale) = Texts::choose(tags.chain(accepted.iter().map(String::as_str)));
    let allowed = &settings.allowed_origins;
    let origin = param(query, "origin");
    let known = |origin: &Cow<'_, str>| allowed.iter().any(|a| a == origin);
    if param(query, "mode").is_some() && !origin.as_ref().is_some_and(known) {
        tracing::warn!(project = %project.id, ?origin, "origin not allowed");
        let detail = format!(
            "The origin {} is not one of the project's allowed_origins. Scheme, host and port must be \
             the same; localhost and 127.0.0.1 are different.",
            origin.unwrap_or_default()
        );
        let message = Message::foreign_origin(texts);
        return Err(message.for_developers(ProblemType::Forbidden, &detail));
    }
    if app.config.live_widget {
        // The browser keeps the fragment, which has the token, across the redirect.
        let invoice = page.invoice.map(|invoice| format!("invoice={invoice}&"));
        let invoice = invoice.unwrap_or_default();
        let address = format!("/widget/?project={}&{invoice}{query}", project.id);
        return Ok(Redirect::to(&address).into_response());
    }
    let nonce = nonce().map_err(|error| {
        tracing::error!(%error, "rendering a page failed");
        Message::trouble(texts)
    })?;
    // The others have a close button.
    let hosted = param(query, "mode").is_none();
    let back = page.back.as_deref().filter(|_| hosted);
    let page = assets::Page {
        project: &project.id,
        invoice: page.invoice.as_ref(),
        locale: &locale,
        first: page.first,
        back,
    };
    let html = assets::page(&nonce, texts, &page).ok_or_else(|| Message::not_built(texts))?;
    let logo = settings.widget.logo_url.as_deref();
    // A popup and the shop's page that opened it post messages to each other. The bank's window does so with
    // the page that opened it.
    let is_popup = param(query, "mode").is_some_and(|mode| mode == "popup");
    let opener = if is_popup {
        Opener::Shared
    } else {
        Opener::OpensWindows
    };
    let headers = page_headers(&policy(&nonce, allowed, logo), Features::Payment, opener);
    Ok((headers, Html(html)).into_response())
}

/// The content security policy. `frame-src` allows any origin because verification forms are the banks'
/// own pages; `frame-ancestors` allows the project's origins only.
fn policy(nonce: &str, allowed_origins: &[String], logo: Option<&str>) -> String {
    let logo = logo.and_then(|url| Url::parse(url).ok());
    let logo = logo.map(|url| url.origin().ascii_serialization());
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'self' 'wasm-unsafe-eval'; \
         style-src 'nonce-{nonce}'; connect-src 'self'; img-src 'self' data: {}; frame-src https: http:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'self' {}",
        logo.unwrap_or_default(),
        allowed_origins.join(" ")
    )
}
