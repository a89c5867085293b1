//! The widget's page: framed by a project's page, in a popup, or filling a window of its own.

use super::assets;
use super::message::{Message, nonce, page_headers};
use super::texts::{Lang, Texts};
use crate::flow::App;
use crate::store::projects::Project;
use axum::extract::{Path, RawQuery, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use std::sync::Arc;
use till_shared::id::InvoiceId;
use url::form_urlencoded;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The pages.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(widget))
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
    let trouble = |error: crate::store::StoreError| {
        tracing::error!(%error, "a page could not be made");
        Message::trouble(texts)
    };
    let none = || Message::no_invoice(texts);
    let id: InvoiceId = invoice.parse().map_err(|_| none())?;
    let row = app.store.invoice(&id).await.map_err(trouble)?;
    let row = row.ok_or_else(none)?;
    let project = app.store.project(&row.project).await.map_err(trouble)?;
    Ok((project.ok_or_else(none)?, id))
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
    let param = |name: &str| {
        form_urlencoded::parse(query.as_bytes())
            .find_map(|(key, value)| (key == name).then_some(value))
    };
    let texts = texts.preferring(param("locale").as_deref());
    let (project, invoice) = find(&app, texts, &invoice).await?;
    let allowed = &project.settings.allowed_origins;
    if param("mode").is_some()
        && !param("origin").is_some_and(|origin| allowed.iter().any(|a| *a == origin))
    {
        tracing::warn!(%invoice, origin = ?param("origin"), "an origin that the project does not allow");
        return Err(Message::foreign_origin(texts));
    }
    if app.config.live_widget {
        // The browser takes the fragment, with the token, along by itself.
        let to = format!("/widget/?invoice={invoice}&{query}");
        return Ok(Redirect::to(&to).into_response());
    }
    let nonce = nonce().map_err(|error| {
        tracing::error!(%error, "a page could not be made");
        Message::trouble(texts)
    })?;
    let html = assets::page(&nonce).ok_or_else(|| Message::not_built(texts))?;
    let headers = page_headers(&policy(&nonce, allowed));
    Ok((headers, Html(html)).into_response())
}

/// `frame-src` is wide because a verification form may be anybody's; what may frame us is exact.
fn policy(nonce: &str, allowed_origins: &[String]) -> String {
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' 'self' 'wasm-unsafe-eval'; \
         style-src 'self'; connect-src 'self'; img-src 'self' data:; frame-src https: http:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'self' {}",
        allowed_origins.join(" ")
    )
}
