//! The widget's texts and formats, in the buyer's language. Each language has a file in `locales/`, and
//! the widget loads one of them, which the server chooses. Tests compare every file with the English
//! one, and the names in the code with the files.

use crate::host::{self, Mode, root};
use gloo_net::http::Request;
use js_sys::Intl::{Collator, DisplayNames, NumberFormat, PluralRules};
use js_sys::{Array, JSON, Object, Reflect, encode_uri_component};
use leptos::prelude::*;
use std::cell::RefCell;
use till_shared::message::{Names, ToPage};
use till_shared::payment::DeclineCode;
use wasm_bindgen::prelude::*;

/// The languages that are written from right to left.
const RIGHT_TO_LEFT: [&str; 2] = ["ar", "he"];

/// The texts to use when no language file could be loaded.
const FALLBACK_TEXTS: [(&str, &str); 3] = [
    ("load_failed", "The payment could not be loaded"),
    (
        "load_failed_text",
        "Please check your connection and try again.",
    ),
    ("retry", "Try again"),
];

#[wasm_bindgen]
extern "C" {
    /// Throws for what is not a language tag.
    #[wasm_bindgen(js_namespace = Intl, js_name = getCanonicalLocales, catch)]
    fn canonical_locales(tag: &str) -> Result<Array, JsValue>;
}

