//! Bodies: their type, their size and their encoding.

use crate::flow::Error;
use axum::extract::Request;
use axum::extract::rejection::BytesRejection;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::headers::{ContentType, HeaderMapExt};
use mime::Mime;
use till_shared::problem::ProblemType;

/// The largest body that is read, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;

/// Whether the body has a media type, with any parameters.
pub fn has_media_type(headers: &HeaderMap, expected: &Mime) -> bool {
    let of_body = headers.typed_get::<ContentType>().map(Mime::from);
    of_body.is_some_and(|given| given.essence_str() == expected.essence_str())
}

/// The problem of a body that could not be read.
pub fn body(rejection: BytesRejection) -> Error {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!("The limit is {LARGEST_BODY} bytes.");
        return Error::problem(ProblemType::PayloadTooLarge, detail);
    }
    Error::problem(ProblemType::InvalidRequest, "The body is incomplete.")
}

/// The middleware: rejects compressed bodies. The response says that none are accepted (RFC 9110
/// section 15.5.16).
pub async fn reject_compressed(request: Request, next: Next) -> Response {
    let all = request.headers().get_all(CONTENT_ENCODING).iter();
    let names: Vec<_> = all
        .map(|value| value.to_str().unwrap_or("unreadable").trim())
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity"))
        .collect();
    if names.is_empty() {
        return next.run(request).await;
    }
    let detail = format!(
        "The body has the content encoding {}. Send it without compression.",
        names.join(", ")
    );
    let problem = Error::problem(ProblemType::UnsupportedMediaType, detail);
    let mut response = problem.into_response();
    let identity = HeaderValue::from_static("identity");
    response.headers_mut().insert(ACCEPT_ENCODING, identity);
    response
}
