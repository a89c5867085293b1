//! Extractors whose rejections are problem documents that name the field.

use super::form_fields::{self, NotUtf8};
use crate::flow::Error;
use crate::flow::input::{deserialize_query, shown_text};
use crate::flow::page;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use std::str::FromStr;
use strum::VariantArray;
use till_shared::problem::ProblemType;
use till_shared::text::{self, Layout};

pub use super::body::{LARGEST_BODY, body, has_media_type};
pub use super::json_body::{JsonBody, JsonObject, OptionalJsonBody};

/// A query string.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let fields = form_fields::parse(query).map_err(|NotUtf8 { field }| {
            let name = field.unwrap_or_else(|| "query".into());
            Error::field(name, "not_utf8", "must be UTF-8")
        })?;
        deserialize_query(fields).map(Self)
    }
}

/// The parameters of a path. A path that is not UTF-8 or has control characters does not exist.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let path = percent_decode_str(parts.uri.path()).decode_utf8();
        let none = || {
            let detail = "No resource exists at this path.";
            Error::problem(ProblemType::NotFound, detail)
        };
        let path = path.map_err(|_| none())?;
        text::check(&path, Layout::Line).map_err(|_| none())?;
        let found = axum::extract::Path::from_request_parts(parts, state).await;
        let axum::extract::Path(parameters) = found.map_err(|_| none())?;
        Ok(Self(parameters))
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

/// Parses a query parameter that has one of a few values.
///
/// # Errors
/// `invalid-request` that names it and lists the values.
pub fn one_of<T>(name: &str, text: Option<&str>) -> Result<Option<T>, Error>
where
    T: VariantArray + FromStr + Copy + Into<&'static str>,
{
    let allowed = || {
        let all: Vec<&str> = T::VARIANTS.iter().map(|value| (*value).into()).collect();
        all.join(", ")
    };
    let read = |text: &str| {
        text.parse().map_err(|_| {
            let message = format!("must be one of {}, not {}", allowed(), shown_text(text));
            Error::field(name, "invalid", message)
        })
    };
    text.map(read).transpose()
}
