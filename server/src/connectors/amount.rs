//! Amounts in a payment system's own units, where those are not the minor units of ISO 4217.

use super::error::{CallError, Cause};
use till_shared::money::{Currency, Money};

/// The amount as an integer with `decimals` decimals instead of the currency's own.
///
/// # Errors
/// When it would have to be rounded.
pub fn with_decimals(money: Money, decimals: u32) -> Result<i64, CallError> {
    let own = money.currency.exponent();
    let factor = 10_i64.pow(own.abs_diff(decimals));
    let units = if decimals >= own {
        money.amount.checked_mul(factor)
    } else {
        (money.amount % factor == 0).then(|| money.amount / factor)
    };
    units.ok_or(CallError::NotSent(Cause::InexactAmount(money)))
}

/// Money from an integer with `decimals` decimals; `None` if it is negative, or not a whole number of
/// minor units.
pub fn from_decimals(amount: i64, decimals: u32, currency: Currency) -> Option<Money> {
    let own = currency.exponent();
    let factor = 10_i64.pow(own.abs_diff(decimals));
    let amount = if decimals <= own {
        amount.checked_mul(factor)?
    } else {
        (amount % factor == 0).then(|| amount / factor)?
    };
    (amount >= 0).then_some(Money { amount, currency })
}

/// The amount as a decimal string with exactly `decimals` decimals: `19.99`, `500`.
///
/// # Errors
/// When it would have to be rounded.
pub fn decimal_string(money: Money, decimals: u32) -> Result<String, CallError> {
    let units = with_decimals(money, decimals)?;
    let width = decimals as usize + 1;
    let digits = format!("{units:0>width$}");
    let (whole, rest) = digits.split_at(digits.len() - decimals as usize);
    Ok(match rest {
        "" => whole.to_owned(),
        rest => format!("{whole}.{rest}"),
    })
}

/// Money from a decimal string. Zeros beyond the currency's decimals are ignored.
pub fn from_decimal_string(text: &str, currency: Currency) -> Option<Money> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let own = currency.exponent() as usize;
    let kept = decimals.get(..own.min(decimals.len()))?;
    let dropped = decimals.get(kept.len()..)?;
    let exact = dropped.bytes().all(|b| b == b'0');
    let text = match kept {
        "" => whole.to_owned(),
        kept => format!("{whole}.{kept}"),
    };
    exact.then(|| Money::from_decimal(&text, currency).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(amount: i64, code: &str) -> Money {
        Money {
            amount,
            currency: code.parse().unwrap(),
        }
    }

    #[test]
    fn other_decimals_are_exact_or_refused() {
        assert_eq!(with_decimals(money(5, "ISK"), 2).unwrap(), 500);
        assert_eq!(with_decimals(money(1000, "MGA"), 0).unwrap(), 10);
        assert!(with_decimals(money(1050, "MGA"), 0).is_err());
        assert!(with_decimals(money(i64::MAX / 10, "ISK"), 2).is_err());
        let isk = "ISK".parse().unwrap();
        assert_eq!(from_decimals(500, 2, isk), Some(money(5, "ISK")));
        assert_eq!(from_decimals(550, 2, isk), None);
        assert_eq!(from_decimals(-500, 2, isk), None);
        let mga = "MGA".parse().unwrap();
        assert_eq!(from_decimals(10, 0, mga), Some(money(1000, "MGA")));
    }

    #[test]
    fn decimal_strings_have_the_requested_decimals() {
        assert_eq!(decimal_string(money(1999, "EUR"), 2).unwrap(), "19.99");
        assert_eq!(decimal_string(money(5, "EUR"), 2).unwrap(), "0.05");
        assert_eq!(decimal_string(money(500, "JPY"), 0).unwrap(), "500");
        assert_eq!(decimal_string(money(50000, "HUF"), 0).unwrap(), "500");
        assert!(decimal_string(money(50050, "HUF"), 0).is_err());
        let huf = "HUF".parse().unwrap();
        for text in ["500", "500.0", "500.00"] {
            assert_eq!(from_decimal_string(text, huf), Some(money(50000, "HUF")));
        }
        let jpy = "JPY".parse().unwrap();
        assert_eq!(from_decimal_string("500.00", jpy), Some(money(500, "JPY")));
        for wrong in ["500.5", "", "-1", "1.2.3", "x", "1.x", "é.é"] {
            assert_eq!(from_decimal_string(wrong, jpy), None, "{wrong}");
        }
    }
}
