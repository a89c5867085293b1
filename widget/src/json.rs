//! JSON, by the types of `till_shared`. The errors of this format have no texts, which are as large
//! as the rest of the reading.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The largest text that is written: a message with the URL of a bank's page.
const MAX_LENGTH: usize = 16_384;

/// Reads a value. `None`: the text is not one.
pub fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    let mut unescaped = vec![0; text.len()];
    let read = serde_json_core::from_str_escaped(text, &mut unescaped);
    read.ok().map(|(value, _)| value)
}

/// Writes a value. `None`: it is larger than [`MAX_LENGTH`].
pub fn write<T: Serialize>(value: &T) -> Option<String> {
    let mut text = vec![0; MAX_LENGTH];
    let length = serde_json_core::to_slice(value, &mut text).ok()?;
    text.truncate(length);
    String::from_utf8(text).ok()
}
