//! The texts of the server's pages, in the buyer's language. The widget has its own.

use axum::extract::FromRequestParts;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;
use fluent_langneg::{LanguageIdentifier, NegotiationStrategy, negotiate_languages};
use serde::Deserialize;
use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::LazyLock;
use till_shared::language::FALLBACK;

macro_rules! locales {
    ($($name:literal),+ $(,)?) => {
        [$(include_str!(concat!("../../../locales/", $name, ".json"))),+]
    };
}

/// The locale files. English is the first and the fallback.
#[rustfmt::skip]
const FILES: [&str; 26] = locales!(
    "en", "ar", "cs", "da", "de", "el", "es", "fi", "fr", "he", "hi", "id", "it", "ja", "ko", "nl",
    "pl", "pt", "ru", "sv", "th", "tr", "uk", "vi", "zh-Hans", "zh-Hant",
);

static ALL: LazyLock<Vec<Texts>> = LazyLock::new(|| {
    let read = FILES.iter().map(|file| serde_json::from_str(file));
    // A test parses each of them.
    read.filter_map(Result::ok).collect()
});

static NONE: LazyLock<Texts> = LazyLock::new(Texts::default);

static AVAILABLE: LazyLock<Vec<LanguageIdentifier>> = LazyLock::new(|| {
    ALL.iter()
        .filter_map(|texts| texts.lang.parse().ok())
        .collect()
});

/// The texts of a language. Names in braces are placeholders.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the locale files describe them")]
pub struct Texts {
    pub lang: String,
    pub dir: String,
    pub link_title: String,
    pub link_text: String,
    pub no_page_title: String,
    pub no_page_text: String,
    pub trouble_title: String,
    pub trouble_text: String,
    pub origin_title: String,
    pub origin_text: String,
    pub form_title: String,
    pub form_text: String,
    pub form_signature: String,
    pub form_project: String,
    pub form_field: String,
    pub form_missing: String,
    pub form_unknown: String,
    pub form_twice: String,
    pub form_unreadable: String,
    pub form_not_utf8: String,
    pub form_too_large: String,
    pub form_order_changed: String,
    pub form_rejected: String,
    pub form_check: String,
    pub close: String,
    pub back: String,
    pub back_page: String,
    pub r#continue: String,
    pub reference: String,
    pub no_script: String,
    pub redirecting: String,
    pub discount: String,
    pub other_charges: String,
}

impl Texts {
    /// The texts for the first supported one of these BCP 47 tags, or in English.
    pub fn of<'a>(tags: impl IntoIterator<Item = &'a str>) -> &'static Self {
        Self::choose(tags).0
    }

    /// The texts for the first supported one of these BCP 47 tags, and that tag; or English.
    pub fn choose<'a>(tags: impl IntoIterator<Item = &'a str>) -> (&'static Self, String) {
        let found = tags.into_iter().find_map(|tag| {
            let tag: LanguageIdentifier = current(tag).parse().ok()?;
            let tags = std::slice::from_ref(&tag);
            let best = negotiate_languages(tags, &AVAILABLE, None, NegotiationStrategy::Matching);
            let language = best.first()?.to_string();
            let texts = ALL.iter().find(|texts| texts.lang == language)?;
            Some((texts, tag.to_string()))
        });
        found.unwrap_or_else(|| (ALL.first().unwrap_or(&NONE), FALLBACK.to_owned()))
    }

    /// The texts for a tag, or these if it is absent or not supported.
    pub fn preferring(&'static self, tag: Option<&str>) -> &'static Self {
        match tag {
            Some(tag) => Self::of([tag, &self.lang]),
            None => self,
        }
    }
}

/// Replaces the deprecated tags of the supported languages (the IANA language subtag registry).
fn current(tag: &str) -> Cow<'_, str> {
    let (language, rest) = tag.split_at(tag.find(['-', '_']).unwrap_or(tag.len()));
    match language {
        "iw" => Cow::Owned(format!("he{rest}")),
        "in" => Cow::Owned(format!("id{rest}")),
        _ => Cow::Borrowed(tag),
    }
}

/// Extracts the browser's languages in the order of preference (RFC 9110 section 12.5.4).
pub struct Accepted(pub Vec<String>);

impl<S: Send + Sync> FromRequestParts<S> for Accepted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let header = parts.headers.get(ACCEPT_LANGUAGE);
        let header = header.and_then(|v| v.to_str().ok()).unwrap_or_default();
        Ok(Self(accept_language::parse(header)))
    }
}

/// Extracts the texts in the browser's preferred language.
pub struct Lang(pub &'static Texts);

impl<S: Send + Sync> FromRequestParts<S> for Lang {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let Accepted(tags) = Accepted::from_request_parts(parts, state).await?;
        Ok(Self(Texts::of(tags.iter().map(String::as_str))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_is_complete_and_fills_in_the_same() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/locales");
        assert_eq!(std::fs::read_dir(dir).unwrap().count(), FILES.len());
        let mut languages: Vec<_> = ALL.iter().map(|texts| texts.lang.as_str()).collect();
        languages.sort_unstable();
        assert_eq!(languages, till_shared::language::LANGUAGES);
        for file in FILES {
            // Neither a text too few nor one too many.
            let read = serde_json::from_str::<Texts>(file);
            assert!(read.is_ok(), "{}: {file}", read.unwrap_err());
        }
        let names = |text: &str| -> Vec<String> {
            let inner = text.split('{').skip(1);
            inner
                .filter_map(|rest| rest.split_once('}').map(|(name, _)| name.to_owned()))
                .collect()
        };
        let table = |file: &str| -> std::collections::BTreeMap<String, String> {
            serde_json::from_str(file).unwrap()
        };
        let english = table(FILES[0]);
        for file in FILES {
            let texts = table(file);
            for (key, text) in &english {
                assert!(!texts[key].trim().is_empty(), "{key} in {}", texts["lang"]);
                assert_eq!(
                    names(&texts[key]),
                    names(text),
                    "{key} in {}",
                    texts["lang"]
                );
            }
        }
    }

    #[test]
    fn tags_fall_back_by_region_and_script() {
        for (tag, lang) in [
            ("de-AT", "de"),
            ("fr-CH", "fr"),
            ("pt-BR", "pt"),
            ("zh", "zh-Hans"),
            ("zh-CN", "zh-Hans"),
            ("zh-HK", "zh-Hant"),
            ("zh-Hant-CN", "zh-Hant"),
            ("zh-Hans-TW", "zh-Hans"),
            ("EN-gb", "en"),
            ("iw", "he"),
            ("in-ID", "id"),
            ("fr_CH", "fr"),
            ("sr-Latn", "en"),
            ("tlh", "en"),
            ("", "en"),
        ] {
            assert_eq!(Texts::of([tag]).lang, lang, "{tag}");
        }
        assert_eq!(Texts::of(["tlh", "ru"]).lang, "ru");
    }
}
