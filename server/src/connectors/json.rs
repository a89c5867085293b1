//! JSON of payment systems.

use serde::de::DeserializeOwned;
use serde_json::Value;
use till_shared::text::sanitize;

/// Reads JSON. Texts are stored and shown, so that control characters in them are replaced: PostgreSQL
/// does not store U+0000.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    // In JSON, control characters below U+0020 are always escaped.
    if !bytes.windows(4).any(|escape| escape == br"\u00") {
        return serde_json::from_slice(bytes);
    }
    let mut value = serde_json::from_slice(bytes)?;
    sanitize_texts(&mut value);
    serde_json::from_value(value)
}

fn sanitize_texts(value: &mut Value) {
    match value {
        Value::String(text) => *text = sanitize(text),
        Value::Array(list) => list.iter_mut().for_each(sanitize_texts),
        Value::Object(object) => object.values_mut().for_each(sanitize_texts),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_can_be_stored() {
        let read: Value = from_slice(br#"{"a": ["x\u0000y", 1], "b": "\\u0000"}"#).unwrap();
        assert_eq!(read["a"][0], "x\u{fffd}y");
        assert_eq!(read["b"], "\\u0000");
    }
}
