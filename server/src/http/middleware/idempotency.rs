//! `Idempotency-Key`: a request that is sent again has one effect and one response.

use crate::app::App;
use crate::flow::idempotency::{self, IdempotentRequest, run_once};
use crate::flow::{Error, Result};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{ObjectBuilder, Type};

static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The `Idempotency-Key` of a request.
pub struct Key(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Key {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let visible = value
            .to_str()
            .ok()
            .filter(|key| (1..=255).contains(&key.len()))
            .filter(|key| key.bytes().all(|b| b.is_ascii_graphic()));
        let message = "must be 1 to 255 visible ASCII characters, without spaces";
        let bad = || Error::field("Idempotency-Key", "invalid", message);
        visible
            .map(|key| Self(Some(key.to_owned())))
            .ok_or_else(bad)
    }
}

impl IntoParams for Key {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = "1 to 255 visible characters. A request that is sent again with the same key has no \
                    further effect and gets the first response, with `Idempotent-Replayed: true`. \
                    A key is kept for 30 days";
        let value = ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(255))
            .pattern(Some("^[!-~]+$"))
            .build();
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some(text))
            .schema(Some(value));
        vec![key.build()]
    }
}

/// A call that creates something.
pub struct Call {
    /// Its idempotency key.
    pub key: Key,
    /// The client. Equal keys of different clients are independent.
    pub scope: String,
    /// Everything that the result depends on, the path included.
    pub request: String,
}

/// Runs a call once for its key; see [`run_once`].
pub async fn once<T, W, F>(app: &App, call: Call, work: W) -> Result<Response>
where
    T: idempotency::Response,
    W: FnOnce(String) -> F,
    F: Future<Output = Result<(StatusCode, T)>>,
{
    let request = IdempotentRequest {
        key: call.key.0,
        scope: call.scope,
        content: call.request,
    };
    let stored = run_once(app, request, async |unique| {
        let (status, value) = work(unique).await?;
        Ok((status.as_u16(), value))
    });
    let stored = stored.await?;
    let status = StatusCode::from_u16(stored.status).map_err(anyhow::Error::from)?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let mut response = (status, headers, stored.body).into_response();
    if stored.replayed {
        let headers = response.headers_mut();
        headers.insert(REPLAYED.clone(), HeaderValue::from_static("true"));
    }
    Ok(response)
}
