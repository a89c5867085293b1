//! A labelled text field whose error stands beside it: found when the buyer leaves the field, gone
//! as soon as it is right.

use crate::input::Edit;
use leptos::ev;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlInputElement};

/// What is wrong with a text, if anything.
pub type Check = Callback<(String,), Option<&'static str>>;

/// A field's state. It outlives the form, so that nothing typed is lost on the way.
#[derive(Clone, Copy)]
pub struct FieldState {
    /// The text.
    pub value: RwSignal<String>,
    /// What is wrong with it.
    pub error: RwSignal<Option<&'static str>>,
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
    /// Its label.
    pub label: &'static str,
    /// What autofill puts there (WHATWG HTML section 4.10.18.7).
    pub autocomplete: &'static str,
    /// The keyboard on a phone.
    pub inputmode: &'static str,
    /// What is shown while it is empty.
    pub placeholder: &'static str,
}

/// The field.
#[component]
pub fn Field(
    help: Help,
    state: FieldState,
    edit: fn(&str, usize, bool) -> Edit,
    check: Check,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    let FieldState { value, error } = state;
    let typed = move |ev: ev::Event| {
        let input: HtmlInputElement = event_target(&ev);
        let raw = input.value();
        let caret = input
            .selection_start()
            .ok()
            .flatten()
            .map_or(raw.len(), |c| c as usize);
        let deleted = raw.len() < value.with_untracked(String::len);
        let edited = edit(&raw, caret, deleted);
        if edited.text != raw {
            input.set_value(&edited.text);
            let caret = u32::try_from(edited.caret).unwrap_or(0);
            // It fails for kinds of fields that have no caret.
            let _ = input.set_selection_range(caret, caret);
        }
        if error.get_untracked().is_some() {
            error.set(check.run((edited.text.clone(),)));
        }
        value.set(edited.text);
    };
    let left = move |_| {
        let text = value.get_untracked();
        if !text.trim().is_empty() {
            error.set(check.run((text,)));
        }
    };
    view! {
        <div class="field" class:wrong=move || error.get().is_some()>
            <label for=help.id>{help.label}</label>
            <div class="box">
                <input
                    id=help.id
                    type="text"
                    autocomplete=help.autocomplete
                    inputmode=help.inputmode
                    placeholder=help.placeholder
                    autocapitalize="off"
                    spellcheck="false"
                    prop:value=value
                    aria-invalid=move || error.get().is_some().then_some("true")
                    aria-describedby=format!("{}-error", help.id)
                    on:input=typed
                    on:blur=left
                />
                {children.map(|c| c())}
            </div>
            <FieldError id=help.id error />
        </div>
    }
}

/// The place for a field's error.
#[component]
pub fn FieldError(id: &'static str, error: RwSignal<Option<&'static str>>) -> impl IntoView {
    view! {
        <p class="error" id=format!("{id}-error") aria-live="polite">
            {move || error.get()}
        </p>
    }
}

/// Puts the focus on an element.
pub fn focus(id: &str) {
    let element = document().get_element_by_id(id);
    if let Some(element) = element.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        // It fails for elements that take none.
        let _ = element.focus();
    }
}
