//! A text field with a label and an error. The error appears when the buyer leaves the field and
//! disappears as soon as the value is valid.

use crate::dom::{El, el, target};
use crate::i18n::t;
use crate::input::Edit;
use leptos::prelude::*;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Event, HtmlInputElement};

/// The name of the error text, if the value is invalid.
pub type Problem = Option<&'static str>;

/// Validates a value.
pub type Check = Box<dyn Fn(&str) -> Problem>;

/// The state of a field. It outlives the form: the buyer's input is kept between screens.
#[derive(Clone, Copy)]
pub struct FieldState {
    /// The value.
    pub value: RwSignal<String>,
    /// The error.
    pub error: RwSignal<Problem>,
}

impl FieldState {
    /// Creates an empty field.
    pub fn new() -> Self {
        Self {
            value: RwSignal::new(String::new()),
            error: RwSignal::new(None),
        }
    }

    /// Clears the value and the error.
    pub fn clear(&self) {
        self.value.set(String::new());
        self.error.set(None);
    }
}

/// The attributes of a field.
#[derive(Clone, Copy)]
pub struct FieldAttributes {
    /// The element's id.
    pub id: &'static str,
    /// The name of the label's text.
    pub label: &'static str,
    /// The autofill field name (WHATWG HTML section 4.10.18.7).
    pub autocomplete: &'static str,
    /// The keyboard on touch devices.
    pub inputmode: &'static str,
}

/// Renders a text field. `suffix` is shown at the end of the input.
pub fn field(
    attributes: FieldAttributes,
    placeholder: &str,
    state: FieldState,
    edit: fn(&str, usize, bool) -> Edit,
    check: Check,
    suffix: Option<El>,
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
            // It fails for input types without a caret.
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
        .attr("autocomplete", attributes.autocomplete)
        .attr("inputmode", attributes.inputmode)
        .attr("placeholder", placeholder)
        .attr("autocapitalize", "off")
        .attr("spellcheck", "false")
        .bind_value(value)
        .on("input", typed)
        .on("blur", left);
    labeled(attributes.id, attributes.label, error, input, suffix)
}

/// Renders a control with its label and its error.
pub fn labeled(
    id: &str,
    label: &str,
    error: RwSignal<Problem>,
    control: El,
    suffix: Option<El>,
) -> El {
    let said = [id, "-error"].concat();
    let control = control
        .id(id)
        .attr("aria-describedby", &said)
        .reactive_attr("aria-invalid", move || match error.get() {
            Some(_) => "true",
            None => "false",
        });
    let text = move || error.get().map(t).unwrap_or_default();
    el("div")
        .class("field")
        .child(el("label").attr("for", id).text(&t(label)))
        .child(el("div").class("box").child(control).optional_child(suffix))
        .child(
            el("p")
                .class("error")
                .id(&said)
                .attr("aria-live", "polite")
                .reactive_text(text),
        )
}
