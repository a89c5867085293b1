//! The card fields of `index.html`, in which the buyer can type before this code has arrived.

use super::field::Field;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

/// Takes over what was typed and removes the skeleton with its fields. Returns the id of the field that
/// has the focus.
pub fn take_over(fields: [Field; 4]) -> Option<&'static str> {
    let skeleton = document().get_element_by_id("skeleton")?;
    let mut focused = None;
    for field in fields {
        if take_field(field).unwrap_or(false) {
            focused = Some(field.id);
        }
    }
    skeleton.remove();
    focused
}

/// Returns whether the field has the focus.
fn take_field(field: Field) -> Option<bool> {
    let early = document().get_element_by_id(&["early-", field.id].concat())?;
    let input: &HtmlInputElement = early.dyn_ref()?;
    if !input.value().is_empty() {
        field.value.set(field.formatted(&input.value()));
    }
    Some(document().active_element().as_ref() == Some(&early))
}
