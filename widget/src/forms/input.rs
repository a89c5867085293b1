//! Input formatting: pure functions from text and caret to text and caret. Carets count characters.

use super::digits::{digits, is_digit};
use till_shared::card::{Brand, group_number};

/// The formatted text and the caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The text.
    pub text: String,
    /// The caret, as the number of characters before it.
    pub caret: usize,
}

impl Edit {
    /// A text with the caret after its `n`th digit.
    fn after_digit(text: String, n: usize) -> Self {
        let mut ends = text.char_indices().filter(|(_, c)| c.is_ascii_digit());
        let caret = match n {
            0 => 0,
            n => ends.nth(n - 1).map_or(text.len(), |(at, _)| at + 1),
        };
        Self { text, caret }
    }
}

fn digits_before(text: &str, caret: usize) -> usize {
    text.chars().take(caret).filter(|c| is_digit(*c)).count()
}

/// Formats a card number in the groups of its brand.
pub fn card_number(text: &str, caret: usize, _deleted: bool) -> Edit {
    let mut number = digits(text);
    number.truncate(*Brand::of(&number).number_lengths().end());
    let before = digits_before(text, caret).min(number.len());
    Edit::after_digit(group_number(&number), before)
}

/// Formats a security code.
pub fn security_code(text: &str, caret: usize, _deleted: bool) -> Edit {
    let mut code = digits(text);
    code.truncate(4);
    let before = digits_before(text, caret).min(code.len());
    Edit::after_digit(code, before)
}

/// An expiry date as it is typed, in Latin digits.
#[derive(Debug, PartialEq, Eq)]
struct Expiry {
    /// Empty, or one or two digits.
    month: String,
    /// Up to four digits.
    year: String,
    /// Whether the year comes first, as in `2030-12`, which browsers fill in.
    year_first: bool,
}

impl Expiry {
    fn of(text: &str) -> Self {
        let groups: Vec<String> = text
            .split(|c| !is_digit(c))
            .filter(|group| !group.is_empty())
            .map(digits)
            .collect();
        let first = groups.first().map_or("", String::as_str);
        let mut all = groups.concat();
        // `2`, `20`, `203` and `2030` typed one after the other read `02 / 030`.
        let in_parts = first == "02" && all.starts_with("020") && all.len() > 4;
        if in_parts {
            all.remove(0);
        }
        if in_parts || first.len() >= 4 && first.starts_with("20") {
            let mut month: String = all[4..].chars().take(2).collect();
            let ended = month == "1" && text.ends_with(|c| !is_digit(c));
            if month.len() == 1 && month.starts_with(|c| ('2'..='9').contains(&c)) || ended {
                month.insert(0, '0');
            }
            return Self {
                month,
                year: all[..4].to_owned(),
                year_first: true,
            };
        }
        // A month has two digits: `3` starts no month, and `1/` ends one.
        let one_digit =
            groups.len() > 1 && first.len() == 1 || text.ends_with('/') && all.len() == 1;
        if one_digit && first != "0" || all.starts_with(|c| ('2'..='9').contains(&c)) {
            all.insert(0, '0');
        }
        let (month, year) = all.split_at(all.len().min(2));
        // `20` may become `2030`.
        let length = if year.starts_with("20") { 4 } else { 2 };
        Self {
            month: month.to_owned(),
            year: year.chars().take(length).collect(),
            year_first: false,
        }
    }
}

/// Formats an expiry date as `MM / YY`. A year of four digits is shortened.
pub fn expiry(text: &str, caret: usize, deleted: bool) -> Edit {
    let Expiry {
        mut month,
        mut year,
        year_first,
    } = Expiry::of(text);
    let at_end = caret >= text.chars().count();
    let complete = year.len() == 4 && year.starts_with("20");
    let formatted = if year_first && (month.len() < 2 || month.as_str() > "12") {
        // The month is not complete, as `1` may become `12`, or is none.
        match (month.is_empty(), deleted) {
            (true, true) => year,
            _ => [&year, " - ", &month].concat(),
        }
    } else {
        if complete {
            year.replace_range(..2, "");
        }
        match (month.len(), year.is_empty()) {
            (2, false) => [&month, " / ", &year].concat(),
            (2, true) if !deleted => [&month, " / "].concat(),
            _ => std::mem::take(&mut month),
        }
    };
    if at_end {
        let caret = formatted.len();
        return Edit {
            text: formatted,
            caret,
        };
    }
    let added = digits(&formatted).len().saturating_sub(digits(text).len());
    Edit::after_digit(formatted, digits_before(text, caret) + added)
}

/// Returns the month and the year of an expiry date, 0 for a missing part. The year has two or four
/// digits.
pub fn month_and_year(text: &str) -> (u8, u16) {
    let Expiry { month, year, .. } = Expiry::of(text);
    let year = if matches!(year.len(), 2 | 4) {
        &year
    } else {
        ""
    };
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
#[cfg(not(target_family = "wasm"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            ("12/203", "12 / 203"),
            ("12/2030", "12 / 30"),
            ("2030", "2030 - "),
            ("2030-1", "2030 - 1"),
            ("2030-12", "12 / 30"),
            ("2030-3", "03 / 30"),
            ("2030-1/", "01 / 30"),
            ("203012", "12 / 30"),
        ] {
            assert_eq!(typed(expiry, keys), text, "{keys}");
        }
        for pasted in [
            "12/30",
            "12/2030",
            "122030",
            "12 / 30",
            "12-30",
            "1230",
            "2030-12",
            "203012",
            "2030/12",
            " 12.30 ",
            "\u{661}\u{662}/\u{663}\u{660}",
            "２０３０－１２",
        ] {
            assert_eq!(expiry(pasted, 99, false).text, "12 / 30", "{pasted}");
        }
        // Backspace removes the slash, and it is not added again.
        for (before, after) in [("12 /", "12"), ("2030 -", "2030"), ("12 / 3", "12 / 3")] {
            let edit = expiry(before, before.len(), true);
            assert_eq!(
                (edit.text.as_str(), edit.caret),
                (after, after.len()),
                "{before}"
            );
        }
    }

    #[test]
    fn the_expiry_is_read() {
        for (text, read) in [
            ("12 / 30", (12, 30)),
            ("12/2030", (12, 2030)),
            ("2030-12", (12, 2030)),
            ("2030 - 3", (3, 2030)),
            ("3-30", (3, 30)),
            ("1230", (12, 30)),
            ("12 / 3", (12, 0)),
            ("12 / 203", (12, 0)),
            ("2030", (0, 2030)),
            ("0", (0, 0)),
            ("", (0, 0)),
        ] {
            assert_eq!(month_and_year(text), read, "{text}");
        }
    }

    proptest! {
        /// What is formatted is not formatted again: the change is an event of its own.
        #[test]
        fn formatting_is_stable(text in "[0-9٠-٩/ .-]{0,12}", deleted: bool) {
            for edit in [card_number, security_code, expiry] {
                let once = edit(&text, 99, deleted).text;
                prop_assert_eq!(&edit(&once, 99, deleted).text, &once);
            }
        }

        /// No text of a buyer or a browser makes it fail.
        #[test]
        fn any_text_is_formatted(text in "\\PC{0,20}", caret in 0usize..25, deleted: bool) {
            for edit in [card_number, security_code, expiry] {
                let edited = edit(&text, caret, deleted);
                prop_assert!(edited.caret <= edited.text.len());
            }
            month_and_year(&text);
        }
    }

    #[test]
    fn security_codes_are_digits() {
        assert_eq!(security_code("1a2b345", 7, false).text, "1234");
    }
}
