//! Paths of fields in errors.

use till_shared::text::sanitize;

/// The path of a field of an object: `card.number`.
pub fn member(path: &str, key: &str) -> String {
    let key = sanitize(key);
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// The path of an element of a list: `items[0]`.
pub fn element(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}
