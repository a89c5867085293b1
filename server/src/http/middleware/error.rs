//! Errors as problem documents (RFC 9457). The cause of an internal error goes to the log only.

use super::refusal::Refusal;
use super::request_id;
use crate::flow::Error;
use crate::telemetry::panic_reason;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use std::any::Any;
use till_shared::captcha::Captcha;
use till_shared::problem::{FieldError, Problem, ProblemType, Reason};

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let transient = self.is_transient();
        match self {
            Self::Problem {
                kind,
                detail,
                errors,
                retry_after,
                captcha,
            } => document(kind, detail, errors, retry_after, captcha),
            Self::Internal(cause) if transient => {
                tracing::error!(cause = format!("{cause:#}"), "database unavailable");
                let detail = "The database is unavailable. Try again in a moment.";
                document(ProblemType::Unavailable, detail.into(), vec![], None, None)
            }
            Self::Internal(cause) => {
                tracing::error!(cause = format!("{cause:#}"), "internal error");
                let detail = "Internal error. Quote the request id when you report it.";
                document(ProblemType::Internal, detail.into(), vec![], None, None)
            }
        }
    }
}

fn document(
    kind: ProblemType,
    detail: String,
    errors: Vec<FieldError>,
    retry_after: Option<u32>,
    captcha: Option<Box<Captcha>>,
) -> Response {
    let refusal = Refusal {
        problem: kind,
        detail: detail.clone(),
        fields: errors.iter().map(|error| error.field.clone()).collect(),
    };
    let problem = Problem {
        reason: Reason {
            r#type: format!("/problems/{kind}"),
            detail,
            errors,
            retry_after,
        },
        title: kind.title().to_owned(),
        status: kind.status(),
        request_id: request_id::current().map_or_else(String::new, |id| id.to_string()),
        captcha: captcha.map(|captcha| *captcha),
    };
    let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Extension(refusal), Json(problem)).into_response();
    let headers = response.headers_mut();
    let json = HeaderValue::from_static("application/problem+json");
    headers.insert(header::CONTENT_TYPE, json);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match kind {
        // RFC 9110 section 11.6.1: a 401 says how to authenticate.
        ProblemType::Unauthorized => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        ProblemType::Unavailable | ProblemType::IdempotencyKeyInUse => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        _ => {}
    }
    if let Some(seconds) = retry_after {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// `unauthorized`: credentials are missing or wrong.
pub fn unauthorized(detail: &str) -> Error {
    Error::problem(ProblemType::Unauthorized, detail)
}

/// The response where no route matches.
pub async fn not_found(uri: Uri) -> Error {
    let path = uri.path();
    let mut detail = format!("No resource exists at {path}.");
    if path.len() > 1 && path.ends_with('/') {
        detail.push_str(" Leave out the slash at the end.");
    }
    Error::problem(ProblemType::NotFound, detail)
}

/// The response where the route does not support the method.
pub async fn method_not_allowed(method: Method, uri: Uri) -> Error {
    let detail = format!("{} does not support {method}.", uri.path());
    Error::problem(ProblemType::MethodNotAllowed, detail)
}

/// The response when a handler panics.
pub fn panicked(cause: Box<dyn Any + Send>) -> Response {
    Error::Internal(anyhow::anyhow!("panicked: {}", panic_reason(&*cause))).into_response()
}
