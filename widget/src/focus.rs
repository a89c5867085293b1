//! Where the focus goes.

use crate::forms::{Forms, take_over};
use crate::host::{self, Mode};
use crate::once::effect;
use crate::state::{Screen, Session};
use leptos::prelude::*;
use std::cell::Cell;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

/// Focuses the first element that matches a selector.
pub fn focus(selector: &str) {
    let element = document().query_selector(selector).ok().flatten();
    if let Some(element) = element.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        // It does nothing for elements that cannot take the focus.
        let _ = element.focus();
    }
}

/// Focuses an element by its id.
pub fn focus_id(id: &str) {
    focus(&["#", id].concat());
}

/// Moves the focus when the screen changes: to the first field, then to the heading of each new
/// screen. An inline widget takes no focus on its first screen.
pub fn follow_screens(session: Session, forms: Forms, screen: Memo<Screen>) {
    let before = Cell::new(Screen::Loading);
    let typing = Cell::new(None);
    effect(move || {
        let (now, last) = (screen.get(), before.get());
        // A hidden widget has no focus, and its skeleton is removed all the same.
        if now != Screen::Loading
            && let Some(field) = take_over(forms.card.fields())
        {
            typing.set(Some(field));
        }
        if !session.shown.get() || now == last {
            return;
        }
        before.set(now);
        match (now, last) {
            (Screen::Loading, _) => {}
            (Screen::Form, Screen::Loading) => {
                if let Some(field) = typing.take() {
                    focus_id(field);
                } else if matches!(session.mode, Mode::Iframe | Mode::Popup) {
                    let field = "#till input:not([type=radio]), #till select";
                    focus(if host::may_focus() { field } else { "h1" });
                }
            }
            (Screen::Form, _) => focus("#cvc, #pay"),
            (_, Screen::Loading) if session.mode == Mode::Inline => {}
            _ => focus(".heading"),
        }
    });
    let asked = Cell::new(false);
    effect(move || {
        let asks = session.closing.get();
        if asks {
            focus("#stay");
        } else if asked.get() {
            focus(".heading, #pay");
        }
        asked.set(asks);
    });
}
