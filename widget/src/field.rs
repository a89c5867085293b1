//! A labelled text field whose error stands beside it: found when the buyer leaves the field, gone
//! as soon as it is right.

use crate::dom::{El, el, target};
use crate::i18n::t;
use crate::input::Edit;
use leptos::prelude::*;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Event, HtmlInputElement};

/// The name of the text that says what is wrong, if anything.
pub type Problem = Option<&'static str>;

/// What is wrong with a text.
pub type Check = Box<dyn Fn(&str) -> Problem>;

/// A field's state. It outlives the form, so that nothing typed is lost on the way.
#[derive(Clone, Copy)]
pub struct FieldState {
    /// The text.
    pub value: RwSignal<String>,
    /// What is wrong with it.
    pub error: RwSignal<Problem>,
}

impl FieldState {
    /// An empty field.
    pub fn new() -> Self {
        Self {
            value: RwSignal::new(String::new()),
            error: RwSignal::new(None),
        }
    }

    /// Empties it.
    pub fn clear(&self) {
        self.value.set(String::new());
        self.error.set(None);
    }
}

/// How a browser helps with a field.
#[derive(Clone, Copy)]
pub struct Help {
    /// The element's id.
    pub id: &'static str,
    /// The name of its label's text.
    pub label: &'static str,
    /// What autofill puts there (WHATWG HTML section 4.10.18.7).
    pub autocomplete: &'static str,
    /// The keyboard on a phone.
    pub inputmode: &'static str,
}

/// The field; `beside` stands in its box, behind the text.
pub fn field(
    help: Help,
    placeholder: &str,
    state: FieldState,
    edit: fn(&str, usize, bool) -> Edit,
    check: Check,
    beside: Option<El>,
) -> El {
    let FieldState { value, error } = state;
    let check = Rc::new(check);
    let checked = check.clone();
    let typed = move |event: Event| {
        let input: HtmlInputElement = target(&event).unchecked_into();
        let raw = input.value();
        let caret = input.selection_start().ok().flatten();
        let caret = caret.map_or(raw.len(), |c| c as usize);
        let deleted = raw.len() < value.with_untracked(String::len);
        let edited = edit(&raw, caret, deleted);
        if edited.text != raw {
            input.set_value(&edited.text);
            let caret = u32::try_from(edited.caret).unwrap_or(0);
            // It fails for kinds of fields that have no caret.
            let _ = input.set_selection_range(caret, caret);
        }
        if error.get_untracked().is_some() {
            error.set(check(&edited.text));
        }
        value.set(edited.text);
    };
    let left = move |_| {
        let text = value.get_untracked();
        if !text.trim().is_empty() {
            error.set(checked(&text));
        }
    };
    let input = el("input")
        .attr("type", "text")
        .attr("autocomplete", help.autocomplete)
        .attr("inputmode", help.inputmode)
        .attr("placeholder", placeholder)
        .attr("autocapitalize", "off")
        .attr("spellcheck", "false")
        .live_value(value)
        .on("input", typed)
        .on("blur", left);
    labelled(help.id, help.label, error, input, beside)
}

/// A control with its label above and its error below.
pub fn labelled(
    id: &str,
    label: &str,
    error: RwSignal<Problem>,
    control: El,
    beside: Option<El>,
) -> El {
    let said = [id, "-error"].concat();
    let control = control.id(id).attr("aria-describedby", &said).live_attr(
        "aria-invalid",
        move || match error.get() {
            Some(_) => "true",
            None => "false",
        },
    );
    let text = move || error.get().map(t).unwrap_or_default();
    el("div")
        .class("field")
        .child(el("label").attr("for", id).text(&t(label)))
        .child(el("div").class("box").child(control).maybe(beside))
        .child(
            el("p")
                .class("error")
                .id(&said)
                .attr("aria-live", "polite")
                .live_text(text),
        )
}