thread_local! {
    static TEXTS: RefCell<JsValue> = const { RefCell::new(JsValue::NULL) };
    /// The BCP 47 tag that the formats follow.
    static LOCALE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Loads the texts. `ordered`: the language of the order or the project, a BCP 47 tag, which the page's
/// own choice goes before.
pub async fn load(ordered: Option<String>) {
    let valid = |tag: &String| canonical_locales(tag).is_ok();
    let chosen = root().dataset().get("locale").filter(valid);
    let ordered = ordered
        .filter(|tag| host::query("locale").is_none() && chosen.as_ref() != Some(tag))
        .filter(valid);
    let texts = match &ordered {
        Some(tag) => request(tag).await,
        None => host::early_texts().await.ok(),
    };
    let texts = match texts {
        Some(texts) => texts,
        None => request(chosen.as_deref().unwrap_or_default())
            .await
            .unwrap_or(JsValue::NULL),
    };
    let language = text_of(&texts, "language").unwrap_or_else(|| "en".into());
    let right_to_left = RIGHT_TO_LEFT.contains(&language.as_str());
    root().set_lang(&language);
    root().set_dir(if right_to_left { "rtl" } else { "ltr" });
    LOCALE.set(ordered.or(chosen));
    TEXTS.set(texts);
    post_names();
}

/// Posts the accessible names, and gives the document its title.
pub fn post_names() {
    let payment = t("payment");
    if !payment.is_empty() {
        document().set_title(&payment);
        if Mode::of_page().framed() {
            host::post(&ToPage::Named(Names {
                payment,
                close: t("close"),
            }));
        }
    }
}

async fn request(tag: &str) -> Option<JsValue> {
    let tag = String::from(encode_uri_component(tag));
    let request = Request::get(&["/v1/widget/texts?locale=", &tag].concat());
    let response = request.send().await.ok().filter(|response| response.ok())?;
    JSON::parse(&response.text().await.ok()?).ok()
}

fn text_of(texts: &JsValue, name: &str) -> Option<String> {
    Reflect::get(texts, &name.into()).ok()?.as_string()
}

/// Returns a text in the buyer's language.
pub fn t(name: &str) -> String {
    let text = TEXTS.with_borrow(|texts| text_of(texts, name));
    text.unwrap_or_else(|| {
        let english = FALLBACK_TEXTS.iter().find(|(known, _)| *known == name);
        english
            .map(|(_, text)| (*text).to_owned())
            .unwrap_or_default()
    })
}

/// Returns a text with a placeholder replaced.
pub fn fill(name: &str, placeholder: &str, value: &str) -> String {
    t(name).replace(placeholder, value)
}

/// Returns the message for a decline code.
pub fn decline(code: DeclineCode) -> String {
    t(&["decline_", code.as_str()].concat())
}

/// The list of locales that the constructors of `Intl` take. Empty, it stands for the browser's.
fn locales() -> Array {
    LOCALE.with_borrow(|locale| locale.iter().map(JsValue::from).collect())
}

fn options(entries: &[(&str, JsValue)]) -> Object {
    let options = Object::new();
    for (name, value) in entries {
        // A plain object accepts any field.
        let _ = Reflect::set(&options, &(*name).into(), value);
    }
    options
}

fn format(value: JsValue, entries: &[(&str, JsValue)]) -> String {
    let format = NumberFormat::new(&locales(), &options(entries)).format();
    let text = format.call1(&JsValue::UNDEFINED, &value);
    text.ok()
        .and_then(|text| text.as_string())
        .unwrap_or_default()
}

/// Returns the plural form of a text for a number (CLDR plural rules), with the number filled in.
pub fn plural(name: &str, n: u32) -> String {
    let category = PluralRules::new(&locales(), &Object::new()).select(n.into());
    let forms = TEXTS.with_borrow(|texts| Reflect::get(texts, &name.into()));
    let form = forms.and_then(|forms| Reflect::get(&forms, &category));
    let form = form
        .ok()
        .and_then(|form| form.as_string())
        .unwrap_or_default();
    form.replace("{n}", &format(n.into(), &[]))
}

/// Formats minor units of a currency in the buyer's locale. `Intl` takes them as decimal text, without
/// floating point.
pub fn money(amount: i64, currency: &str, exponent: u32) -> String {
    let digits = exponent as usize;
    let mut text = amount.to_string();
    if digits > 0 {
        let zeros = (digits + 1).saturating_sub(text.len());
        text.insert_str(0, &"0".repeat(zeros));
        text.insert(text.len() - digits, '.');
    }
    let entries = [
        ("style", "currency".into()),
        ("currency", currency.into()),
        ("minimumFractionDigits", exponent.into()),
        ("maximumFractionDigits", exponent.into()),
    ];
    format(text.into(), &entries)
}

/// Formats seconds as `5:07`, in the digits of the locale.
pub fn clock(seconds: u32) -> String {
    let minutes = format((seconds / 60).into(), &[]);
    let two_digits = [("minimumIntegerDigits", 2.into())];
    [&minutes, ":", &format((seconds % 60).into(), &two_digits)].concat()
}

/// Returns pairs of country code and name, sorted by name.
pub fn countries(codes: &str) -> Vec<(String, String)> {
    let names = DisplayNames::new(&locales(), &options(&[("type", "region".into())]));
    let compare = Collator::new(&locales(), &Object::new()).compare();
    let all: Array = codes
        .split(' ')
        .map(|code| {
            let name = names.of(code).map(String::from);
            JsValue::from([name.as_deref().unwrap_or(code), "\n", code].concat())
        })
        .collect();
    let sorted = all.sort_by(&mut |a, b| {
        let order = compare.call2(&JsValue::UNDEFINED, &a, &b);
        order
            .ok()
            .and_then(|order| order.as_f64())
            .unwrap_or_default() as i32
    });
    let lines = sorted.iter().filter_map(|line| line.as_string());
    lines
        .filter_map(|line| {
            line.split_once('\n')
                .map(|(name, code)| (code.to_owned(), name.to_owned()))
        })
        .collect()
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use serde_json::{Map, Value};
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;
    use till_shared::buyer::BuyerField;
    use till_shared::language::LANGUAGES;
    use till_shared::payment::DeclineCode;
    use till_shared::problem::ProblemType;

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
        for dir in ["", "forms", "screens", "state"].map(|room| dir.join(room)) {
            for file in fs::read_dir(dir).unwrap().map(|file| file.unwrap().path()) {
                if file.is_file() {
                    let text = fs::read_to_string(file).unwrap();
                    code += text.split("#[cfg(test)]").next().unwrap();
                }
            }
        }
        let english = english();
        // Declines, buyer fields and, in `till.js`, problems are looked up by their values on the wire.
        let by_value = |name: &str| {
            let problem = name.replace('_', "-").parse::<ProblemType>();
            name.starts_with("decline_") || name.parse::<BuyerField>().is_ok() || problem.is_ok()
        };
        let script = include_str!("../boot.js");
        for name in english.keys().filter(|name| !by_value(name)) {
            let quoted = format!("\"{name}\"");
            let used = code.contains(&quoted) || script.contains(&quoted);
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
}
