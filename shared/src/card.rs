//! Card validation. The widget applies it while the buyer types, and the server to every request.

use crate::known;
use serde::{Deserialize, Deserializer, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// A card brand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Brand {
    /// Visa.
    Visa,
    /// Mastercard.
    Mastercard,
    /// American Express.
    Amex,
    /// Discover.
    Discover,
    /// Diners Club.
    Diners,
    /// JCB.
    Jcb,
    /// UnionPay.
    Unionpay,
    /// Maestro.
    Maestro,
    /// Mir.
    Mir,
    /// Any other brand.
    Unknown,
}

impl Brand {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the brand of a complete or partial card number, by the issuer ranges that the card
    /// networks publish. `number` holds digits only.
    pub fn of(number: &str) -> Self {
        // The first six digits, padded with zeros: "51" reads as 510000.
        let mut head = 0u32;
        let mut len = 0;
        for b in number.bytes().take(6).filter(u8::is_ascii_digit) {
            head = head * 10 + u32::from(b - b'0');
            len += 1;
        }
        if len == 0 {
            return Self::Unknown;
        }
        let head = head * 10u32.pow(6 - len);
        match head {
            220_000..=220_499 => Self::Mir,
            222_100..=272_099 | 510_000..=559_999 => Self::Mastercard,
            340_000..=349_999 | 370_000..=379_999 => Self::Amex,
            300_000..=305_999 | 309_500..=309_599 | 360_000..=369_999 | 380_000..=399_999 => {
                Self::Diners
            }
            352_800..=358_999 => Self::Jcb,
            400_000..=499_999 => Self::Visa,
            500_000..=509_999 | 560_000..=589_999 | 630_000..=639_999 | 670_000..=679_999 => {
                Self::Maestro
            }
            601_100..=601_199 | 644_000..=659_999 => Self::Discover,
            620_000..=629_999 | 810_000..=817_199 => Self::Unionpay,
            _ => Self::Unknown,
        }
    }

    /// The valid lengths of a complete number.
    pub fn number_lengths(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Amex => 15..=15,
            Self::Visa => 13..=19,
            Self::Mastercard => 16..=16,
            Self::Diners => 14..=19,
            Self::Discover | Self::Jcb | Self::Unionpay | Self::Mir => 16..=19,
            Self::Maestro | Self::Unknown => 12..=19,
        }
    }

    /// The valid lengths of the security code.
    pub fn cvc_length(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Self::Amex => 4..=4,
            Self::Unknown | Self::Maestro => 3..=4,
            _ => 3..=3,
        }
    }

    /// The positions after which a printed number has a space: 4 and 10 for American Express and
    /// Diners Club, every fourth digit for the others.
    pub fn group_ends(self) -> &'static [usize] {
        match self {
            Self::Amex => &[4, 10],
            Self::Diners => &[4, 10],
            _ => &[4, 8, 12, 16],
        }
    }

    /// The brand's name for display.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Visa => "Visa",
            Self::Mastercard => "Mastercard",
            Self::Amex => "American Express",
            Self::Discover => "Discover",
            Self::Diners => "Diners Club",
            Self::Jcb => "JCB",
            Self::Unionpay => "UnionPay",
            Self::Maestro => "Maestro",
            Self::Mir => "Mir",
            Self::Unknown => "Card",
        }
    }
}

/// Formats a number in the groups that its brand prints.
pub fn group_number(digits: &str) -> String {
    let ends = Brand::of(digits).group_ends();
    let mut out = String::with_capacity(digits.len() + ends.len());
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && ends.contains(&i) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// Returns whether the check digit is correct (Luhn, ISO/IEC 7812-1 annex B).
pub fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let d = u32::from(b.wrapping_sub(b'0'));
            match (i % 2, d) {
                (1, 9) => 9,
                (1, d) => d * 2 % 9,
                (_, d) => d,
            }
        })
        .sum();
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) && sum.is_multiple_of(10)
}

/// Why a card field is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardError {
    /// The field is empty.
    Required,
    /// The value is too short for the brand.
    Incomplete,
    /// The value has the wrong form, or its check digit is wrong.
    Invalid,
    /// The expiry month is in the past.
    Expired,
}

impl CardError {
    /// The `code` in the `errors` of a problem document.
    pub fn code(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Incomplete => "incomplete",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
        }
    }
}

/// Validates a card number: digits only, a length of its brand, and the check digit.
pub fn check_number(digits: &str) -> Result<Brand, CardError> {
    if digits.is_empty() {
        return Err(CardError::Required);
    }
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(CardError::Invalid);
    }
    let brand = Brand::of(digits);
    if digits.len() < *brand.number_lengths().start() {
        return Err(CardError::Incomplete);
    }
    if digits.len() > *brand.number_lengths().end() || !luhn(digits) {
        return Err(CardError::Invalid);
    }
    Ok(brand)
}

