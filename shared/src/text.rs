//! What a text may hold. The rules are the same for every way in, and for SQLite and PostgreSQL.

use std::borrow::Cow;
use std::fmt;

/// How a text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A single line.
    Line,
    /// Lines, as in a description.
    Lines,
}

/// Why a text is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextError {
    /// It has a control character.
    Control(char),
    /// It has a line break, and is a single line.
    LineBreak,
    /// It has a character that overrides the direction of the text around it, so that it reads
    /// differently from what it says.
    Direction(char),
    /// It has too many characters.
    TooLong {
        /// The largest number of characters.
        max: usize,
        /// The number of characters that it has.
        len: usize,
    },
}

impl TextError {
    /// Returns the error's code for programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Control(_) | Self::LineBreak | Self::Direction(_) => "invalid_characters",
            Self::TooLong { .. } => "too_long",
        }
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Control(c) => write!(
                f,
                "must not contain control characters, such as U+{:04X}",
                u32::from(*c)
            ),
            Self::LineBreak => f.write_str("must not contain line breaks"),
            Self::Direction(c) => write!(
                f,
                "must not contain U+{:04X}, which overrides the direction of text",
                u32::from(*c)
            ),
            Self::TooLong { max, len } => {
                write!(f, "must have at most {max} characters, not {len}")
            }
        }
    }
}

impl std::error::Error for TextError {}

/// Checks the characters of a text.
///
/// # Errors
/// When it has a control character, or a line break that the layout does not allow. U+2028 and U+2029
/// are line breaks as well.
pub fn check(text: &str, layout: Layout) -> Result<(), TextError> {
    let forbidden = |c: char| match c {
        '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
            (layout == Layout::Line).then_some(TextError::LineBreak)
        }
        c if c.is_control() => Some(TextError::Control(c)),
        _ => None,
    };
    text.chars().find_map(forbidden).map_or(Ok(()), Err)
}

/// Checks a text that people read: its characters, its length, and that no character overrides the
/// direction of the text.
///
/// # Errors
/// When the text is not allowed.
pub fn check_shown(text: &str, layout: Layout, max: usize) -> Result<(), TextError> {
    check(text, layout)?;
    if let Some(c) = text.chars().find(|c| overrides_direction(*c)) {
        return Err(TextError::Direction(c));
    }
    match text.chars().count() {
        len if len > max => Err(TextError::TooLong { max, len }),
        _ => Ok(()),
    }
}

/// Whether a character embeds text in the other direction or overrides its direction (UAX #9 section
/// 2.1 and 2.2). Marks and isolates only order text and are allowed: translated texts use them.
fn overrides_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}')
}

/// Returns a text without the blanks at its ends.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_blank)
}

/// Whether a character is a blank: white space, and the characters of no width that copying leaves at
/// the ends of a text. Control characters other than tab and line breaks are none.
fn is_blank(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | '\u{200b}' | '\u{2060}' | '\u{feff}' => true,
        c => c.is_whitespace() && !c.is_control(),
    }
}

/// Returns a text with each line break as a line feed.
pub fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns a text in one line: each line break, with the blanks around it, becomes a space.
pub fn in_one_line(text: &str) -> Cow<'_, str> {
    if check(text, Layout::Line) != Err(TextError::LineBreak) {
        return Cow::Borrowed(text);
    }
    let breaks = ['\n', '\r', '\u{2028}', '\u{2029}'];
    let lines = text.split(breaks).map(trim).filter(|line| !line.is_empty());
    Cow::Owned(lines.collect::<Vec<_>>().join(" "))
}

/// Returns a text of another party, such as a payment system, in a form that can be stored and shown:
/// U+FFFD replaces control characters and characters that override the direction. Tabs and line breaks
/// stay.
pub fn sanitize(text: &str) -> String {
    let allowed = |c: char| match c {
        '\t' | '\n' | '\r' => c,
        c if c.is_control() || overrides_direction(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    text.chars().map(allowed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_characters_are_never_allowed() {
        for c in ['\0', '\t', '\u{b}', '\u{1b}', '\u{7f}', '\u{85}', '\u{9f}'] {
            for layout in [Layout::Line, Layout::Lines] {
                let text = format!("a{c}b");
                assert_eq!(check(&text, layout), Err(TextError::Control(c)), "{c:?}");
            }
        }
        for text in ["a\nb", "a\r\nb", "a\u{2028}b"] {
            assert_eq!(check(text, Layout::Line), Err(TextError::LineBreak));
            assert_eq!(check(text, Layout::Lines), Ok(()));
        }
    }

    #[test]
    fn what_people_read_keeps_its_direction() {
        let read = |text: &str| check_shown(text, Layout::Lines, 5);
        assert_eq!(read("a\u{202e}b"), Err(TextError::Direction('\u{202e}')));
        // A mark, an isolate, and a joiner of an emoji.
        for text in ["א\u{200f}b", "\u{2068}א\u{2069}", "👩\u{200d}🚀"] {
            assert_eq!(read(text), Ok(()), "{text:?}");
        }
        assert_eq!(read("äöüßab"), Err(TextError::TooLong { max: 5, len: 6 }));
    }

    #[test]
    fn blanks_are_cut_at_the_ends() {
        for text in [" a b ", "\u{a0}a b\u{3000}", "\u{feff}a b", "\r\na b\t"] {
            assert_eq!(trim(text), "a b", "{text:?}");
        }
        // What is an error is not cut off.
        assert_eq!(trim("a\0"), "a\0");
        assert_eq!(trim("a\u{b}"), "a\u{b}");
        assert_eq!(in_one_line("a \r\n\n b"), "a b");
        assert_eq!(with_line_feeds("a\r\nb\rc"), "a\nb\nc");
    }

    proptest! {
        #[test]
        fn a_text_is_trimmed_once(text in any::<String>()) {
            let once = trim(&text);
            prop_assert_eq!(trim(once), once);
            prop_assert!(text.contains(once));
        }

        #[test]
        fn one_line_is_a_line(text in "[a-z \n\r\u{2028}]*") {
            prop_assert_eq!(check(&in_one_line(&text), Layout::Line), Ok(()));
        }

        #[test]
        fn a_sanitized_text_is_allowed_but_for_tabs(text in any::<String>()) {
            let text = sanitize(&text).replace('\t', "");
            prop_assert_eq!(check_shown(&text, Layout::Lines, usize::MAX), Ok(()));
            prop_assert_eq!(sanitize(&text), text);
        }

        #[test]
        fn an_allowed_text_is_left_as_it_is(text in "[^\\p{Cc}\u{202a}-\u{202e}]*") {
            prop_assert_eq!(sanitize(&text), text.clone());
            prop_assert_eq!(check(&text, Layout::Lines), Ok(()));
        }
    }
}
