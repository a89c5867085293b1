//! The widget's page: framed by a project's page, in a popup, or filling a window of its own.

use super::assets;
use crate::flow::App;
use crate::new_id;
use crate::store::projects::Project;
use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use std::borrow::Cow;
use std::sync::Arc;
use till_shared::id::InvoiceId;
use url::{Url, form_urlencoded};

/// The pages.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/pay/frame", get(frame))
        .route("/pay/{invoice}", get(widget))
}

/// A page for people, when there is nothing better to show.
pub struct Message {
    /// The HTTP status.
    pub status: StatusCode,
    /// One line.
    pub title: &'static str,
    /// What to do now.
    pub text: &'static str,
}

impl Message {
    /// There is no such invoice, or the link is not one of ours.
    pub const NO_INVOICE: Self = Self {
        status: StatusCode::NOT_FOUND,
        title: "This payment link is not valid",
        text: "Please go back to the shop and start the payment again.",
    };
    /// Something failed inside us.
    pub const TROUBLE: Self = Self {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        title: "Something went wrong on our side",
        text: "Nothing was charged by opening this page. Please try again in a moment.",
    };
    const FOREIGN_ORIGIN: Self = Self {
        status: StatusCode::FORBIDDEN,
        title: "This site may not show this payment",
        text: "The site's address is not among the shop's allowed_origins.",
    };
    const NOT_BUILT: Self = Self {
        status: StatusCode::SERVICE_UNAVAILABLE,
        title: "The widget is not built",
        text: "Run `cargo xtask demo`, or `trunk build --release` and then build the server anew.",
    };
}

impl IntoResponse for Message {
    fn into_response(self) -> Response {
        let html = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{0}</title><h1>{0}</h1><p>{1}</p></html>",
            self.title, self.text
        );
        (self.status, page_headers("default-src 'none'"), Html(html)).into_response()
    }
}

/// The headers of every page of ours: never cached, and under a content security policy.
pub fn page_headers(policy: &str) -> [(HeaderName, String); 3] {
    [
        (header::CACHE_CONTROL, "no-store".into()),
        (header::CONTENT_SECURITY_POLICY, policy.into()),
        (header::REFERRER_POLICY, "origin".into()),
    ]
}

/// The invoice and its project, for a page.
///
/// # Errors
/// The page to show instead.
pub async fn find(app: &App, invoice: &str) -> Result<(Project, InvoiceId), Message> {
    let id: InvoiceId = invoice.parse().map_err(|_| Message::NO_INVOICE)?;
    let row = app.store.invoice(&id).await.map_err(trouble)?;
    let row = row.ok_or(Message::NO_INVOICE)?;
    let project = app.store.project(&row.project).await.map_err(trouble)?;
    Ok((project.ok_or(Message::NO_INVOICE)?, id))
}

fn trouble(error: crate::store::StoreError) -> Message {
    tracing::error!(%error, "a page could not be made");
    Message::TROUBLE
}

/// A value that makes one script of one response run (CSP nonce).
///
/// # Errors
/// The page to show instead.
pub fn nonce() -> Result<String, Message> {
    new_id::random::<16>().map(hex::encode).map_err(|error| {
        tracing::error!(%error, "no random bytes");
        Message::TROUBLE
    })
}

async fn widget(
    State(app): State<Arc<App>>,
    Path(invoice): Path<String>,
    RawQuery(query): RawQuery,
) -> Result<Response, Message> {
    let (project, invoice) = find(&app, &invoice).await?;
    let query = query.unwrap_or_default();
    show(&app, &project, &query, &format!("invoice={invoice}&"))
}

/// The same page before there is an invoice: `till.js` makes it ready ahead of the click and tells
/// it by a message which invoice it is for.
async fn frame(
    State(app): State<Arc<App>>,
    RawQuery(query): RawQuery,
) -> Result<Response, Message> {
    let query = query.unwrap_or_default();
    let pk = param(&query, "project").ok_or(Message::NO_INVOICE)?;
    let project = app.store.project_by_pk(&pk).await;
    let project = project.map_err(trouble)?.ok_or(Message::NO_INVOICE)?;
    if param(&query, "mode").is_none() {
        return Err(Message::NO_INVOICE);
    }
    show(&app, &project, &query, "")
}

fn param<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(query.as_bytes()).find_map(|(key, value)| (key == name).then_some(value))
}

fn show(app: &App, project: &Project, query: &str, which: &str) -> Result<Response, Message> {
    let settings = &project.settings;
    let allowed = &settings.allowed_origins;
    let origin = param(query, "origin");
    let known = |origin: &Cow<'_, str>| allowed.iter().any(|a| a == origin);
    if param(query, "mode").is_some() && !origin.as_ref().is_some_and(known) {
        tracing::warn!(project = %project.id, ?origin, "an origin that the project does not allow");
        return Err(Message::FOREIGN_ORIGIN);
    }
    if app.config.live_widget {
        // The browser takes the fragment, with the token, along by itself.
        return Ok(Redirect::to(&format!("/widget/?{which}{query}")).into_response());
    }
    let nonce = nonce()?;
    let html = assets::page(&nonce).ok_or(Message::NOT_BUILT)?;
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
