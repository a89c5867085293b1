//! The ways to pay. A card is typed in here; every other method has a page of its own, to which the
//! buyer is taken.

use crate::dom::{El, el};
use crate::i18n::t;
use leptos::prelude::*;

/// The method with fields of ours.
pub const CARD: &str = "card";

/// Names that are not just their word with a capital.
const NAMES: [(&str, &str); 3] = [("eps", "EPS"), ("ideal", "iDEAL"), ("paypal", "PayPal")];

/// A method's name as people know it.
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

/// The choice; nothing where there is none.
pub fn chooser(methods: &[String], chosen: RwSignal<String>) -> Option<El> {
    let option = |method: &String| {
        let (word, choose) = (method.clone(), method.clone());
        let radio = el("input")
            .attr("type", "radio")
            .attr("name", "method")
            .attr("value", method)
            .live_flag("checked", move || chosen.with(|chosen| *chosen == word))
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
    fn methods_have_the_names_that_people_know() {
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
