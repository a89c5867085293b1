//! Decimal digits. Buyers type them in the script of their keyboard; a card has the same number in
//! every script.

/// The digit zero of every script (Unicode 16, general category Nd). The digits one to nine follow each
/// zero.
#[rustfmt::skip]
const ZEROS: [char; 76] = [
    '\u{30}', '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}',
    '\u{b66}', '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}', '\u{de6}', '\u{e50}', '\u{ed0}',
    '\u{f20}', '\u{1040}', '\u{1090}', '\u{17e0}', '\u{1810}', '\u{1946}', '\u{19d0}', '\u{1a80}',
    '\u{1a90}', '\u{1b50}', '\u{1bb0}', '\u{1c40}', '\u{1c50}', '\u{a620}', '\u{a8d0}', '\u{a900}',
    '\u{a9d0}', '\u{a9f0}', '\u{aa50}', '\u{abf0}', '\u{ff10}', '\u{104a0}', '\u{10d30}',
    '\u{10d40}', '\u{11066}', '\u{110f0}', '\u{11136}', '\u{111d0}', '\u{112f0}', '\u{11450}',
    '\u{114d0}', '\u{11650}', '\u{116c0}', '\u{116d0}', '\u{116da}', '\u{11730}', '\u{118e0}',
    '\u{11950}', '\u{11bf0}', '\u{11c50}', '\u{11d50}', '\u{11da0}', '\u{11f50}', '\u{16130}',
    '\u{16a60}', '\u{16ac0}', '\u{16b50}', '\u{16d70}', '\u{1ccf0}', '\u{1d7ce}', '\u{1d7d8}',
    '\u{1d7e2}', '\u{1d7ec}', '\u{1d7f6}', '\u{1e140}', '\u{1e2f0}', '\u{1e4f0}', '\u{1e5f1}',
    '\u{1e950}', '\u{1fbf0}',
];

/// Returns the value of a decimal digit of any script.
fn value(c: char) -> Option<u8> {
    let at = ZEROS.partition_point(|zero| *zero <= c).checked_sub(1)?;
    let value = u32::from(c) - u32::from(ZEROS[at]);
    u8::try_from(value).ok().filter(|value| *value < 10)
}

/// Returns a character, or its Latin digit if it is a digit.
fn latin(c: char) -> char {
    value(c).map_or(c, |value| char::from(b'0' + value))
}

/// Returns whether a character is a decimal digit of any script.
pub fn is_digit(c: char) -> bool {
    value(c).is_some()
}

/// Returns a text with its digits as Latin digits.
pub fn with_latin_digits(text: &str) -> String {
    text.chars().map(latin).collect()
}

/// Returns the digits of a text, as Latin digits.
pub fn digits(text: &str) -> String {
    let latin = text.chars().map(latin);
    latin.filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use super::*;
    use regex::Regex;

    #[test]
    fn every_decimal_digit_has_its_value() {
        let decimal = Regex::new(r"^\p{Nd}$").unwrap();
        let wrong: Vec<char> = ('\0'..=char::MAX)
            .filter(|c| is_digit(*c) != decimal.is_match(&c.to_string()))
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        assert!(ZEROS.is_sorted());
    }

    #[test]
    fn digits_of_other_scripts_are_read() {
        assert_eq!(digits("\u{664}\u{662} ४२-４２x"), "424242");
        assert_eq!(with_latin_digits("+\u{6f4}\u{6f9} (0)"), "+49 (0)");
    }
}
