//! The colors and measures of the project and of the page.

use crate::host::{self, Mode, root};
use js_sys::{Array, JSON, Object};
use till_shared::widget::Theme;
use wasm_bindgen::JsCast;

/// The variables that a page may set, each with the CSS property that validates its values; see
/// docs/widget.md.
const VARIABLES: [(&str, &str); 13] = [
    ("accent", "color"),
    ("on-accent", "color"),
    ("page", "color"),
    ("card", "color"),
    ("text", "color"),
    ("muted", "color"),
    ("line", "color"),
    ("bad", "color"),
    ("good", "color"),
    ("radius", "border-radius"),
    ("font", "font-family"),
    ("font-size", "font-size"),
    ("space", "gap"),
];

/// Applies the theme and accent of the project, unless the page chose others.
pub fn apply(theme: Theme, accent: Option<&str>) {
    let theme = host::query("theme").unwrap_or_else(|| theme.as_str().to_owned());
    // It fails for invalid names only.
    let _ = root().dataset().set("theme", &theme);
    if let Some(accent) = accent {
        set("accent", accent);
    }
    if Mode::of_page() != Mode::Hosted {
        set_variables();
    }
}

/// Sets the variables of the page.
pub fn set_variables() {
    let variables = host::fragment().and_then(|fragment| fragment.get("variables"));
    let Some(Ok(variables)) = variables.map(|text| JSON::parse(&text)) else {
        return;
    };
    for entry in Object::entries(variables.unchecked_ref()) {
        let entry: Array = entry.unchecked_into();
        if let (Some(name), Some(value)) = (entry.get(0).as_string(), entry.get(1).as_string()) {
            set(name.strip_prefix("--till-").unwrap_or(&name), &value);
        }
    }
}

fn set(name: &str, value: &str) {
    let known = VARIABLES.iter().find(|(known, _)| *known == name);
    let Some((_, property)) = known.filter(|_| is_plain(value)) else {
        return;
    };
    if web_sys::css::supports_with_value(property, value).unwrap_or(false) {
        let _ = root()
            .style()
            .set_property(&["--till-", name].concat(), value);
    }
}

/// Returns whether a value is plain: nothing that ends a declaration, loads a resource or refers to a
/// variable.
fn is_plain(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_ #%.,'\"()/+-".contains(c);
    let lower = value.to_ascii_lowercase();
    let refers = ["url", "var", "env", "attr", "image"];
    (1..=99).contains(&value.len())
        && value.chars().all(plain)
        && !refers.iter().any(|word| lower.contains(word))
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use super::{VARIABLES, is_plain};

    #[test]
    fn values_are_plain() {
        for value in [
            "#b91c1c",
            "rgb(1 2 3 / 50%)",
            "\"Inter\", sans-serif",
            "1.5rem",
        ] {
            assert!(is_plain(value), "{value}");
        }
        for value in [
            "",
            "red;",
            "URL(a)",
            "var(--x)",
            "a{b}",
            "image-set()",
            "x\ny",
        ] {
            assert!(!is_plain(value), "{value}");
        }
        assert!(!is_plain(&"a".repeat(100)));
    }

    #[test]
    fn every_variable_is_documented() {
        let docs = include_str!("../../docs/widget.md");
        let types = include_str!("../embed/till.d.ts");
        for (name, _) in VARIABLES {
            assert!(docs.contains(&format!("`--till-{name}`")), "{name}");
            assert!(
                types.contains(&format!("\"--till-{name}\"?: string")),
                "{name}"
            );
        }
    }
}
