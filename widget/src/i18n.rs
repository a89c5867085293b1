//! The widget's texts. Each language has a file in `locales/`, and the widget loads one of them. Tests
//! compare every file with the English one, and the names in the code with the files.

use crate::browser;
use till_shared::payment::DeclineCode;

/// The texts to use when no language file could be loaded.
const FALLBACK_TEXTS: [(&str, &str); 3] = [
    ("load_failed", "The payment could not be loaded"),
    (
        "load_failed_text",
        "Please check your connection and try again. Nothing was charged.",
    ),
    ("retry", "Try again"),
];

/// Returns a text in the buyer's language.
pub fn t(name: &str) -> String {
    let text = browser::text(name);
    if !text.is_empty() {
        return text;
    }
    let english = FALLBACK_TEXTS.iter().find(|(known, _)| *known == name);
    english
        .map(|(_, text)| (*text).to_owned())
        .unwrap_or_default()
}

/// Returns a text with a placeholder replaced.
pub fn fill(name: &str, placeholder: &str, value: &str) -> String {
    t(name).replace(placeholder, value)
}

/// Returns the message for a decline code.
pub fn decline(code: DeclineCode) -> String {
    t(&["decline_", code.as_str()].concat())
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;
    use till_shared::buyer::BuyerField;
    use till_shared::language::LANGUAGES;
    use till_shared::payment::DeclineCode;

    fn languages() -> Vec<(&'static str, Map<String, Value>)> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales");
        let read = |language| {
            let text = fs::read_to_string(dir.join(format!("{language}.json"))).unwrap();
            (language, serde_json::from_str(&text).unwrap())
        };
        LANGUAGES.into_iter().map(read).collect()
    }

    fn english() -> Map<String, Value> {
        let mut all = languages().into_iter();
        all.find(|(name, _)| *name == "en").unwrap().1
    }

    /// The placeholders of a text, sorted.
    fn placeholders(text: &Value) -> Vec<String> {
        let text = text.as_str().unwrap();
        let ends = text
            .split('{')
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap());
        let mut placeholders: Vec<_> = ends.map(str::to_owned).collect();
        placeholders.sort();
        placeholders
    }

    /// The forms of a text: one, or one for each plural category.
    fn forms(text: &Value) -> Vec<&Value> {
        text.as_object()
            .map_or(vec![text], |forms| forms.values().collect())
    }

    #[test]
    fn every_language_has_every_text_and_placeholder() {
        let english = english();
        for (language, texts) in languages() {
            let names = |texts: &Map<String, Value>| texts.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(names(&texts), names(&english), "{language}");
            for (name, text) in &texts {
                for form in forms(text) {
                    let expected = placeholders(forms(&english[name])[0]);
                    assert_eq!(placeholders(form), expected, "{language}: {name}");
                    let filled = form.as_str().unwrap();
                    assert!(
                        !filled.trim().is_empty() && filled.trim() == filled,
                        "{language}: {name}"
                    );
                }
            }
        }
    }

    /// A few words are the same in English and other languages.
    #[test]
    fn every_text_is_translated() {
        let english = english();
        for (language, texts) in languages().into_iter().filter(|(name, _)| *name != "en") {
            let same = texts.iter().filter(|(name, text)| english[*name] == **text);
            let same: Vec<_> = same.map(|(name, _)| name.as_str()).collect();
            let shared = ["email", "expiry_hint", "paid_with"];
            assert!(
                same.iter().all(|name| shared.contains(name)),
                "{language}: {same:?}"
            );
        }
    }

    #[test]
    fn every_text_is_used_and_every_used_text_exists() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut code = String::new();
        for dir in [dir.clone(), dir.join("session")] {
            for file in fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()) {
                if file.is_file() {
                    let text = fs::read_to_string(file).unwrap();
                    code += text.split("#[cfg(test)]").next().unwrap();
                }
            }
        }
        let english = english();
        // Declines and buyer fields are looked up by their values on the wire.
        let by_value =
            |name: &str| name.starts_with("decline_") || name.parse::<BuyerField>().is_ok();
        let script = include_str!("../start.js");
        for name in english.keys().filter(|name| !by_value(name)) {
            let used = code.contains(&format!("\"{name}\""));
            let used = used || script.contains(&format!("texts.{name}"));
            assert!(used, "{name} is not used");
        }
        for call in ["t(\"", "fill(\"", "plural(\""] {
            for (at, _) in code.match_indices(call) {
                // Skips functions whose names end in the same letters.
                if code[..at].ends_with(char::is_alphanumeric) {
                    continue;
                }
                let name = code[at + call.len()..].split('"').next().unwrap();
                assert!(english.contains_key(name), "no text {name}");
            }
        }
        for code in DeclineCode::ALL {
            assert!(english.contains_key(&format!("decline_{code}")), "{code}");
        }
    }

    #[test]
    fn start_js_knows_every_language() {
        let script = include_str!("../start.js");
        let list = script.split("const LANGUAGES =\n    \"").nth(1).unwrap();
        let list: BTreeSet<_> = list.split('"').next().unwrap().split(' ').collect();
        assert_eq!(list, LANGUAGES.into_iter().collect());
    }
}
