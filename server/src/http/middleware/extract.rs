//! Extractors whose rejections are problem documents that name the field.

use crate::flow::Error;
use crate::flow::deserialize::deserialize;
use crate::flow::page;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum_extra::headers::{ContentType, HeaderMapExt};
use mime::Mime;
use serde::de::{DeserializeOwned, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::str::FromStr;
use till_shared::problem::ProblemType;

/// The largest body that is read, in bytes.
pub const LARGEST_BODY: usize = 64 * 1024;

/// A JSON body.
pub struct JsonBody<T> {
    /// The body as a type.
    pub value: T,
    /// Equal for equal JSON values, however they are spelled. For [`super::idempotency`].
    pub canonical: String,
}

impl<T: DeserializeOwned> JsonBody<T> {
    fn read(bytes: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).map_err(|_| not_json("it is not UTF-8"))?;
        let UniqueFields(canonical) =
            serde_json::from_str(text).map_err(|e| not_json(&e.to_string()))?;
        let value = deserialize(&mut serde_json::Deserializer::from_str(text))?;
        Ok(Self {
            value,
            canonical: serde_json_canonicalizer::to_string(&canonical)
                .map_err(anyhow::Error::from)?,
        })
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !has_media_type(request.headers(), &mime::APPLICATION_JSON) {
            return Err(not_json_type());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(body)?;
        Self::read(&bytes)
    }
}

/// A JSON body that may be absent, as all its fields may.
pub struct OptionalJsonBody<T>(pub JsonBody<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if request.headers().contains_key(CONTENT_TYPE) {
            return JsonBody::from_request(request, state).await.map(Self);
        }
        let bytes = Bytes::from_request(request, state).await.map_err(body)?;
        if bytes.is_empty() {
            JsonBody::read(b"{}").map(Self)
        } else {
            Err(not_json_type())
        }
    }
}

/// A JSON value without duplicate fields, which readers treat differently (RFC 8259 section 4).
struct UniqueFields(serde_json::Value);

impl<'de> Deserialize<'de> for UniqueFields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(UniqueFieldsVisitor).map(Self)
    }
}

struct UniqueFieldsVisitor;

impl<'de> Visitor<'de> for UniqueFieldsVisitor {
    type Value = serde_json::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(serde_json::Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut all = vec![];
        while let Some(UniqueFields(value)) = list.next_element()? {
            all.push(value);
        }
        Ok(all.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = serde_json::Map::new();
        while let Some((name, UniqueFields(value))) = map.next_entry::<String, UniqueFields>()? {
            if all.contains_key(&name) {
                return Err(A::Error::custom(format!("duplicate field `{name}`")));
            }
            all.insert(name, value);
        }
        Ok(all.into())
    }
}

/// Whether the body has a media type, with any parameters.
pub fn has_media_type(headers: &HeaderMap, expected: &Mime) -> bool {
    let of_body = headers.typed_get::<ContentType>().map(Mime::from);
    of_body.is_some_and(|given| given.essence_str() == expected.essence_str())
}

fn not_json_type() -> Error {
    Error::problem(
        ProblemType::UnsupportedMediaType,
        "The body must be JSON, with the content type application/json.",
    )
}

fn not_json(why: &str) -> Error {
    let detail = format!("The body is not valid JSON: {why}.");
    Error::problem(ProblemType::InvalidRequest, detail)
}

/// The problem of a body that could not be read.
pub fn body(rejection: BytesRejection) -> Error {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        let detail = format!("The limit is {} bytes.", LARGEST_BODY);
        return Error::problem(ProblemType::PayloadTooLarge, detail);
    }
    Error::problem(ProblemType::InvalidRequest, "The body is incomplete.")
}

/// A query string.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let pairs = url::form_urlencoded::parse(query);
        deserialize(serde_urlencoded::Deserializer::new(pairs)).map(Self)
    }
}

/// Parses an id of a path.
///
/// # Errors
/// `not-found`.
pub fn id<T: FromStr>(text: &str, what: &str) -> Result<T, Error> {
    text.parse().map_err(|_| Error::not_found(what))
}

/// Parses a time of a query, as milliseconds since 1970-01-01 UTC.
///
/// # Errors
/// `invalid-request` that names the parameter.
pub fn time(name: &str, text: Option<&str>) -> Result<Option<i64>, Error> {
    text.map(|text| page::time(text).ok_or_else(|| Error::field(name, "invalid", page::TIME)))
        .transpose()
}

/// Parses a query parameter.
///
/// # Errors
/// `invalid-request` that names it.
pub fn parsed<T: FromStr<Err: ToString>>(
    name: &str,
    text: Option<&str>,
) -> Result<Option<T>, Error> {
    text.map(|text| {
        text.parse()
            .map_err(|e: T::Err| Error::field(name, "invalid", e.to_string()))
    })
    .transpose()
}
