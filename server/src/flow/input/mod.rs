//! Deserialization whose errors name the fields.

use super::error::{Error, Result};
use super::objects::Objects;
use serde::Deserializer;
use serde::de::DeserializeOwned;
use till_shared::problem::FieldError;

/// Deserializes a value.
///
/// # Errors
/// `invalid-request` that names the first invalid field and every unknown one.
pub fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(from: D) -> Result<T> {
    let mut unknown = vec![];
    let mut note = |path: serde_ignored::Path<'_>| {
        let message = "unknown field";
        // `serde_ignored` writes an optional field as `.?` in the path.
        let path = path.to_string().replace(".?", "");
        unknown.push(FieldError::new(path, "unknown_field", message));
    };
    let read = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(
        Objects(from),
        &mut note,
    ));
    match read {
        Ok(value) if unknown.is_empty() => Ok(value),
        Ok(_) => Err(Error::fields(unknown)),
        Err(error) => {
            let path = error.path().to_string();
            let path = path.trim_matches('.');
            let text = error.into_inner().to_string();
            let text = text.split(" at line ").next().unwrap_or(&text);
            // For a missing field, Serde gives the path of the parent and the name in the message.
            let missing = text
                .strip_prefix("missing field `")
                .and_then(|rest| rest.strip_suffix('`'));
            unknown.push(match missing {
                Some(name) if path.is_empty() => FieldError::new(name, "required", "is required"),
                Some(name) => FieldError::new(format!("{path}.{name}"), "required", "is required"),
                None => {
                    FieldError::new(if path.is_empty() { "body" } else { path }, "invalid", text)
                }
            });
            Err(Error::fields(unknown))
        }
    }
}
