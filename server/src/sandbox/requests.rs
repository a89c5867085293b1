//! What the API's calls have in common: bodies, idempotency keys, references and list filters.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::{ApiError, ApiResult};

/// The header that marks the replayed response of an earlier request.
pub(super) const REPLAYED: [(&str, &str); 1] = [("idempotent-replayed", "true")];

/// A JSON body, regardless of the request's content type.
pub(super) struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| rejection.into_response())?;
        match parse_json(&bytes) {
            Ok(body) => Ok(Self(body)),
            Err(error) => Err(error.into_response()),
        }
    }
}

/// Parses a JSON body. The error message repeats no value of the body, because a value may be a
/// card number.
pub(super) fn parse_json<T: DeserializeOwned>(body: &[u8]) -> ApiResult<T> {
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        let message = if text.starts_with("missing field") || text.starts_with("unknown field") {
            text
        } else {
            format!(
                "Invalid JSON at line {} column {}.",
                error.line(),
                error.column()
            )
        };
        ApiError::bad_request("invalid_request", message)
    })
}

/// The `Idempotency-Key` header: 1 to 255 visible characters.
pub(super) struct IdempotencyKey(pub String);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        parts
            .headers
            .get("idempotency-key")
            .and_then(|value| value.to_str().ok())
            .filter(|key| (1..=255).contains(&key.len()))
            .map(|key| Self(key.to_owned()))
            .ok_or_else(|| {
                let message =
                    "The Idempotency-Key header is required and must have 1 to 255 visible characters.";
                ApiError::bad_request("idempotency_key_required", message)
            })
    }
}

/// The filter of a list.
#[derive(Deserialize)]
pub(super) struct ReferenceFilter {
    pub reference: Option<String>,
}

/// Checks a reference, which is the merchant's own id: 1 to 255 characters.
pub(super) fn check_reference(reference: &str) -> ApiResult<()> {
    if (1..=255).contains(&reference.chars().count()) {
        Ok(())
    } else {
        Err(ApiError::unprocessable(
            "invalid_reference",
            "reference must have 1 to 255 characters.",
        ))
    }
}

/// Checks an amount in minor units.
pub(super) fn check_amount(amount: i64) -> ApiResult<()> {
    if amount > 0 {
        Ok(())
    } else {
        Err(ApiError::unprocessable(
            "invalid_amount",
            "amount must be greater than zero.",
        ))
    }
}

/// Returns a digest that detects a different body under the same idempotency key.
pub(super) fn fingerprint(value: &impl Serialize) -> ApiResult<String> {
    serde_json::to_vec(value)
        .map(|bytes| sha256(&bytes))
        .map_err(|_| ApiError::internal())
}

/// Returns the SHA-256 digest in hex.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
