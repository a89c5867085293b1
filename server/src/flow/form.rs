//! The simple HTML form's signature: it says that the order is the project's own.

use crate::callbacks::sign::{key_bytes, valid_secrets};
use crate::crypto::{Keys, hmac_sha256};
use crate::store::projects::Project;
use secrecy::SecretString;
use subtle::ConstantTimeEq;

/// The field that holds the signature, and is not signed itself.
pub const SIGNATURE: &str = "signature";

/// The signature of a form: HMAC-SHA256 in lower-case hex over every field but the signature,
/// sorted by name bytewise, as `name=value` joined by line feeds.
///
/// # Errors
/// When the secret is not `whsec_` and base64.
pub fn signature(secret: &SecretString, fields: &[(String, String)]) -> anyhow::Result<String> {
    let mut signed: Vec<_> = fields
        .iter()
        .filter(|(name, _)| name != SIGNATURE)
        .collect();
    signed.sort();
    let lines: Vec<_> = signed
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mac = hmac_sha256(&key_bytes(secret)?, &[lines.join("\n").as_bytes()]);
    Ok(hex::encode(mac))
}

/// Whether a form was signed with one of the project's valid secrets.
///
/// # Errors
/// When a secret does not open with the server's key.
pub fn is_signed(
    keys: &Keys,
    project: &Project,
    fields: &[(String, String)],
    given: &str,
) -> anyhow::Result<bool> {
    let mut good = subtle::Choice::from(0);
    for secret in valid_secrets(keys, project)? {
        let expected = signature(&secret, fields)?;
        good |= expected.as_bytes().ct_eq(given.as_bytes());
    }
    Ok(good.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked out with another implementation:
    /// `printf 'amount=19.99\nmetadata[a]=ä\norder_id=1' | openssl dgst -sha256 -hmac key`.
    #[test]
    fn fields_are_sorted_and_the_signature_left_out() {
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
