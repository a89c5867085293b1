//! The card that a buyer enters in our payment form.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Deref;

/// A card's number or security code. Its `Debug` output is redacted to keep it out of logs, and its memory is
/// overwritten when it is dropped: on the server, because in a browser the page's fields have the card.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretText(String);

#[cfg(not(target_family = "wasm"))]
impl Drop for SecretText {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl Deref for SecretText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(redacted)")
    }
}

/// The card as the buyer entered it. Its `Debug` output is redacted to keep it out of logs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CardData {
    /// The card number, digits only.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub number: SecretText,
    /// The expiry month, 1 to 12.
    pub exp_month: u8,
    /// The expiry year, two or four digits.
    pub exp_year: u16,
    /// The security code.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub cvc: SecretText,
    /// The name on the card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
}

impl CardData {
    /// Removes the spaces and hyphens from the number.
    pub fn remove_separators(&mut self) {
        self.number.0.retain(|c| c != ' ' && c != '-');
    }

    /// Returns the last four digits of the number, which may be stored and shown.
    pub fn last4(&self) -> String {
        let digits: Vec<_> = self.number.chars().filter(char::is_ascii_digit).collect();
        digits[digits.len().saturating_sub(4)..].iter().collect()
    }
}

impl fmt::Debug for CardData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CardData(redacted)")
    }
}

/// The key to which a browser encrypts the card: a JSON Web Key (RFC 7517) on the curve P-256, for
/// `ECDH-ES`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CardEncryptionKey {
    /// The type of the key: `EC`.
    pub kty: String,
    /// The curve: `P-256`.
    pub crv: String,
    /// The first coordinate, 32 bytes in base64url.
    pub x: String,
    /// The second coordinate, 32 bytes in base64url.
    pub y: String,
    /// The id of the key, which the JWE names.
    pub kid: String,
    /// What the key is for: `enc`.
    pub r#use: String,
    /// The algorithm: `ECDH-ES`.
    pub alg: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(number: &str) -> CardData {
        CardData {
            number: number.into(),
            exp_month: 12,
            exp_year: 2039,
            cvc: "123".into(),
            holder: None,
        }
    }

    #[test]
    fn separators_are_removed() {
        for text in ["4242 4242-4242 4242", " 4242424242424242- "] {
            let mut card = card(text);
            card.remove_separators();
            assert_eq!(&*card.number, "4242424242424242");
            assert_eq!(card.last4(), "4242");
        }
        assert_eq!(card("4 2-").last4(), "42");
    }

    #[test]
    fn debug_output_has_no_card() {
        let card = card("4242424242424242");
        let shown = format!("{card:?} {:#?} {:?}", card.number, Some(&card.cvc));
        assert!(!shown.contains(|c: char| c.is_ascii_digit()), "{shown}");
    }

    #[test]
    fn texts_are_plain_json() {
        let json = r#"{"number":"4242","exp_month":12,"exp_year":39,"cvc":"123"}"#;
        let card: CardData = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&card).unwrap(), json);
    }
}
