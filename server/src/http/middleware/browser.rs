//! Pages for people who open an address for programs.

use super::refusal::Refusal;
use crate::http::pages::message::Message;
use crate::http::pages::texts::Lang;
use axum::RequestExt;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::headers::HeaderMapExt;
use headers_accept::Accept;
use mediatype::MediaType;
use mediatype::names::{APPLICATION, HTML, JSON, TEXT};

/// The representations of a problem, the preferred one first.
static REPRESENTATIONS: [MediaType<'_>; 2] = [
    MediaType::new(APPLICATION, JSON),
    MediaType::new(TEXT, HTML),
];

/// The middleware: replaces problem documents by pages where `Accept` prefers HTML.
pub async fn pages_for_people(mut request: Request, next: Next) -> Response {
    if !prefers_html(request.headers()) {
        return next.run(request).await;
    }
    let Ok(Lang(texts)) = request.extract_parts().await;
    let query = request.uri().query().unwrap_or_default().to_owned();
    let mut response = next.run(request).await;
    let Some(refusal) = response.extensions_mut().remove::<Refusal>() else {
        return response;
    };
    let page = Message::problem(response.status(), texts, refusal.detail.clone());
    let page = page.for_developers(refusal.problem, &refusal.detail);
    let mut page = page.in_widget(&query).into_response();
    page.extensions_mut().insert(refusal);
    let kept = [
        header::ALLOW,
        header::RETRY_AFTER,
        header::WWW_AUTHENTICATE,
        header::ACCEPT_ENCODING,
    ];
    for name in kept {
        if let Some(value) = response.headers_mut().remove(&name) {
            page.headers_mut().insert(name, value);
        }
    }
    page
}

/// Whether a client prefers HTML to JSON, as browsers do. Without `Accept`, or with `*/*`, it does not.
fn prefers_html(headers: &HeaderMap) -> bool {
    let accept = headers.typed_get::<Accept>();
    let best = accept
        .as_ref()
        .and_then(|accept| accept.negotiate(&REPRESENTATIONS));
    best.is_some_and(|best| best.subty == HTML)
}
