//! The widget's files and `till.js`. The build compresses them and puts them into the binary.

use super::texts::{Accepted, Texts};
use crate::app::App;
use crate::flow::{Error, Result};
use crate::http::middleware::extract::Query;
use crate::http::openapi::problems;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_extra::headers::{ETag, HeaderMapExt, IfNoneMatch};
use maud::html;
use serde::Deserialize;
use std::sync::Arc;
use till_shared::id::{InvoiceId, ProjectId};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The placeholder that trunk writes for the nonce; see `Trunk.toml`.
const NONCE_PLACEHOLDER: &str = "{{__TRUNK NONCE__}}";
/// The text of `<noscript>` in `index.html`.
const NO_SCRIPT: &str = "<p>Payments need JavaScript. Please turn it on and reload.</p>";
/// The place of the link back to the shop, in `index.html`.
const BACK_LINK: &str = "<a id=back></a>";
/// Where the page finds the texts if no server rendered it, under `trunk serve`; in `index.html`.
const TEXTS_PATH: &str = "/v1/widget/texts";
/// For files with a hash of the content in their name.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// For files with a fixed name.
const REVALIDATE: &str = "public, max-age=300, must-revalidate";

struct Asset {
    name: &'static str,
    content_type: &'static str,
    /// A hash of the content. Weak, as it is the same for every encoding (RFC 9110 section 8.8.3).
    etag: &'static str,
    plain: &'static [u8],
    brotli: &'static [u8],
    gzip: &'static [u8],
}

// WIDGET, EMBED: &[Asset]. INDEX: Option<&str>, `None` if `dist/` was missing. LANGUAGES: the name of
// a language's file, with `LANG` for the language.
include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The routes.
pub fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(widget))
        .routes(routes!(texts))
        .routes(routes!(till_js))
        .routes(routes!(till_d_ts))
}

/// What the widget's page is made for.
pub struct Page<'a> {
    /// The project that may embed it.
    pub project: &'a ProjectId,
    /// The invoice, unless the page is preloaded.
    pub invoice: Option<&'a InvoiceId>,
    /// The BCP 47 tag that chose the language, which formats follow.
    pub locale: &'a str,
    /// What the form begins with, `card` or `other`.
    pub first: &'a str,
    /// The shop's address, for the hosted page.
    pub back: Option<&'a str>,
}

/// The widget's page with the nonce of a response, in a language. `None` if the server was built without
/// the widget.
pub fn page(nonce: &str, texts: &Texts, page: &Page<'_>) -> Option<String> {
    let back = html! { @if let Some(url) = page.back { a #back href=(url) { (texts.back) } } };
    let no_script = html! { p lang=(texts.lang) dir=(texts.dir) { (texts.no_script) } };
    INDEX.map(|html| {
        html.replace(NONCE_PLACEHOLDER, nonce)
            .replace("{{LANGUAGE}}", &texts.lang)
            .replace("{{DIRECTION}}", &texts.dir)
            .replace("{{PROJECT}}", page.project.as_str())
            // Not empty: the build removes the quotes around the placeholders.
            .replace(
                "{{INVOICE}}",
                page.invoice.map_or("none", InvoiceId::as_str),
            )
            .replace("{{LOCALE}}", page.locale)
            .replace("{{FIRST}}", page.first)
            .replace(BACK_LINK, &back.into_string())
            .replace(TEXTS_PATH, &format!("/widget/{}", file_of(texts)))
            .replace(NO_SCRIPT, &no_script.into_string())
    })
}

/// The name of the file with the widget's texts in a language.
fn file_of(texts: &Texts) -> String {
    LANGUAGES.replace("LANG", &texts.lang)
}

/// The widget's texts
///
/// In the language of `locale`, or else of `Accept-Language`.
#[utoipa::path(get, path = "/v1/widget/texts", operation_id = "getWidgetTexts", tag = "widget",
    security(()), params(Asked),
    responses((status = 200, body = serde_json::Map<String, serde_json::Value>,
            description = "The texts by name"),
        (status = 304, description = "The client has the current version (`If-None-Match`)"),
        TextProblems))]
async fn texts(
    Accepted(accepted): Accepted,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response> {
    let tags = asked.locale.iter().chain(&accepted).map(String::as_str);
    let name = file_of(Texts::of(tags));
    file(WIDGET, &name, "no-cache", &headers)
}

/// Which texts.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Asked {
    /// A BCP 47 language tag.
    #[param(example = "de", pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]
    locale: Option<String>,
}

