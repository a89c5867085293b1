//! The payment methods. The buyer enters a card in the widget; every other method redirects to the
//! payment system's page.

use crate::dom::{El, el};
use crate::i18n::t;
use leptos::prelude::*;

/// The method whose fields the widget has.
pub const CARD: &str = "card";

/// The names that differ from the capitalized method.
const NAMES: [(&str, &str); 3] = [("eps", "EPS"), ("ideal", "iDEAL"), ("paypal", "PayPal")];

/// Returns the display name of a method.
pub fn name(method: &str) -> String {
    if method == CARD {
        return t("card");
    }
    if let Some((_, name)) = NAMES.iter().find(|(word, _)| *word == method) {
        return (*name).to_owned();
    }
    let words = method.split('_').map(|word| {
        let (head, tail) = word.split_at(word.len().min(1));
        [&head.to_ascii_uppercase(), tail].concat()
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Renders the choice of methods, if there are several.
pub fn chooser(methods: &[String], chosen: RwSignal<String>) -> Option<El> {
    let option = |method: &String| {
        let (word, choose) = (method.clone(), method.clone());
        let radio = el("input")
            .attr("type", "radio")
            .attr("name", "method")
            .attr("value", method)
            .reactive_flag("checked", move || chosen.with(|chosen| *chosen == word))
            .on("change", move |_| chosen.set(choose.clone()));
        let label = el("label").class("method").child(radio);
        label.child(el("span").text(&name(method)))
    };
    (methods.len() > 1).then(|| {
        el("fieldset")
            .class("methods")
            .child(el("legend").text(&t("payment_method")))
            .children(methods.iter().map(option).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn methods_have_display_names() {
        for (method, expected) in [
            ("paypal", "PayPal"),
            ("ideal", "iDEAL"),
            ("bancontact", "Bancontact"),
            ("some_new_one", "Some New One"),
        ] {
            assert_eq!(name(method), expected);
        }
    }
}
