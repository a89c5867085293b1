//! The widget's page: framed by a project's page, in a popup, or filling a window of its own.

use super::assets;
use super::message::{Message, nonce, page_headers};
use super::texts::{Lang, Texts};
use crate::flow::App;
use crate::store::projects::Project;
use axum::extract::{Path, RawQuery, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use std::borrow::Cow;
use std::sync::Arc;
use till_shared::id::InvoiceId;
use tracing::Span;
use url::{Url, form_urlencoded};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The pages.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(frame))
        .routes(routes!(widget))
}

/// The invoice and its project, for a page.
///
/// # Errors
/// The page to show instead.
pub async fn find(
    app: &App,
    texts: &'static Texts,
    invoice: &str,
) -> Result<(Project, InvoiceId), Message> {
    let trouble = |error| trouble(texts, error);
    let none = || Message::no_invoice(texts);
    let id: InvoiceId = invoice.parse().map_err(|_| none())?;
    let row = app.store.invoice(&id).await.map_err(trouble)?;
    let row = row.ok_or_else(none)?;
    Span::current().record("project", row.project.as_str());
    let project = app.store.project(&row.project).await.map_err(trouble)?;
    Ok((project.ok_or_else(none)?, id))
}

fn trouble(texts: &'static Texts, error: crate::store::StoreError) -> Message {
    tracing::error!(%error, "a page could not be made");
    Message::trouble(texts)
}

/// The payment page
///
/// The widget filling the window, or, with `mode` and `origin`, for a page of the project's. The
/// client token travels in the fragment, so that no server and no log sees it.
#[utoipa::path(get, path = "/pay/{invoice}", tag = "pages",
    params(("invoice" = InvoiceId, Path),
        ("mode" = Option<String>, Query, description = "`iframe`, `inline` or `popup`"),
        ("origin" = Option<String>, Query, description = "The origin of the page around it"),
        ("locale" = Option<String>, Query, description = "A BCP 47 language tag"),
        ("theme" = Option<String>, Query, description = "`auto`, `light` or `dark`")),
    responses((status = 200, content_type = "text/html", description = "The page"),
        (status = 403, content_type = "text/html", description = "Not for pages of this origin"),
        (status = 404, content_type = "text/html", description = "There is no such invoice")))]
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

/// The payment page, ahead of the click
///
/// The same page before there is an invoice: `till.js` makes it ready and tells it by a message
/// which invoice it is for.
#[utoipa::path(get, path = "/pay/frame", tag = "pages",
    params(("project" = String, Query, description = "The publishable key"),
        ("mode" = String, Query, description = "`iframe`, `inline` or `popup`"),
        ("origin" = String, Query, description = "The origin of the page around it")),
    responses((status = 200, content_type = "text/html", description = "The page"),
        (status = 403, content_type = "text/html", description = "Not for pages of this origin"),
        (status = 404, content_type = "text/html", description = "There is no such project")))]
async fn frame(
    State(app): State<Arc<App>>,
    Lang(texts): Lang,
    RawQuery(query): RawQuery,
) -> Result<Response, Message> {
    let query = query.unwrap_or_default();
    let none = || Message::no_invoice(texts);
    let pk = param(&query, "project").ok_or_else(none)?;
    let project = app.store.project_by_pk(&pk).await;
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
        tracing::warn!(project = %project.id, ?origin, "an origin that the project does not allow");
        return Err(Message::foreign_origin(texts));
    }
    if app.config.live_widget {
        // The browser takes the fragment, with the token, along by itself.
        return Ok(Redirect::to(&format!("/widget/?{which}{query}")).into_response());
    }
    let nonce = nonce().map_err(|error| {
        tracing::error!(%error, "a page could not be made");
        Message::trouble(texts)
    })?;
    let html = assets::page(&nonce, texts).ok_or_else(|| Message::not_built(texts))?;
    let logo = settings.widget.logo_url.as_deref();
    let headers = page_headers(&policy(&nonce, allowed, logo));
    Ok((headers, Html(html)).into_response())
}

/// `frame-src` is wide because a verification form may be anybody's; what may frame us is exact.
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