problems!(TextProblems: InvalidRequest, NotFound);
problems!(FileProblems: NotFound);

/// A file of the widget's page
///
/// The page of the widget names its files.
#[utoipa::path(get, path = "/widget/{name}", operation_id = "getWidgetFile", tag = "pages",
    security(()),
    params(("name" = String, Path, description = "Contains a hash of the content")),
    responses((status = 200, description = "The file, cacheable without limit"),
        (status = 304, description = "The client has the current version (`If-None-Match`)"),
        FileProblems))]
async fn widget(Path(name): Path<String>, headers: HeaderMap) -> Result<Response> {
    file(WIDGET, &name, IMMUTABLE, &headers)
}

/// The embed script
///
/// The script that a project puts into its pages.
#[utoipa::path(get, path = "/till.js", operation_id = "getEmbedScript", tag = "pages",
    security(()),
    responses((status = 200, content_type = "text/javascript", body = String,
            description = "The script"),
        (status = 304, description = "The client has the current version (`If-None-Match`)"),
        FileProblems))]
async fn till_js(headers: HeaderMap) -> Result<Response> {
    file(EMBED, "till.js", REVALIDATE, &headers)
}

/// The embed script's types
///
/// TypeScript declarations of the embed script.
#[utoipa::path(get, path = "/till.d.ts", operation_id = "getEmbedTypes", tag = "pages",
    security(()),
    responses((status = 200, content_type = "text/plain", body = String, description = "The types"),
        (status = 304, description = "The client has the current version (`If-None-Match`)"),
        FileProblems))]
async fn till_d_ts(headers: HeaderMap) -> Result<Response> {
    file(EMBED, "till.d.ts", REVALIDATE, &headers)
}

/// The embed script of this build. `None` if it was built without the widget.
pub fn embed_script() -> Option<&'static str> {
    let script = EMBED.iter().find(|asset| asset.name == "till.js")?;
    std::str::from_utf8(script.plain).ok()
}

/// The embed script of this build, at an address that has no other content.
pub fn embed_version(request: &HeaderMap) -> Result<Response> {
    file(EMBED, "till.js", IMMUTABLE, request)
}

fn file(
    assets: &'static [Asset],
    name: &str,
    caching: &'static str,
    request: &HeaderMap,
) -> Result<Response> {
    let found = assets.iter().find(|asset| asset.name == name);
    let asset = found.ok_or_else(|| Error::not_found("file"))?;
    Ok(serve(asset, caching, request))
}

/// The headers of public files: any page may load them.
pub fn public(caching: &'static str) -> [(HeaderName, HeaderValue); 3] {
    [
        (header::CACHE_CONTROL, HeaderValue::from_static(caching)),
        (
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("cross-origin"),
        ),
    ]
}

fn serve(asset: &'static Asset, caching: &'static str, request: &HeaderMap) -> Response {
    let mut headers = HeaderMap::from_iter(public(caching));
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::ETAG, asset.etag);
    set(header::VARY, "accept-encoding");
    let cached: Option<IfNoneMatch> = request.typed_get();
    let current: Option<ETag> = asset.etag.parse().ok();
    if let (Some(cached), Some(current)) = (cached, current)
        && !cached.precondition_passes(&current)
    {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    let accepted = request
        .get(header::ACCEPT_ENCODING)
        .and_then(|v| v.to_str().ok())
        .unwrap_or_default();
    let (body, encoding) = match accepted {
        list if accepts(list, "br") => (asset.brotli, Some("br")),
        list if accepts(list, "gzip") => (asset.gzip, Some("gzip")),
        _ => (asset.plain, None),
    };
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, asset.content_type);
    if let Some(encoding) = encoding {
        set(header::CONTENT_ENCODING, encoding);
    }
    (headers, body).into_response()
}

/// Whether an `Accept-Encoding` list accepts an encoding (RFC 9110 section 12.5.3; `q=0` excludes it).
fn accepts(list: &str, coding: &str) -> bool {
    list.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        let named = parts.next() == Some(coding);
        let weight = parts.find_map(|p| p.strip_prefix("q="));
        named && weight.and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0) > 0.0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_negotiated() {
        assert!(accepts("gzip, deflate, br, zstd", "br"));
        assert!(accepts("gzip;q=0.5", "gzip"));
        assert!(!accepts("gzip, br;q=0", "br"));
        assert!(!accepts("", "br"));
        assert!(!accepts("brotli", "br"));
    }
}
