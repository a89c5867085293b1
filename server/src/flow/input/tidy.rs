//! The first step of reading input, the same for every way in.

use super::path::{element, member};
use crate::flow::error::{Error, Result};
use serde_json::{Map, Value};
use till_shared::problem::FieldError;
use till_shared::text::{self, Layout, TextError};

/// Whether empty values of an object count as absent, or are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Empty {
    /// `null`, an empty text, `[]` and `{}` are removed.
    Absent,
    /// In a merge patch, `null` and an empty text clear the field.
    Clears,
}

/// Checks and trims every text of an object, and removes its empty fields.
///
/// # Errors
/// `invalid-request` that names every field whose text is not allowed.
pub fn tidy(object: &mut Map<String, Value>) -> Result<()> {
    run(object, Empty::Absent)
}

/// Checks and trims every text of a merge patch (RFC 7396). An empty text becomes `null`, which clears
/// the field.
///
/// # Errors
/// `invalid-request` that names every field whose text is not allowed.
pub fn tidy_patch(patch: &mut Map<String, Value>) -> Result<()> {
    run(patch, Empty::Clears)
}

fn run(object: &mut Map<String, Value>, empty: Empty) -> Result<()> {
    let mut errors = vec![];
    tidy_object(object, "", empty, &mut errors);
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Error::fields(errors))
    }
}

fn tidy_object(
    object: &mut Map<String, Value>,
    path: &str,
    empty: Empty,
    errors: &mut Vec<FieldError>,
) {
    for (key, value) in object.iter_mut() {
        let path = member(path, key);
        if let Err(error) = text::check(key, Layout::Line) {
            errors.push(invalid(&path, error));
        }
        tidy_value(value, &path, empty, errors);
        if empty == Empty::Clears && value.as_str().is_some_and(str::is_empty) {
            *value = Value::Null;
        }
    }
    if empty == Empty::Absent {
        object.retain(|_, value| !is_empty(value));
    }
}

fn tidy_value(value: &mut Value, path: &str, empty: Empty, errors: &mut Vec<FieldError>) {
    match value {
        Value::String(text) => match tidy_text(path, text) {
            Ok(tidy) => *text = tidy,
            Err(error) => errors.push(error),
        },
        Value::Array(list) => {
            for (i, value) in list.iter_mut().enumerate() {
                tidy_value(value, &element(path, i), empty, errors);
            }
        }
        Value::Object(object) => tidy_object(object, path, empty, errors),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(object) => object.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Checks a text and cuts the blanks at its ends.
///
/// # Errors
/// When it contains what the field may not hold. In the buyer's details, tabs and line breaks become
/// spaces. At the ends of an `order_id` blanks are an error: two
/// ids that read the same must not be two orders.
pub fn tidy_text(field: &str, given: &str) -> std::result::Result<String, FieldError> {
    // A name that was copied from a table must not refuse an order.
    let one_line = field
        .starts_with("buyer.")
        .then(|| given.replace('\t', " "));
    let one_line = one_line.as_deref().map(text::in_one_line);
    let given = one_line.as_deref().unwrap_or(given);
    let trimmed = text::trim(given);
    if field == "order_id" && trimmed != given && !trimmed.is_empty() {
        let message = "must not begin or end with a blank";
        return Err(FieldError::new(field, "blanks", message));
    }
    match text::check(trimmed, layout(field)) {
        Ok(()) => Ok(text::with_line_feeds(trimmed).into_owned()),
        Err(error) => Err(invalid(field, error)),
    }
}

/// The texts that buyers read may have line breaks, and so may the certificates among the credentials of
/// accounts.
fn layout(field: &str) -> Layout {
    let item_name = field.starts_with("items[") && field.ends_with("].name");
    let credentials = field.starts_with("connectors[") && field.contains("].credentials.");
    if item_name || credentials || field == "description" {
        Layout::Lines
    } else {
        Layout::Line
    }
}

fn invalid(field: &str, error: TextError) -> FieldError {
    FieldError::new(field, error.code(), error.to_string())
}
