//! Input formatting: pure functions from text and caret to text and caret.

use till_shared::card::{Brand, group_number};

/// The formatted text and the caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The text.
    pub text: String,
    /// The caret, as the number of characters before it.
    pub caret: usize,
}

/// Returns the ASCII digits of a text.
pub fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn digits_before(text: &str, caret: usize) -> usize {
    text.chars()
        .take(caret)
        .filter(char::is_ascii_digit)
        .count()
}

/// Returns the caret after the `n`th digit.
fn caret_after_digit(text: &str, n: usize) -> usize {
    let digits = text.chars().enumerate().filter(|(_, c)| c.is_ascii_digit());
    match n {
        0 => 0,
        n => digits.map(|(i, _)| i + 1).nth(n - 1).unwrap_or(text.len()),
    }
}

/// Formats a card number in the groups of its brand.
pub fn card_number(text: &str, caret: usize, _deleted: bool) -> Edit {
    let mut number = digits(text);
    number.truncate(*Brand::of(&number).number_lengths().end());
    let before = digits_before(text, caret).min(number.len());
    let text = group_number(&number);
    let caret = caret_after_digit(&text, before);
    Edit { text, caret }
}

/// Formats a security code.
pub fn security_code(text: &str, caret: usize, _deleted: bool) -> Edit {
    let mut code = digits(text);
    code.truncate(4);
    let caret = digits_before(text, caret).min(code.len());
    Edit { text: code, caret }
}

/// Formats an expiry date as `MM / YY`. A four-digit year, as autofill enters it, is shortened.
pub fn expiry(text: &str, caret: usize, deleted: bool) -> Edit {
    let (mut typed, mut before) = (digits(text), digits_before(text, caret));
    let single = text
        .split_once('/')
        .is_some_and(|(month, _)| digits(month).len() == 1);
    // A month has two digits: `3` starts no month, and `3/` ends one.
    if typed.starts_with(|c| ('2'..='9').contains(&c)) || single && !typed.starts_with('0') {
        typed.insert(0, '0');
        before += 1;
    }
    if typed.len() >= 6 {
        typed.replace_range(2..4, "");
        before = before.saturating_sub(2);
    }
    typed.truncate(4);
    let before = before.min(typed.len());
    let (month, year) = typed.split_at(typed.len().min(2));
    let text = match (month.len(), year.is_empty()) {
        (2, false) => format!("{month} / {year}"),
        (2, true) if !deleted => format!("{month} / "),
        _ => month.to_owned(),
    };
    let caret = match before {
        // The next digit goes after the slash.
        2 if !deleted => text.len().min(5),
        before => caret_after_digit(&text, before),
    };
    Edit { text, caret }
}

/// Returns the month and the two-digit year of an expiry date, 0 for a missing part.
pub fn month_and_year(expiry: &str) -> (u8, u16) {
    let typed = digits(expiry);
    let (month, year) = typed.split_at(typed.len().min(2));
    let year = if year.len() == 2 { year } else { "" };
    (month.parse().unwrap_or(0), year.parse().unwrap_or(0))
}

/// Leaves the text unchanged.
pub fn unchanged(text: &str, caret: usize, _deleted: bool) -> Edit {
    Edit {
        text: text.to_owned(),
        caret,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Types one character after another.
    fn typed(edit: fn(&str, usize, bool) -> Edit, keys: &str) -> String {
        keys.chars().fold(String::new(), |text, key| {
            let text = format!("{text}{key}");
            edit(&text, text.len(), false).text
        })
    }

    #[test]
    fn numbers_are_grouped_as_the_brand_prints_them() {
        assert_eq!(
            typed(card_number, "4242424242424242"),
            "4242 4242 4242 4242"
        );
        assert_eq!(typed(card_number, "378282246310005"), "3782 822463 10005");
        assert_eq!(
            card_number("4242-4242-4242-4242", 19, false).text,
            "4242 4242 4242 4242"
        );
        assert_eq!(card_number(" 4242x", 6, false).text, "4242");
        assert_eq!(digits(&typed(card_number, &"5".repeat(30))).len(), 16);
    }

    #[test]
    fn the_caret_stays_with_its_digit() {
        // A digit typed in the middle: 42|42 4242 becomes 429|4 2424 2.
        let edit = card_number("42942 4242", 3, false);
        assert_eq!((edit.text.as_str(), edit.caret), ("4294 2424 2", 3));
        // Backspace over a space keeps the digits and moves the caret.
        let edit = card_number("42424242", 4, true);
        assert_eq!((edit.text.as_str(), edit.caret), ("4242 4242", 4));
        let edit = card_number("4242 4", 6, false);
        assert_eq!((edit.text.as_str(), edit.caret), ("4242 4", 6));
    }

    #[test]
    fn the_expiry_gets_its_slash() {
        for (keys, text) in [
            ("1", "1"),
            ("12", "12 / "),
            ("1230", "12 / 30"),
            ("3", "03 / "),
            ("330", "03 / 30"),
            ("1/30", "01 / 30"),
            ("12309", "12 / 30"),
        ] {
            assert_eq!(typed(expiry, keys), text, "{keys}");
        }
        for pasted in ["12/30", "12/2030", "122030", "12 / 30", "12-30"] {
            assert_eq!(
                expiry(pasted, pasted.len(), false).text,
                "12 / 30",
                "{pasted}"
            );
        }
        // Backspace removes the slash, and it is not added again.
        assert_eq!(
            expiry("12 /", 4, true),
            Edit {
                text: "12".into(),
                caret: 2
            }
        );
        assert_eq!(expiry("12 / 3", 6, true).text, "12 / 3");
    }

    #[test]
    fn the_expiry_is_read() {
        assert_eq!(month_and_year("12 / 30"), (12, 30));
        assert_eq!(month_and_year("12 / 3"), (12, 0));
        assert_eq!(month_and_year(""), (0, 0));
    }

    #[test]
    fn security_codes_are_digits() {
        assert_eq!(security_code("1a2b345", 7, false).text, "1234");
    }
}
