//! Amounts of money: integer minor units with an ISO 4217 currency. Never floating point.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An ISO 4217 currency with defined minor units (excludes gold and "no currency").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR"))]
pub struct Currency(iso_currency::Currency);

/// Why a value is not a valid amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyError {
    /// Not an ISO 4217 code, or a currency without minor units.
    UnknownCurrency,
    /// Not a plain decimal number such as `19.99`.
    NotDecimal,
    /// More decimals than the currency has.
    TooManyDecimals {
        /// The number of decimals of the currency.
        allowed: u32,
    },
    /// Zero, negative, or above [`Money::MAX_AMOUNT`].
    OutOfRange,
}

impl fmt::Display for MoneyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCurrency => f.write_str("must be an ISO 4217 code such as EUR"),
            Self::NotDecimal => f.write_str("must be a decimal number with a point, such as 19.99"),
            Self::TooManyDecimals { allowed } => {
                write!(
                    f,
                    "must not have more decimals than the currency, which has {allowed}"
                )
            }
            Self::OutOfRange => {
                write!(f, "must be from 1 to {} minor units", Money::MAX_AMOUNT)
            }
        }
    }
}

impl std::error::Error for MoneyError {}

impl Currency {
    /// Returns the number of decimals by ISO 4217: EUR 2, JPY 0, KWD 3.
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// Returns the three-letter code.
    pub fn code(self) -> &'static str {
        self.0.code()
    }
}

impl std::str::FromStr for Currency {
    type Err = MoneyError;
    fn from_str(s: &str) -> Result<Self, MoneyError> {
        // Case has no meaning in a code.
        iso_currency::Currency::from_code(&s.to_ascii_uppercase())
            .filter(|c| c.exponent().is_some())
            .map(Self)
            .ok_or(MoneyError::UnknownCurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(d)?;
        code.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount in the minor units of a currency (cents, yen, fils).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// The amount, in minor units.
    pub amount: i64,
    /// The currency, ISO 4217.
    pub currency: Currency,
}

impl Money {
    /// The largest amount of an order, in minor units. It is exact in a JavaScript number, and sums
    /// fit into an `i64`.
    pub const MAX_AMOUNT: i64 = 999_999_999_999;

    /// The valid amounts of an order, in minor units.
    pub const ORDER_AMOUNTS: std::ops::RangeInclusive<i64> = 1..=Self::MAX_AMOUNT;

    /// Creates the amount of an order, one of [`Self::ORDER_AMOUNTS`].
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] for any other amount.
    pub fn for_order(amount: i64, currency: Currency) -> Result<Self, MoneyError> {
        if Self::ORDER_AMOUNTS.contains(&amount) {
            Ok(Self { amount, currency })
        } else {
            Err(MoneyError::OutOfRange)
        }
    }

    /// Parses a decimal string from an HTML form: digits, then optionally a point and at most as many
    /// decimals as the currency has. No sign, no grouping, no exponent.
    ///
    /// # Errors
    /// When the text is not such a decimal, or the amount is out of range for an order.
    pub fn from_decimal(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(decimals) || text.ends_with('.') {
            return Err(MoneyError::NotDecimal);
        }
        let exponent = currency.exponent() as usize;
        if decimals.len() > exponent {
            return Err(MoneyError::TooManyDecimals {
                allowed: currency.exponent(),
            });
        }
        let minor = format!("{whole}{decimals:0<exponent$}");
        let amount = minor.parse().map_err(|_| MoneyError::OutOfRange)?;
        Self::for_order(amount, currency)
    }

    /// Formats the amount as a decimal string with all decimals of the currency: `19.99`, `500`,
    /// `-0.05`.
    pub fn to_decimal(self) -> String {
        let sign = if self.amount < 0 { "-" } else { "" };
        let exponent = self.currency.exponent() as usize;
        let digits = format!(
            "{:0>width$}",
            self.amount.unsigned_abs(),
            width = exponent + 1
        );
        let (whole, decimals) = digits.split_at(digits.len() - exponent);
        if decimals.is_empty() {
            format!("{sign}{whole}")
        } else {
            format!("{sign}{whole}.{decimals}")
        }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    /// ISO 4217 list one: every exponent other than 2, without funds codes.
    #[test]
    fn exponents_match_iso_4217() {
        let zero = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
        let three = "BHD IQD JOD KWD LYD OMR TND";
        for code in zero.split(' ') {
            assert_eq!(currency(code).exponent(), 0, "{code}");
        }
        for code in three.split(' ') {
            assert_eq!(currency(code).exponent(), 3, "{code}");
        }
        for code in ["CLF", "UYW"] {
            assert_eq!(currency(code).exponent(), 4, "{code}");
        }
        for code in "EUR USD GBP HUF TWD IDR COP MGA MRU CRC CZK AMD".split(' ') {
            assert_eq!(currency(code).exponent(), 2, "{code}");
        }
    }

    #[test]
    fn rejects_invalid_amounts() {
        let eur = currency("EUR");
        for text in [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "1,000", " 1", "1 ", "١", "0x1", "1.2.3",
        ] {
            assert_eq!(
                Money::from_decimal(text, eur),
                Err(MoneyError::NotDecimal),
                "{text:?}"
            );
        }
        assert_eq!(
            Money::from_decimal("1.999", eur),
            Err(MoneyError::TooManyDecimals { allowed: 2 })
        );
        assert_eq!(
            Money::from_decimal("1.0", currency("JPY")),
            Err(MoneyError::TooManyDecimals { allowed: 0 })
        );
        for text in ["0", "0.00", "10000000000.00", "99999999999999999999999"] {
            assert_eq!(
                Money::from_decimal(text, eur),
                Err(MoneyError::OutOfRange),
                "{text}"
            );
        }
        for code in ["EU", "XXX", "XAU", "ABC", ""] {
            assert!(code.parse::<Currency>().is_err(), "{code}");
        }
        assert_eq!("eur".parse(), Ok(eur));
    }

    #[test]
    fn formats_all_decimals() {
        assert_eq!(
            Money::from_decimal("705.00", currency("EUR"))
                .unwrap()
                .amount,
            70500
        );
        assert_eq!(
            Money::from_decimal("1.5", currency("KWD")).unwrap().amount,
            1500
        );
        assert_eq!(
            Money {
                amount: 5,
                currency: currency("EUR")
            }
            .to_decimal(),
            "0.05"
        );
        assert_eq!(
            Money {
                amount: -5,
                currency: currency("KWD")
            }
            .to_decimal(),
            "-0.005"
        );
        assert_eq!(
            Money {
                amount: 500,
                currency: currency("JPY")
            }
            .to_string(),
            "500 JPY"
        );
    }

    proptest! {
        #[test]
        fn decimal_round_trip(amount in Money::ORDER_AMOUNTS, code in "EUR|JPY|KWD|CLF") {
            let money = Money { amount, currency: currency(&code) };
            prop_assert_eq!(Money::from_decimal(&money.to_decimal(), money.currency), Ok(money));
        }

        #[test]
        fn any_text_is_parsed_without_a_panic(text in ".*", code in ".{0,4}") {
            if let Ok(c) = code.parse::<Currency>() { let _ = Money::from_decimal(&text, c); }
            let _ = Money::from_decimal(&text, currency("EUR"));
        }
    }
}
