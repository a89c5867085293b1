//! The payment page, which is the widget: in a frame, in a popup or as a whole page.

use super::assets;
use super::message::{Message, nonce, page_headers};
use super::texts::{Lang, Texts};
use crate::app::App;
use crate::flow::projects::Project;
use crate::flow::{Error, invoices, projects};
use axum::extract::{Path, RawQuery, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use std::borrow::Cow;
use std::sync::Arc;
use till_shared::id::InvoiceId;
use tracing::Span;
use url::{Url, form_urlencoded};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(frame))
        .routes(routes!(widget))
}

/// Finds the invoice of a page and its project.
///
/// # Errors
/// The error page.
pub async fn find(
    app: &App,
    texts: &'static Texts,
    invoice: &str,
) -> Result<(Project, InvoiceId), Message> {
    let trouble = |error| trouble(texts, error);
    let none = || Message::no_invoice(texts);
    let id: InvoiceId = invoice.parse().map_err(|_| none())?;
    let found = invoices::find(app, &id).await.map_err(trouble)?;
    let (project, _) = found.ok_or_else(none)?;
    Span::current().record("project", project.id.as_str());
    Ok((project, id))
}

fn trouble(texts: &'static Texts, error: Error) -> Message {
    tracing::error!(%error, "rendering a page failed");
    Message::trouble(texts)
}

/// The payment page
///
/// The widget as a whole page, or, with `mode` and `origin`, for embedding in a project's page. The
/// client token is in the URL's fragment, which is not sent to servers or logged.
#[utoipa::path(get, path = "/pay/{invoice}", tag = "pages",
    params(("invoice" = InvoiceId, Path),
        ("mode" = Option<String>, Query, description = "`iframe`, `inline` or `popup`"),
        ("origin" = Option<String>, Query, description = "The origin of the embedding page"),
        ("locale" = Option<String>, Query, description = "A BCP 47 language tag"),
        ("theme" = Option<String>, Query, description = "`auto`, `light` or `dark`")),
    responses((status = 200, content_type = "text/html", description = "The page"),
        (status = 403, content_type = "text/html", description = "The origin is not allowed"),
        (status = 404, content_type = "text/html", description = "The invoice does not exist")))]
async fn widget(
    State(app): State<Arc<App>>,
    Lang(texts): Lang,
    Path(invoice): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Message> {
    let query = query.unwrap_or_default();
    let texts = texts.preferring(param(&query, "locale").as_deref());
    let (project, invoice) = find(&app, texts, &invoice).await?;
    show(
        &app,
        texts,
        &project,
        &query,
        &format!("invoice={invoice}&"),
    )
}

/// The payment page, preloaded
///
/// The payment page before the invoice is known: `till.js` loads it and sends it the invoice in a
/// message.
#[utoipa::path(get, path = "/pay/frame", tag = "pages",
    params(("project" = String, Query, description = "The publishable key"),
        ("mode" = String, Query, description = "`iframe`, `inline` or `popup`"),
        ("origin" = String, Query, description = "The origin of the embedding page")),
    responses((status = 200, content_type = "text/html", description = "The page"),
        (status = 403, content_type = "text/html", description = "The origin is not allowed"),
        (status = 404, content_type = "text/html", description = "The project does not exist")))]
async fn frame(
    State(app): State<Arc<App>>,
    Lang(texts): Lang,
    RawQuery(query): RawQuery,
) -> Result<Response, Message> {
    let query = query.unwrap_or_default();
    let none = || Message::no_invoice(texts);
    let pk = param(&query, "project").ok_or_else(none)?;
    let project = projects::find_by_publishable_key(&app, &pk).await;
    let project = project.map_err(|error| trouble(texts, error))?;
    let project = project.ok_or_else(none)?;
    if param(&query, "mode").is_none() {
        return Err(none());
    }
    show(&app, texts, &project, &query, "")
}

fn param<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(key, value)| (key == name).then_some(value))
}

fn show(
    app: &App,
    texts: &'static Texts,
    project: &Project,
    query: &str,
    which: &str,
) -> Result<Response, Message> {
    let settings = &project.settings;
    let allowed = &settings.allowed_origins;
    let origin = param(query, "origin");
    let known = |origin: &Cow<'_, str>| allowed.iter().any(|a| a == origin);
    if param(query, "mode").is_some() && !origin.as_ref().is_some_and(known) {
        tracing::warn!(project = %project.id, ?origin, "origin not allowed");
        return Err(Message::foreign_origin(texts));
    }
    if app.config.live_widget {
        // The browser keeps the fragment, which has the token, across the redirect.
        return Ok(Redirect::to(&format!("/widget/?{which}{query}")).into_response());
    }
    let nonce = nonce().map_err(|error| {
        tracing::error!(%error, "rendering a page failed");
        Message::trouble(texts)
    })?;
    let html = assets::page(&nonce, texts).ok_or_else(|| Message::not_built(texts))?;
    let logo = settings.widget.logo_url.as_deref();
    let headers = page_headers(&policy(&nonce, allowed, logo));
    Ok((headers, Html(html)).into_response())
}

/// The content security policy. `frame-src` allows any origin because verification forms are the banks'
/// own pages; `frame-ancestors` allows the project's origins only.
fn policy(nonce: &str, allowed_origins: &[String], logo: Option<&str>) -> String {
    let logo = logo.and_then(|url| Url::parse(url).ok());
    let logo = logo.map(|url| url.origin().ascii_serialization());
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'self' 'wasm-unsafe-eval'; \
         style-src 'self'; connect-src 'self'; img-src 'self' data: {}; frame-src https: http:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'self' {}",
        logo.unwrap_or_default(),
        allowed_origins.join(" ")
    )
}
