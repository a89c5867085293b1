//! A deserializer over [`Value`] whose errors are sentences of this API: what is allowed, and what was
//! sent. An error never contains what may be a card number.

use serde::de::value::{MapDeserializer, SeqDeserializer, StrDeserializer};
use serde::de::{self, Deserializer, Expected, IntoDeserializer, Unexpected, Visitor};
use serde_json::Value;
use std::fmt::{self, Display};

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// JSON, which has types.
    Json,
    /// A query, in which numbers are texts.
    Text,
}

/// A value to deserialize.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    value: &'a Value,
    source: Source,
}

/// Why a value can't be read.
#[derive(Debug)]
pub enum ReadError {
    /// A field is missing.
    Missing(&'static str),
    /// A whole number is expected. With what was sent.
    NotWhole(String),
    /// Anything else, as a message.
    Invalid(String),
}

impl Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(_) => f.write_str("is required"),
            Self::NotWhole(came) => write!(f, "must be a whole number, not {came}"),
            Self::Invalid(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for ReadError {}

impl de::Error for ReadError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Invalid(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Invalid(format!("must be {expected}"))
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::Invalid(format!("must be {expected}"))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        one_of(expected, &shown_text(variant))
    }
}

fn one_of(allowed: &[&str], came: &str) -> ReadError {
    ReadError::Invalid(match allowed {
        [only] => format!("must be {only}, not {came}"),
        _ => format!("must be one of {}, not {came}", allowed.join(", ")),
    })
}

impl<'a> Input<'a> {
    /// A value from a source.
    pub fn new(value: &'a Value, source: Source) -> Self {
        Self { value, source }
    }

    fn whole(self, min: i128, max: i128) -> Result<i128, ReadError> {
        let number = match (self.value, self.source) {
            (Value::Number(number), _) => {
                let signed = number.as_i64().map(i128::from);
                signed.or_else(|| number.as_u64().map(i128::from))
            }
            (Value::String(text), Source::Text) => text.parse().ok(),
            _ => None,
        };
        let came = || shown(self.value);
        let number = number.ok_or_else(|| ReadError::NotWhole(came()))?;
        if (min..=max).contains(&number) {
            Ok(number)
        } else {
            let message = format!("must be from {min} to {max}, not {}", came());
            Err(ReadError::Invalid(message))
        }
    }

    /// Says which type is expected, and which one was sent.
    fn expected(self, what: &str) -> ReadError {
        let came = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        ReadError::Invalid(format!("must be {what}, not {came}"))
    }
}

/// A value as an error shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => {
            let text = number.to_string();
            if is_harmless(&text) {
                text
            } else {
                "a longer number".into()
            }
        }
        Value::String(text) => shown_text(text),
        Value::Array(_) => "a list".into(),
        Value::Object(_) => "an object".into(),
    }
}

/// A text as an error shows it.
pub fn shown_text(text: &str) -> String {
    if is_harmless(text) {
        format!("{text:?}")
    } else {
        "what was sent".into()
    }
}

/// Whether an error may contain a text: it is short, and has fewer digits than a card number.
fn is_harmless(text: &str) -> bool {
    text.chars().count() <= 40 && text.chars().filter(|c| c.is_numeric()).count() <= 8
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $type:ty),+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            let number = self.whole(<$type>::MIN.into(), <$type>::MAX.into())?;
            let number = <$type>::try_from(number).map_err(de::Error::custom)?;
            visitor.$visit(number)
        }
    )+};
}

impl<'de> Deserializer<'de> for Input<'de> {
    type Error = ReadError;

    whole_numbers!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64
    );

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => {
                if let Some(number) = number.as_u64() {
                    visitor.visit_u64(number)
                } else if let Some(number) = number.as_i64() {
                    visitor.visit_i64(number)
                } else {
                    visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN))
                }
            }
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Array(_) => self.deserialize_seq(visitor),
            Value::Object(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match (self.value, self.source) {
            (Value::Bool(value), _) => visitor.visit_bool(*value),
            (Value::String(text), Source::Text) if text == "true" => visitor.visit_bool(true),
            (Value::String(text), Source::Text) if text == "false" => visitor.visit_bool(false),
            _ => {
                let message = format!("must be true or false, not {}", shown(self.value));
                Err(ReadError::Invalid(message))
            }
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            Value::String(text) => visitor.visit_borrowed_str(text),
            _ => Err(self.expected("text")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Value::Array(list) = self.value else {
            return Err(self.expected("a list"));
        };
        let source = self.source;
        let elements = list.iter().map(|value| Input { value, source });
        visitor.visit_seq(SeqDeserializer::new(elements))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let Value::Object(object) = self.value else {
            return Err(self.expected("an object"));
        };
        let source = self.source;
        let fields = object
            .iter()
            .map(|(key, value)| (key.as_str(), Input { value, source }));
        visitor.visit_map(MapDeserializer::new(fields))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.value {
            Value::String(text) => {
                let variant: StrDeserializer<'_, ReadError> = text.as_str().into_deserializer();
                visitor.visit_enum(variant)
            }
            value => Err(one_of(variants, &shown(value))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

impl<'de> IntoDeserializer<'de, ReadError> for Input<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
