//! `Idempotency-Key`: a request that is sent again has one effect and one response.

use super::error::field;
use crate::app::App;
use crate::flow::{Error, Result};
use crate::store::idempotency::Claim;
use crate::{clock, new_id};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use till_shared::problem::ProblemType;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::{IntoParams, PartialSchema};

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
        let bad = || field("Idempotency-Key", "invalid", "1 to 255 visible characters");
        visible
            .map(|key| Self(Some(key.to_owned())))
            .ok_or_else(bad)
    }
}

impl IntoParams for Key {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = "1 to 255 visible characters. A request that is sent again with the same key has no \
                    further effect and gets the first response, with `Idempotent-Replayed: true`";
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .description(Some(text))
            .schema(Some(String::schema()));
        vec![key.build()]
    }
}

/// A call that creates something.
pub struct Call {
    /// Its key.
    pub key: Key,
    /// Whose keys: two callers' equal keys have nothing to do with each other.
    pub scope: String,
    /// Everything the outcome depends on, the path included.
    pub request: String,
}

/// Carries out a call, or answers as it was answered before. `work` is given the unique part of the id of what it makes: a call that
/// broke off (a crash, a lost database) is carried on with the same one. A call that was refused
/// changed nothing, and its key is free again.
pub async fn once<T, W, F>(app: &App, call: Call, work: W) -> Result<Response>
where
    T: Serialize,
    W: FnOnce(String) -> F,
    F: Future<Output = Result<(StatusCode, T)>>,
{
    let Some(key) = call.key.0 else {
        let (status, value) = work(new_id::unique()).await?;
        let body = serde_json::to_string(&value).map_err(anyhow::Error::from)?;
        return Ok(answer(status, body));
    };
    let scope = &call.scope;
    let hash = app.keys.fingerprint(&[call.request.as_bytes()]);
    let now = clock::now_ms();
    // An order check and a call to a payment system.
    let lease = now + 2 * app.call_lease_ms();
    let claim = app
        .store
        .claim_key(scope, &key, &hash, new_id::unique(), now, lease);
    let object = match claim.await? {
        Claim::Start { object } => object,
        Claim::Answered { status, body } => {
            let status = StatusCode::from_u16(status).map_err(anyhow::Error::from)?;
            let mut response = answer(status, body);
            let headers = response.headers_mut();
            headers.insert(REPLAYED.clone(), HeaderValue::from_static("true"));
            return Ok(response);
        }
        Claim::Running => {
            return Err(Error::problem(
                ProblemType::IdempotencyKeyInUse,
                "The first request with this key is still running. Try again in a moment.",
            ));
        }
        Claim::OtherRequest => {
            return Err(Error::problem(
                ProblemType::IdempotencyKeyReused,
                "This key was already used with a different request.",
            ));
        }
    };
    match work(object).await {
        Ok((status, value)) => {
            let body = serde_json::to_string(&value).map_err(anyhow::Error::from)?;
            let kept = app.store.answer_key(scope, &key, status.as_u16(), &body);
            kept.await?;
            Ok(answer(status, body))
        }
        Err(error @ Error::Problem { .. }) => {
            app.store.release_key(scope, &key).await?;
            Err(error)
        }
        Err(error @ Error::Internal(_)) => {
            app.store.leave_key(scope, &key, clock::now_ms()).await?;
            Err(error)
        }
    }
}

fn answer(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}
