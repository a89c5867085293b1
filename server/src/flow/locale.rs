//! Language tags of orders and settings.

use fluent_langneg::{LanguageIdentifier, NegotiationStrategy, negotiate_languages};
use till_shared::language::LANGUAGES;

/// What a language tag must be.
pub const ALLOWED: &str = "must be a BCP 47 language tag such as de or pt-BR";

/// Returns a language tag with its case set right: `pt-BR` for `PT_br`. Reads what systems call a locale:
/// `de_DE.UTF-8`. Extensions of the tag are left out. `None` if it is no language tag: a language has
/// two or three letters (RFC 5646 section 2.2.1).
pub fn canonical(tag: &str) -> Option<String> {
    let tag = tag.split(['.', '@']).next()?;
    let mut subtags = tag.split(['-', '_']);
    let language = subtags.next().filter(|l| (2..=3).contains(&l.len()))?;
    let rest = subtags.take_while(|subtag| subtag.len() > 1);
    let plain: Vec<_> = std::iter::once(language).chain(rest).collect();
    let read: LanguageIdentifier = plain.join("-").parse().ok()?;
    Some(read.to_string())
}

/// Whether the widget has texts for a language tag.
pub fn is_translated(tag: &str) -> bool {
    let available: Vec<LanguageIdentifier> = LANGUAGES
        .iter()
        .filter_map(|tag| tag.parse().ok())
        .collect();
    let requested: Vec<LanguageIdentifier> = tag.parse().ok().into_iter().collect();
    let strategy = NegotiationStrategy::Matching;
    !negotiate_languages(&requested, &available, None, strategy).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_written_in_their_usual_case() {
        for (given, expected) in [
            ("de", Some("de")),
            ("DE", Some("de")),
            ("pt-br", Some("pt-BR")),
            ("PT_br", Some("pt-BR")),
            ("zh-hant-tw", Some("zh-Hant-TW")),
            ("de_DE.UTF-8", Some("de-DE")),
            ("sr_RS@latin", Some("sr-RS")),
            ("de-DE-u-co-phonebk", Some("de-DE")),
            ("tlh", Some("tlh")),
            ("Deutsch", None),
            ("english", None),
            ("d", None),
            ("de-", Some("de")),
            ("de DE", None),
            ("12", None),
            ("", None),
        ] {
            assert_eq!(canonical(given).as_deref(), expected, "{given}");
        }
        assert!(is_translated("pt-BR") && is_translated("zh-Hant-TW"));
        assert!(!is_translated("tlh"));
    }
}