/// Expands a two-digit year to the century of `now_year`; returns a four-digit year unchanged.
pub fn full_year(year: u16, now_year: u16) -> u16 {
    if year < 100 {
        now_year / 100 * 100 + year
    } else {
        year
    }
}

/// Validates an expiry date (month 1 to 12, four-digit year) against the current month. A card is
/// valid until the end of its expiry month. A year more than 30 years ahead is a typing error.
pub fn check_expiry(month: u8, year: u16, now_month: u8, now_year: u16) -> Result<(), CardError> {
    if !(1..=12).contains(&month) || year > now_year + 30 {
        Err(CardError::Invalid)
    } else if (year, month) < (now_year, now_month) {
        Err(CardError::Expired)
    } else {
        Ok(())
    }
}

/// Validates a security code against the lengths of its brand.
pub fn check_cvc(cvc: &str, brand: Brand) -> Result<(), CardError> {
    if cvc.is_empty() {
        Err(CardError::Required)
    } else if !cvc.bytes().all(|b| b.is_ascii_digit()) || cvc.len() > *brand.cvc_length().end() {
        Err(CardError::Invalid)
    } else if cvc.len() < *brand.cvc_length().start() {
        Err(CardError::Incomplete)
    } else {
        Ok(())
    }
}

fn brand<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Brand, D::Error> {
    known::or(deserializer, Brand::Unknown)
}

/// The card details that may be stored and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CardSummary {
    /// The brand.
    #[serde(deserialize_with = "brand")]
    pub brand: Brand,
    /// The last four digits.
    #[cfg_attr(feature = "openapi", schema(pattern = "^[0-9]{4}$"))]
    pub last4: String,
    /// The expiry month, 1 to 12.
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 12))]
    pub exp_month: u8,
    /// The expiry year, four digits.
    #[cfg_attr(feature = "openapi", schema(minimum = 2000, maximum = 9999))]
    pub exp_year: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_brand_of_a_number() {
        for (number, brand) in [
            ("4", Brand::Visa),
            ("51", Brand::Mastercard),
            ("2221", Brand::Mastercard),
            ("2200", Brand::Mir),
            ("37", Brand::Amex),
            ("6011", Brand::Discover),
            ("3530", Brand::Jcb),
            ("62", Brand::Unionpay),
            ("36", Brand::Diners),
            ("", Brand::Unknown),
            ("9", Brand::Unknown),
        ] {
            assert_eq!(Brand::of(number), brand, "{number}");
        }
    }

    #[test]
    fn validates_numbers() {
        assert_eq!(check_number("4242424242424242"), Ok(Brand::Visa));
        assert_eq!(check_number("378282246310005"), Ok(Brand::Amex));
        assert_eq!(check_number("4242424242424241"), Err(CardError::Invalid));
        assert_eq!(check_number("42424242"), Err(CardError::Incomplete));
        assert_eq!(check_number("4242 4242"), Err(CardError::Invalid));
        assert_eq!(check_number("55555555555544440"), Err(CardError::Invalid));
        assert_eq!(check_number(""), Err(CardError::Required));
        assert!(!luhn("٤٢٤٢"));
    }

    #[test]
    fn groups_numbers_by_brand() {
        assert_eq!(group_number("4242424242424242"), "4242 4242 4242 4242");
        assert_eq!(group_number("378282246310005"), "3782 822463 10005");
        assert_eq!(group_number("42424"), "4242 4");
    }

    #[test]
    fn a_card_is_valid_until_the_end_of_its_month() {
        assert_eq!(check_expiry(11, 2026, 11, 2026), Ok(()));
        assert_eq!(check_expiry(10, 2026, 11, 2026), Err(CardError::Expired));
        assert_eq!(check_expiry(13, 2027, 11, 2026), Err(CardError::Invalid));
        assert_eq!(check_expiry(1, 2099, 11, 2026), Err(CardError::Invalid));
        assert_eq!(full_year(27, 2026), 2027);
        assert_eq!(full_year(2027, 2026), 2027);
    }

    #[test]
    fn validates_security_codes() {
        assert_eq!(check_cvc("123", Brand::Visa), Ok(()));
        assert_eq!(check_cvc("1234", Brand::Visa), Err(CardError::Invalid));
        assert_eq!(check_cvc("123", Brand::Amex), Err(CardError::Incomplete));
        assert_eq!(check_cvc("12a", Brand::Visa), Err(CardError::Invalid));
    }
}
