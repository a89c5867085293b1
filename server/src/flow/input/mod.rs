//! Reading input: JSON bodies, forms, queries and settings. Texts are checked and trimmed, empty values
//! count as absent, and errors name the field, what is allowed, and what was sent.

mod deserializer;
mod path;
mod tidy;

pub use deserializer::shown_text;
pub use tidy::{tidy, tidy_patch, tidy_text};

use super::error::{Error, Result};
use deserializer::{Input, ReadError, Source};
use path::{element, member};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use serde_path_to_error::Segment;
use till_shared::problem::FieldError;

/// Reads a JSON object.
///
/// # Errors
/// `invalid-request` that names every field whose text is not allowed, or else the first invalid field
/// and every unknown one.
pub fn deserialize<T: DeserializeOwned>(mut object: Map<String, Value>) -> Result<T> {
    tidy(&mut object)?;
    read(&object.into(), Source::Json)
}

/// Reads the parameters of a query. All values are texts.
///
/// # Errors
/// As [`deserialize`]; also for a parameter that is sent more than once.
pub fn deserialize_query<T: DeserializeOwned>(
    parameters: impl IntoIterator<Item = (String, String)>,
) -> Result<T> {
    let mut object = Map::new();
    let mut duplicates = vec![];
    for (name, value) in parameters {
        if object.contains_key(&name) {
            duplicates.push(duplicate(&name));
        }
        object.insert(name, value.into());
    }
    if !duplicates.is_empty() {
        return Err(Error::fields(duplicates));
    }
    tidy(&mut object)?;
    read(&object.into(), Source::Text)
}

/// The error of a field that is sent more than once.
pub fn duplicate(field: &str) -> FieldError {
    FieldError::new(field, "duplicate", "must be sent only once")
}

/// The error of a field that does not exist.
pub fn unknown_field(field: &str) -> FieldError {
    FieldError::new(field, "unknown_field", "is not a known field")
}

fn read<T: DeserializeOwned>(value: &Value, source: Source) -> Result<T> {
    let mut errors = vec![];
    let mut note = |path: serde_ignored::Path<'_>| errors.push(unknown_field(&ignored_path(&path)));
    let input = Input::new(value, source);
    let input = serde_ignored::Deserializer::new(input, &mut note);
    match serde_path_to_error::deserialize(input) {
        Ok(value) if errors.is_empty() => Ok(value),
        Ok(_) => Err(Error::fields(errors)),
        Err(error) => {
            errors.push(field_error(error));
            Err(Error::fields(errors))
        }
    }
}

fn field_error(error: serde_path_to_error::Error<ReadError>) -> FieldError {
    let segments = error.path().iter();
    let path = segments.fold(String::new(), |path, segment| match segment {
        Segment::Seq { index } => element(&path, *index),
        Segment::Map { key } => member(&path, key),
        Segment::Enum { .. } | Segment::Unknown => path,
    });
    match error.into_inner() {
        // Serde gives the path of the object that lacks the field.
        ReadError::Missing(name) => FieldError::new(member(&path, name), "required", "is required"),
        ReadError::NotWhole(came) if path == "amount" || path.ends_with(".amount") => {
            let message = format!(
                "must be a whole number of minor units, such as 1999 for 19.99 EUR, not {came}"
            );
            FieldError::new(path, "invalid", message)
        }
        error => FieldError::new(path, "invalid", error.to_string()),
    }
}

/// The path of a field that was ignored, in the style of [`member`] and [`element`].
fn ignored_path(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path;
    match path {
        Path::Root => String::new(),
        Path::Seq { parent, index } => element(&ignored_path(parent), *index),
        Path::Map { parent, key } => member(&ignored_path(parent), key),
        Path::Some { parent }
        | Path::NewtypeStruct { parent }
        | Path::NewtypeVariant { parent } => ignored_path(parent),
    }
}

#[cfg(test)]
mod tests;
