//! The buyer's details and their validation.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// A field of the buyer's details that a project can require.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum BuyerField {
    /// An e-mail address.
    Email,
    /// A full name.
    Name,
    /// A telephone number.
    Phone,
    /// An ISO 3166-1 alpha-2 code.
    Country,
}

impl BuyerField {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The buyer's details, as far as they are known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Buyer {
    /// An e-mail address.
    #[cfg_attr(
        feature = "openapi",
        schema(
            max_length = 254,
            pattern = r"^\S+@[^\s@.]+(\.[^\s@.]+)+$",
            example = "buyer@shop.example"
        )
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A full name.
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 200))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A telephone number.
    #[cfg_attr(
        feature = "openapi",
        schema(
            pattern = r"^[ +().-]*([0-9][ +().-]*){5,15}$",
            example = "+49 30 1234567"
        )
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// An ISO 3166-1 alpha-2 code.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[A-Z]{2}$", example = "DE"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
}

impl Buyer {
    /// Returns the value of a field.
    pub fn get(&self, field: BuyerField) -> Option<&str> {
        match field {
            BuyerField::Email => self.email.as_deref(),
            BuyerField::Name => self.name.as_deref(),
            BuyerField::Phone => self.phone.as_deref(),
            BuyerField::Country => self.country.as_deref(),
        }
    }

    /// Sets or clears one field.
    pub fn set(&mut self, field: BuyerField, value: Option<String>) {
        match field {
            BuyerField::Email => self.email = value,
            BuyerField::Name => self.name = value,
            BuyerField::Phone => self.phone = value,
            BuyerField::Country => self.country = value,
        }
    }

    /// Returns the fields of `required` that have no value yet.
    pub fn missing(&self, required: &[BuyerField]) -> Vec<BuyerField> {
        required
            .iter()
            .copied()
            .filter(|f| self.get(*f).is_none())
            .collect()
    }
}

/// Returns whether a trimmed value is valid for a field. The rules are lenient: a buyer with an
/// unusual name or address must be able to pay.
pub fn acceptable(field: BuyerField, value: &str) -> bool {
    let chars = value.chars().count();
    if value.trim() != value || value.chars().any(char::is_control) {
        return false;
    }
    match field {
        // RFC 5321 section 4.5.3.1: 254 octets is the longest usable path.
        BuyerField::Email => {
            value.len() <= 254
                && !value.contains(char::is_whitespace)
                && value.rsplit_once('@').is_some_and(|(local, domain)| {
                    !local.is_empty()
                        && domain.contains('.')
                        && domain.split('.').all(|label| !label.is_empty())
                })
        }
        BuyerField::Name => (1..=200).contains(&chars),
        // E.164 allows up to 15 digits. People write them with spaces and punctuation.
        BuyerField::Phone => {
            let digits = value.bytes().filter(u8::is_ascii_digit).count();
            (5..=15).contains(&digits)
                && value
                    .bytes()
                    .all(|b| b.is_ascii_digit() || b" +-().".contains(&b))
        }
        BuyerField::Country => value.len() == 2 && value.bytes().all(|b| b.is_ascii_uppercase()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validates_each_field() {
        for (field, value, valid) in [
            (BuyerField::Email, "a@b.example", true),
            (BuyerField::Email, "tag+x@sub.b.example", true),
            (BuyerField::Email, "a@b", false),
            (BuyerField::Email, "a b@c.example", false),
            (BuyerField::Email, "@c.example", false),
            (BuyerField::Name, "Ng", true),
            (BuyerField::Name, "", false),
            (BuyerField::Phone, "+49 (30) 123-45", true),
            (BuyerField::Phone, "call me", false),
            (BuyerField::Country, "DE", true),
            (BuyerField::Country, "de", false),
        ] {
            assert_eq!(acceptable(field, value), valid, "{value}");
        }
    }
}
