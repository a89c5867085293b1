//! DOM elements bound to signals. They replace Leptos' generic views, which made up a third of the
//! wasm: all elements have one type, and their closures are boxed.

use leptos::prelude::*;
use leptos::reactive::effect::RenderEffect;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Event, HtmlElement, HtmlInputElement};

/// An element under construction.
pub struct El(Element);

/// Creates an element.
pub fn el(tag: &str) -> El {
    let element = document().create_element(tag);
    // It fails for invalid names only, and all names are constants.
    El(element.unwrap_or_else(|error| error.unchecked_into()))
}

impl El {
    /// Sets the id.
    pub fn id(self, id: &str) -> Self {
        self.0.set_id(id);
        self
    }

    /// Sets the class.
    pub fn class(self, class: &str) -> Self {
        self.0.set_class_name(class);
        self
    }

    /// Sets an attribute.
    pub fn attr(self, name: &str, value: &str) -> Self {
        set(&self.0, name, value);
        self
    }

    /// Appends text. It is never parsed as HTML.
    pub fn text(self, text: &str) -> Self {
        // These elements accept any child.
        let _ = self.0.append_with_str_1(text);
        self
    }

    /// Appends a child.
    pub fn child(self, child: Self) -> Self {
        let _ = self.0.append_with_node_1(&child.0);
        self
    }

    /// Appends children.
    pub fn children(self, children: Vec<Self>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// Appends a child, if there is one.
    pub fn optional_child(self, child: Option<Self>) -> Self {
        match child {
            Some(child) => self.child(child),
            None => self,
        }
    }

    /// Adds an event listener.
    pub fn on(self, event: &str, run: impl FnMut(Event) + 'static) -> Self {
        listen(&self.0, event, Box::new(run));
        self
    }

    /// Sets the text and updates it when signals change.
    pub fn reactive_text(self, read: impl Fn() -> String + 'static) -> Self {
        let element = self.0.clone();
        effect(move || {
            let text = read();
            // Otherwise a screen reader announces a live region again.
            if element.text_content().as_deref() != Some(&text) {
                element.set_text_content(Some(&text));
            }
        });
        self
    }

    /// Sets an attribute and updates it when signals change.
    pub fn reactive_attr(
        self,
        name: &'static str,
        read: impl Fn() -> &'static str + 'static,
    ) -> Self {
        let element = self.0.clone();
        effect(move || set(&element, name, read()));
        self
    }

    /// Sets or removes a boolean attribute when signals change.
    pub fn reactive_flag(self, name: &'static str, read: impl Fn() -> bool + 'static) -> Self {
        let element = self.0.clone();
        effect(move || {
            // It fails for invalid names only.
            let _ = element.toggle_attribute_with_force(name, read());
        });
        self
    }

    /// Updates the value of an input when a signal changes.
    pub fn bind_value(self, value: RwSignal<String>) -> Self {
        let input: HtmlInputElement = self.0.clone().unchecked_into();
        effect(move || {
            let text = value.get();
            // Setting the same value moves the caret.
            if input.value() != text {
                input.set_value(&text);
            }
        });
        self
    }

    /// Rebuilds the children when signals change, and drops their effects.
    pub fn reactive_children(self, make: impl Fn() -> Vec<Self> + 'static) -> Self {
        let element = Self(self.0.clone());
        effect(move || {
            let children = make();
            element.0.set_text_content(None);
            Self(element.0.clone()).children(children);
        });
        self
    }

    /// Appends the element to the page.
    pub fn mount(self) {
        if let Some(body) = document().body() {
            let _ = body.append_with_node_1(&self.0);
        }
    }
}

fn set(element: &Element, name: &str, value: &str) {
    // It fails for invalid names only, and all names are constants.
    let _ = element.set_attribute(name, value);
}

fn listen(element: &Element, event: &str, run: Box<dyn FnMut(Event)>) {
    // The browser drops the closure with the element.
    let closure = Closure::wrap(run).into_js_value();
    let _ = element.add_event_listener_with_callback(event, closure.unchecked_ref());
}

/// Runs now and when a signal that it read changes, until its owner is dropped.
pub fn effect(run: impl Fn() + 'static) {
    effect_boxed(Box::new(run));
}

fn effect_boxed(run: Box<dyn Fn()>) {
    StoredValue::new_local(RenderEffect::new(move |_| run()));
}

/// Returns the value of the input or select that an event is about.
pub fn value_of(event: &Event) -> String {
    let value = js_sys::Reflect::get(&target(event), &"value".into());
    value
        .ok()
        .and_then(|value| value.as_string())
        .unwrap_or_default()
}

/// Returns the target of an event.
pub fn target(event: &Event) -> JsValue {
    event.target().map(JsValue::from).unwrap_or(JsValue::NULL)
}

/// Creates a button.
pub fn button(id: &str, class: &str, text: &str, press: impl Fn() + 'static) -> El {
    el("button")
        .id(id)
        .class(class)
        .attr("type", "button")
        .text(text)
        .on("click", move |_| press())
}

/// Creates a screen's heading, which can take the focus. The amount is the page's `h1`, if known.
pub fn heading(tag: &str, text: &str) -> El {
    el(tag).class("heading").attr("tabindex", "-1").text(text)
}

/// Creates a message screen: a mark, a heading, a text and further elements.
pub fn message(screen: &str, mark: &str, title: &str, text: &str, more: Vec<El>) -> El {
    el("div")
        .class("message")
        .attr("data-screen", screen)
        .attr("role", "status")
        .child(el("span").class(mark).attr("aria-hidden", "true"))
        .child(heading(if screen == "failed" { "h1" } else { "h2" }, title))
        .child(el("p").text(text))
        .children(more)
}

/// Focuses the first element that matches a selector.
pub fn focus(selector: &str) {
    let element = document().query_selector(selector).ok().flatten();
    if let Some(element) = element.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        // It does nothing for elements that cannot take the focus.
        let _ = element.focus();
    }
}
