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

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use till_shared::message::ToWidget;
    use till_shared::problem::Reason;
    use till_shared::widget::{BillingData, FixedPayment, WidgetState};

    /// A text like JSON.
    fn json() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[{}\\[\\],:\"\\\\ ]",
            "\\\\(u[0-9a-fA-F]{0,4}|[a-z])",
            "(null|true|-?[0-9.eE+]{1,6})",
            "\"(till|open|invoice|token|type|detail|errors|status|payment|kind)\"",
            "\\PC{0,3}",
        ];
        prop::collection::vec(part, 0..16).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn fuzz_whatever_arrives_is_read_without_a_panic(text in json()) {
            let _ = read::<ToWidget>(&text);
            let _ = read::<Reason>(&text);
            let _ = read::<BillingData>(&text);
            let _ = read::<FixedPayment>(&text);
            let _ = read::<WidgetState>(&text);
        }

        #[test]
        fn fuzz_what_is_written_is_read(detail in ".{0,20}", kind in ".{0,10}", retry_after: Option<u32>) {
            let reason = Reason { r#type: kind, detail, errors: vec![], retry_after };
            let written = write(&reason);
            prop_assert_eq!(written.and_then(|text| read::<Reason>(&text)), Some(reason));
        }
    }
}
