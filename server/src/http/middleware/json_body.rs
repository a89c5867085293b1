//! JSON bodies.

use super::body::{body, has_media_type};
use crate::flow::Error;
use crate::flow::input::{deserialize, duplicate};
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::fmt;
use till_shared::problem::ProblemType;

/// A JSON body.
pub struct JsonBody<T> {
    /// The body as a type.
    pub value: T,
    /// Equal for equal JSON values, however they are spelled. For [`super::idempotency`].
    pub canonical: String,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        JsonObject::from_request(request, state).await?.read()
    }
}

/// A JSON object whose fields are not read yet.
pub struct JsonObject {
    /// The object as it was sent.
    pub value: Map<String, Value>,
    /// Equal for equal JSON values, however they are spelled. For [`super::idempotency`].
    pub canonical: String,
}

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        if !has_media_type(request.headers(), &mime::APPLICATION_JSON) {
            return Err(not_json_type());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(body)?;
        Self::parse(&bytes)
    }
}

impl JsonObject {
    /// Parses an object.
    ///
    /// # Errors
    /// `invalid-request` if the text is no JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).map_err(|_| invalid("The body is not UTF-8."))?;
        // Some editors begin a file with a byte order mark, which RFC 8259 section 8.1 lets a reader
        // ignore.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Err(invalid("The body is empty. It must be a JSON object."));
        }
        let mut parser = serde_json::Deserializer::from_str(text);
        let parsed = serde_path_to_error::deserialize(&mut parser).map_err(duplicate_or_syntax)?;
        parser.end().map_err(|error| syntax(&error))?;
        let UniqueFields(value) = parsed;
        let canonical = serde_json_canonicalizer::to_string(&value).map_err(anyhow::Error::from)?;
        let value = match value {
            Value::Object(object) => object,
            // PHP writes an empty object like this.
            Value::Array(list) if list.is_empty() => Map::new(),
            Value::Null => Map::new(),
            Value::Array(_) => return Err(not_an_object("a list")),
            Value::String(_) => return Err(not_an_object("text")),
            Value::Number(_) => return Err(not_an_object("a number")),
            Value::Bool(_) => return Err(not_an_object("true or false")),
        };
        Ok(Self { value, canonical })
    }

    /// Reads the fields.
    ///
    /// # Errors
    /// `invalid-request` that names the fields.
    pub fn read<T: DeserializeOwned>(self) -> Result<JsonBody<T>, Error> {
        Ok(JsonBody {
            value: deserialize(self.value)?,
            canonical: self.canonical,
        })
    }
}

/// A JSON body that may be absent, as all its fields may.
pub struct OptionalJsonBody<T>(pub JsonBody<T>);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for OptionalJsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let has_type = request.headers().contains_key(CONTENT_TYPE);
        if has_type && !has_media_type(request.headers(), &mime::APPLICATION_JSON) {
            return Err(not_json_type());
        }
        let bytes = Bytes::from_request(request, state).await.map_err(body)?;
        match (bytes.is_empty(), has_type) {
            (true, _) => JsonObject::parse(b"{}")?.read().map(Self),
            (false, true) => JsonObject::parse(&bytes)?.read().map(Self),
            (false, false) => Err(not_json_type()),
        }
    }
}

fn not_json_type() -> Error {
    Error::problem(
        ProblemType::UnsupportedMediaType,
        "The body must be JSON, with the content type application/json.",
    )
}

fn not_an_object(came: &str) -> Error {
    invalid(&format!("The body must be a JSON object, not {came}."))
}

fn invalid(detail: &str) -> Error {
    Error::problem(ProblemType::InvalidRequest, detail)
}

/// [`UniqueFields`] reports only duplicates as an error of the data.
fn duplicate_or_syntax(error: serde_path_to_error::Error<serde_json::Error>) -> Error {
    let path = error.path().to_string();
    let error = error.into_inner();
    if error.is_data() {
        Error::fields(vec![duplicate(&path)])
    } else {
        syntax(&error)
    }
}

fn syntax(error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    invalid(&if error.is_eof() {
        "The body is not valid JSON: it ends too early.".into()
    } else {
        format!("The body is not valid JSON: see line {line}, column {column}.")
    })
}

/// The value of a field, if it is the only one of its name. Its error has the field's path.
struct OnceOnly {
    unique: bool,
}

impl<'de> DeserializeSeed<'de> for OnceOnly {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        if !self.unique {
            return Err(D::Error::custom("duplicate field"));
        }
        UniqueFields::deserialize(from).map(|UniqueFields(value)| value)
    }
}

/// A JSON value without duplicate fields, which readers treat differently (RFC 8259 section 4).
struct UniqueFields(Value);

impl<'de> Deserialize<'de> for UniqueFields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(UniqueFieldsVisitor).map(Self)
    }
}

struct UniqueFieldsVisitor;

impl<'de> Visitor<'de> for UniqueFieldsVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
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
        let mut all = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let unique = !all.contains_key(&name);
            let value = map.next_value_seed(OnceOnly { unique })?;
            all.insert(name, value);
        }
        Ok(all.into())
    }
}
