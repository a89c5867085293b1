//! A field with a label and an error. The error appears when the buyer leaves the field and disappears
//! as soon as the value is valid.

use super::input::Edit;
use crate::i18n::t;
use crate::once::{Once, effect, once, reactive};
use leptos::prelude::*;
use leptos::task::spawn_local;
use std::rc::Rc;
use wasm_bindgen::JsCast;
use web_sys::{Event, HtmlDocument, HtmlInputElement, InputEvent};

/// The name of the error text, if the value is invalid.
pub type Problem = Option<&'static str>;

/// Formats what the buyer typed: text, caret, and whether something was deleted.
pub type Format = fn(&str, usize, bool) -> Edit;

/// Validates a value.
pub type Check = Rc<dyn Fn(&str) -> Problem>;

/// The state of a field. It outlives the form: the buyer's input is kept between screens.
#[derive(Clone, Copy)]
pub struct Field {
    /// The element's id.
    pub id: &'static str,
    /// How the value is formatted.
    format: Format,
    /// The value.
    pub value: RwSignal<String>,
    /// The error.
    pub error: RwSignal<Problem>,
}

impl Field {
    /// Creates an empty field.
    pub fn new(id: &'static str, format: Format) -> Self {
        Self {
            id,
            format,
            value: RwSignal::new(String::new()),
            error: RwSignal::new(None),
        }
    }

    /// Returns the value as it stands in the page: a password manager or autofill may set it without an
    /// event.
    pub fn read(self) -> String {
        if let Some(input) = self.input() {
            self.value.set(input.value());
        }
        self.value.get_untracked()
    }

    /// Returns a value as the field formats it.
    pub fn formatted(self, text: &str) -> String {
        (self.format)(text, text.len(), false).text
    }

    /// Clears the value and the error.
    pub fn clear(self) {
        self.value.set(String::new());
        self.error.set(None);
    }

    fn input(self) -> Option<HtmlInputElement> {
        document().get_element_by_id(self.id)?.dyn_into().ok()
    }

    /// Shows a changed value in the page.
    fn follow_value(self) {
        effect(move || {
            let text = self.value.get();
            // Setting the same value moves the caret and ends the undo history.
            if let Some(input) = self.input().filter(|input| input.value() != text) {
                input.set_value(&text);
            }
        });
    }

    fn on_input(self, check: &Check, event: &Event) {
        let Some(input) = self.input() else {
            return;
        };
        let typed = input.value();
        let event = event.dyn_ref::<InputEvent>();
        let as_typed = event
            .is_some_and(|event| event.is_composing() || event.input_type().starts_with("history"));
        let caret = input.selection_start().ok().flatten();
        let caret = caret.map_or(typed.len(), |caret| caret as usize);
        let deleted = typed.len() < self.value.with_untracked(String::len);
        let edited = (self.format)(&typed, caret, deleted);
        if edited.text != typed && !as_typed {
            // After this event, as the change is an event of its own.
            spawn_local(async move { self.replace(&input, edited) });
            return;
        }
        if self.error.get_untracked().is_some() {
            self.error.set(check(&typed));
        }
        self.value.set(typed);
    }

    /// Replaces the text in the page.
    fn replace(self, input: &HtmlInputElement, edited: Edit) {
        let document: HtmlDocument = document().unchecked_into();
        input.select();
        // Unlike `value`, a command keeps the undo history. It is about the focused element.
        let inserted = document.active_element().as_ref() == Some(input.as_ref())
            && document
                .exec_command_with_show_ui_and_value("insertText", false, &edited.text)
                .unwrap_or(false);
        if !inserted {
            input.set_value(&edited.text);
            self.value.set(edited.text);
        }
        let caret = u32::try_from(edited.caret).unwrap_or(0);
        // It fails for input types without a caret.
        let _ = input.set_selection_range(caret, caret);
    }
}

/// The attributes of an input.
#[derive(Clone, Copy)]
pub struct Attributes {
    /// The name of the label's text.
    pub label: &'static str,
    /// The autofill field name (WHATWG HTML section 4.10.18.7).
    pub autocomplete: &'static str,
    /// The keyboard on touch devices.
    pub inputmode: &'static str,
    /// The direction of what is typed: `ltr` for numbers and addresses, empty for that of the page.
    pub dir: &'static str,
    /// Whether the buyer may leave the field empty.
    pub optional: bool,
}

/// A text field. `suffix` is shown at the end of the input.
#[component]
pub fn TextField(
    field: Field,
    attributes: Attributes,
    #[prop(into, optional)] placeholder: String,
    check: Check,
    #[prop(optional)] suffix: Option<Once>,
) -> impl IntoView {
    field.follow_value();
    let checked = check.clone();
    let on_blur = move |_| {
        let text = field.value.get_untracked();
        if !text.trim().is_empty() {
            field.error.set(checked(&text));
        }
    };
    let input = move || {
        view! {
            <input
                id=field.id
                type="text"
                autocomplete=attributes.autocomplete
                inputmode=attributes.inputmode
                placeholder=placeholder
                dir=attributes.dir
                autocapitalize="off"
                spellcheck="false"
                aria-required=if attributes.optional { "false" } else { "true" }
                aria-describedby=error_id(field)
                aria-invalid=reactive(move || invalid(field))
                on:input=move |event| field.on_input(&check, &event)
                on:blur=on_blur
            />
        }
    };
    view! { <Labeled field label=attributes.label control=once(input) suffix=suffix/> }
}

/// The id of a field's error.
pub fn error_id(field: Field) -> String {
    [field.id, "-error"].concat()
}

/// The value of `aria-invalid`.
pub fn invalid(field: Field) -> &'static str {
    if field.error.get().is_some() {
        "true"
    } else {
        "false"
    }
}

/// A control with its label and its error.
#[component]
pub fn Labeled(
    field: Field,
    label: &'static str,
    control: Once,
    #[prop(optional_no_strip)] suffix: Option<Once>,
) -> impl IntoView {
    view! {
        <div class="field">
            <label for=field.id>{t(label)}</label>
            <div class="box">{control} {suffix}</div>
            <p class="error" id=error_id(field) aria-live="polite">
                {reactive(move || field.error.get().map(t).unwrap_or_default())}
            </p>
        </div>
    }
}
