//! What the buyer reads: a file for each language under `locales/`, of which one is loaded. Tests
//! hold every file to the English one, and the code to the names in it.

use crate::browser;
use till_shared::payment::DeclineCode;

/// For when not even the texts could be loaded.
const WITHOUT_TEXTS: [(&str, &str); 3] = [
    ("load_failed", "The payment could not be loaded"),
    (
        "load_failed_text",
        "Please check your connection and try again. Nothing was charged.",
    ),
    ("retry", "Try again"),
];

/// A text in the buyer's language.
pub fn t(name: &str) -> String {
    let text = browser::text(name);
    if !text.is_empty() {
        return text;
    }
    let english = WITHOUT_TEXTS.iter().find(|(known, _)| *known == name);
    english
        .map(|(_, text)| (*text).to_owned())
        .unwrap_or_default()
}

/// A text with a place filled in.
pub fn fill(name: &str, place: &str, value: &str) -> String {
    t(name).replace(place, value)
}

/// Why a payment was declined, and what helps.
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
    use till_shared::payment::DeclineCode;

    fn languages() -> Vec<(String, Map<String, Value>)> {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales");
        let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
        let read = |path: std::path::PathBuf| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap();
            (name, serde_json::from_str(&text).unwrap())
        };
        files.map(read).collect()
    }

    fn english() -> Map<String, Value> {
        let mut all = languages().into_iter();
        all.find(|(name, _)| name == "en").unwrap().1
    }

    /// The places of a text, each as often as it stands there.
    fn places(text: &Value) -> Vec<String> {
        let text = text.as_str().unwrap();
        let ends = text
            .split('{')
            .skip(1)
            .map(|rest| rest.split('}').next().unwrap());
        let mut places: Vec<_> = ends.map(str::to_owned).collect();
        places.sort();
        places
    }

    /// A text's forms: one, or one for each plural category.
    fn forms(text: &Value) -> Vec<&Value> {
        text.as_object()
            .map_or(vec![text], |forms| forms.values().collect())
    }

    #[test]
    fn no_language_lacks_a_text_or_a_place_in_it() {
        let english = english();
        let all = languages();
        assert!(all.len() >= 24, "{} languages", all.len());
        for (language, texts) in all {
            let names = |texts: &Map<String, Value>| texts.keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(names(&texts), names(&english), "{language}");
            for (name, text) in &texts {
                for form in forms(text) {
                    let expected = places(forms(&english[name])[0]);
                    assert_eq!(places(form), expected, "{language}: {name}");
                    let filled = form.as_str().unwrap();
                    assert!(
                        !filled.trim().is_empty() && filled.trim() == filled,
                        "{language}: {name}"
                    );
                }
            }
        }
    }

    /// But for the few words that some languages share with English.
    #[test]
    fn no_text_was_left_in_english() {
        let english = english();
        for (language, texts) in languages().into_iter().filter(|(name, _)| name != "en") {
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
    fn every_text_is_used_and_every_used_text_is_there() {
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
        // Declines and buyer fields are looked up by their words on the wire.
        let by_word =
            |name: &str| name.starts_with("decline_") || name.parse::<BuyerField>().is_ok();
        let script = include_str!("../start.js");
        for name in english.keys().filter(|name| !by_word(name)) {
            let used = code.contains(&format!("\"{name}\""));
            let used = used || script.contains(&format!("texts.{name}"));
            assert!(used, "{name} is not used");
        }
        for call in ["t(\"", "fill(\"", "plural(\""] {
            for (at, _) in code.match_indices(call) {
                // `text(` is another.
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
        let all = languages();
        assert_eq!(list, all.iter().map(|(name, _)| name.as_str()).collect());
    }
}
