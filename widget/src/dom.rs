//! Elements of the page, bound to signals. Leptos' own views are generic over all that they hold,
//! which made a third of the wasm; these are of one type, and what they hold is boxed.

use leptos::prelude::*;
use leptos::reactive::effect::RenderEffect;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, Event, HtmlElement, HtmlInputElement};

/// An element under construction.
pub struct El(Element);

/// A new element.
pub fn el(tag: &str) -> El {
    let made = document().create_element(tag);
    // Only a name that is none can't be made, and all of ours are constants.
    El(made.unwrap_or_else(|error| error.unchecked_into()))
}

impl El {
    /// With an id.
    pub fn id(self, id: &str) -> Self {
        self.0.set_id(id);
        self
    }

    /// With a class.
    pub fn class(self, class: &str) -> Self {
        self.0.set_class_name(class);
        self
    }

    /// With an attribute.
    pub fn attr(self, name: &str, value: &str) -> Self {
        set(&self.0, name, value);
        self
    }

    /// With a text at its end. Never read as HTML.
    pub fn text(self, text: &str) -> Self {
        // An element of ours takes any child.
        let _ = self.0.append_with_str_1(text);
        self
    }

    /// With a child at its end.
    pub fn child(self, child: Self) -> Self {
        let _ = self.0.append_with_node_1(&child.0);
        self
    }

    /// With these children at its end.
    pub fn children(self, children: Vec<Self>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    /// With a child, if there is one.
    pub fn maybe(self, child: Option<Self>) -> Self {
        match child {
            Some(child) => self.child(child),
            None => self,
        }
    }

    /// Does something at every event of a name.
    pub fn on(self, event: &str, run: impl FnMut(Event) + 'static) -> Self {
        listen(&self.0, event, Box::new(run));
        self
    }

    /// With a text that follows signals.
    pub fn live_text(self, read: impl Fn() -> String + 'static) -> Self {
        let element = self.0.clone();
        follow(move || {
            let text = read();
            // A live region would say the same again.
            if element.text_content().as_deref() != Some(&text) {
                element.set_text_content(Some(&text));
            }
        });
        self
    }

    /// With an attribute that follows signals.
    pub fn live_attr(self, name: &'static str, read: impl Fn() -> &'static str + 'static) -> Self {
        let element = self.0.clone();
        follow(move || set(&element, name, read()));
        self
    }

    /// With an attribute that is there or not.
    pub fn live_flag(self, name: &'static str, read: impl Fn() -> bool + 'static) -> Self {
        let element = self.0.clone();
        follow(move || {
            // Neither fails for a plain name.
            let _ = element.toggle_attribute_with_force(name, read());
        });
        self
    }

    /// An input whose value follows a signal.
    pub fn live_value(self, value: RwSignal<String>) -> Self {
        let input: HtmlInputElement = self.0.clone().unchecked_into();
        follow(move || {
            let text = value.get();
            // Setting it would move the caret.
            if input.value() != text {
                input.set_value(&text);
            }
        });
        self
    }

    /// With children that are made anew as signals change; their own bindings go with them.
    pub fn live_children(self, make: impl Fn() -> Vec<Self> + 'static) -> Self {
        let element = Self(self.0.clone());
        follow(move || {
            let children = make();
            element.0.set_text_content(None);
            Self(element.0.clone()).children(children);
        });
        self
    }

    /// Puts it at the end of the page.
    pub fn mount(self) {
        if let Some(body) = document().body() {
            let _ = body.append_with_node_1(&self.0);
        }
    }
}

fn set(element: &Element, name: &str, value: &str) {
    // It fails for a name that can't be one, and all of ours are constants.
    let _ = element.set_attribute(name, value);
}

fn listen(element: &Element, event: &str, run: Box<dyn FnMut(Event)>) {
    // The browser drops it with the element.
    let closure = Closure::wrap(run).into_js_value();
    let _ = element.add_event_listener_with_callback(event, closure.unchecked_ref());
}

/// Runs at once and whenever a signal that it read changes, for as long as what it belongs to.
pub fn follow(run: impl Fn() + 'static) {
    follow_boxed(Box::new(run));
}

fn follow_boxed(run: Box<dyn Fn()>) {
    StoredValue::new_local(RenderEffect::new(move |_| run()));
}

/// The value of an event's input or select.
pub fn value_of(event: &Event) -> String {
    let value = js_sys::Reflect::get(&target(event), &"value".into());
    value
        .ok()
        .and_then(|value| value.as_string())
        .unwrap_or_default()
}

/// What an event is about.
pub fn target(event: &Event) -> JsValue {
    event.target().map(JsValue::from).unwrap_or(JsValue::NULL)
}

/// A button with a text.
pub fn button(id: &str, class: &str, text: &str, press: impl Fn() + 'static) -> El {
    el("button")
        .id(id)
        .class(class)
        .attr("type", "button")
        .text(text)
        .on("click", move |_| press())
}

/// A heading that takes the focus when its screen comes. The amount is the page's first one, where
/// it is known.
pub fn heading(tag: &str, text: &str) -> El {
    el(tag).class("heading").attr("tabindex", "-1").text(text)
}

/// A screen that says something: a mark, a heading, a text, and what follows.
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

/// Puts the focus on the first element that a selector names.
pub fn focus(selector: &str) {
    let element = document().query_selector(selector).ok().flatten();
    if let Some(element) = element.and_then(|e| e.dyn_into::<HtmlElement>().ok()) {
        // It fails for elements that take none.
        let _ = element.focus();
    }
}
