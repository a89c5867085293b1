//! The signature of the simple HTML form, which proves that the order is the project's own.

use crate::callbacks::sign::{key_bytes, valid_secrets};
use crate::crypto::{Keys, hmac_sha256};
use crate::store::projects::Project;
use secrecy::SecretString;
use subtle::ConstantTimeEq;

/// The field that holds the signature. It is not signed itself.
pub const SIGNATURE: &str = "signature";

/// The signature of a form: HMAC-SHA256 in lower-case hex over every field except the signature,
/// sorted bytewise by name, as `name=value` joined by line feeds.
///
/// # Errors
/// When the secret is not `whsec_` and base64.
pub fn signature<T: AsRef<[u8]>>(
    secret: &SecretString,
    fields: &[(T, T)],
) -> anyhow::Result<String> {
    let bytes = fields
        .iter()
        .map(|(name, value)| (name.as_ref(), value.as_ref()));
    let mut signed: Vec<(&[u8], &[u8])> = bytes
        .filter(|(name, _)| *name != SIGNATURE.as_bytes())
        .collect();
    signed.sort_unstable();
    let lines: Vec<_> = signed
        .iter()
        .map(|(name, value)| [*name, *value].join(&b'='))
        .collect();
    let mac = hmac_sha256(&key_bytes(secret)?, &[&lines.join(&b'\n')]);
    Ok(hex::encode(mac))
}

/// The first field that can't be signed because it contains a line feed, or its name an equals sign: two
/// different forms would have the same signature.
pub fn unsignable(fields: &[(String, String)]) -> Option<&str> {
    let ambiguous =
        |(name, value): &&(String, String)| name.contains(['\n', '=']) || value.contains('\n');
    fields.iter().find(ambiguous).map(|(name, _)| name.as_str())
}

/// Whether a form is signed with one of the project's valid secrets.
///
/// # Errors
/// When a secret can't be decrypted with the server's key.
pub fn is_signed<T: AsRef<[u8]>>(
    keys: &Keys,
    project: &Project,
    fields: &[(T, T)],
    given: &str,
) -> anyhow::Result<bool> {
    let mut valid = subtle::Choice::from(0);
    for secret in valid_secrets(keys, project)? {
        let expected = signature(&secret, fields)?;
        valid |= expected.as_bytes().ct_eq(given.as_bytes());
    }
    Ok(valid.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// A form whose fields look like the ends of other fields.
    fn form() -> impl Strategy<Value = BTreeMap<String, String>> {
        let text = r"[a=\n\[\]]{0,4}";
        let name = prop_oneof![
            text.prop_map(|key| format!("metadata[{key}]")),
            Just("a".into())
        ];
        prop::collection::btree_map(name, text, 0..4)
    }

    proptest! {
        #[test]
        fn fuzz_two_forms_never_have_one_signature(one in form(), other in form()) {
            let secret = SecretString::from("whsec_a2V5");
            let fields = |form: &BTreeMap<String, String>| -> Vec<_> { form.clone().into_iter().collect() };
            let (one_fields, other_fields) = (fields(&one), fields(&other));
            if unsignable(&one_fields).is_none() && unsignable(&other_fields).is_none() {
                let equal = signature(&secret, &one_fields).unwrap()
                    == signature(&secret, &other_fields).unwrap();
                prop_assert_eq!(equal, one == other);
            }
        }
    }

    /// Computed with OpenSSL:
    /// `printf 'amount=19.99\nmetadata[a]=ä\norder_id=1' | openssl dgst -sha256 -hmac key`.
    #[test]
    fn fields_are_sorted_and_the_signature_is_not_signed() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let secret = SecretString::from("whsec_a2V5");
        let fields = [
            field("order_id", "1"),
            field("signature", "x"),
            field("metadata[a]", "ä"),
            field("amount", "19.99"),
        ];
        let expected = "66a2d049fcff26ee82a218b6c548784032cd331acfd44c29eba0677515dcf9c3";
        assert_eq!(signature(&secret, &fields).unwrap(), expected);
    }
}
