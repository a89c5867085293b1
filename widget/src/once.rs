//! Views that are built once.
//!
//! A branch of a view, such as a screen, is replaced as a whole when it changes. Leptos' `into_any`,
//! `Show` and `Either` also contain the code that updates a branch in place, which is a seventh of
//! the WebAssembly. [`once`] contains only the code that builds it. Each run of the closure around it
//! makes new elements, so that closure reads only the signals that choose the branch.

use leptos::prelude::*;
use leptos::tachys::html::attribute::Attribute;
use leptos::tachys::html::attribute::any_attribute::AnyAttribute;
use leptos::tachys::hydration::Cursor;
use leptos::tachys::view::{Mountable, Position, PositionState};
use send_wrapper::SendWrapper;
use std::any::Any;
use wasm_bindgen::JsCast;
use web_sys::{Element, Node};

/// Builds a view into an element and returns what keeps it reactive.
type Build = Box<dyn FnOnce(&Element) -> Box<dyn Any>>;

/// A view of any type.
pub struct Once(SendWrapper<Build>);

/// Wraps a view.
pub fn once<V: IntoView + 'static>(view: impl FnOnce() -> V + 'static) -> Once {
    Once(SendWrapper::new(Box::new(move |parent| {
        let mut state = view().into_view().build();
        state.mount(parent, None);
        Box::new(state)
    })))
}

/// A view in the page: the nodes from one comment to another.
pub struct Built {
    first: Node,
    last: Node,
    _state: Box<dyn Any>,
}

impl Built {
    fn for_each_node(&self, run: impl Fn(&Node)) {
        let mut next = Some(self.first.clone());
        while let Some(node) = next {
            next = node.next_sibling().filter(|_| node != self.last);
            run(&node);
        }
    }
}

impl Render for Once {
    type State = Built;

    fn build(self) -> Built {
        let (first, last) = (document().create_comment(""), document().create_comment(""));
        let nodes: Element = document().create_document_fragment().unchecked_into();
        // A fragment that was just created accepts any node.
        let _ = nodes.append_child(&first);
        let state = self.0.take()(&nodes);
        let _ = nodes.append_child(&last);
        Built {
            first: first.into(),
            last: last.into(),
            _state: state,
        }
    }

    fn rebuild(self, state: &mut Built) {
        let mut new = self.build();
        state.insert_before_this(&mut new);
        state.unmount();
        *state = new;
    }
}

impl Mountable for Built {
    fn unmount(&mut self) {
        self.for_each_node(|node| {
            if let Some(parent) = node.parent_node() {
                let _ = parent.remove_child(node);
            }
        });
    }

    fn mount(&mut self, parent: &Element, marker: Option<&Node>) {
        self.for_each_node(|node| {
            let _ = parent.insert_before(node, marker);
        });
    }

    fn insert_before_this(&self, child: &mut dyn Mountable) -> bool {
        let parent = self.first.parent_node();
        if let Some(parent) = &parent {
            child.mount(parent.unchecked_ref(), Some(&self.first));
        }
        parent.is_some()
    }

    fn elements(&self) -> Vec<Element> {
        vec![]
    }
}

impl AddAnyAttr for Once {
    type Output<A: Attribute> = Self;

    fn add_any_attr<A: Attribute>(self, _: A) -> Self {
        self
    }
}

/// The widget is rendered in the browser only.
impl RenderHtml for Once {
    type AsyncOutput = Self;
    type Owned = Self;
    const MIN_LENGTH: usize = 0;

    fn dry_resolve(&mut self) {}

    async fn resolve(self) -> Self {
        self
    }

    fn to_html_with_buf(
        self,
        _: &mut String,
        _: &mut Position,
        _: bool,
        _: bool,
        _: Vec<AnyAttribute>,
    ) {
    }

    fn hydrate<const FROM_SERVER: bool>(self, _: &Cursor, _: &PositionState) -> Built {
        self.build()
    }

    fn into_owned(self) -> Self {
        self
    }
}

/// A part of a view, a text or an attribute that follows signals.
///
/// Leptos takes any closure, and has one copy of the code that follows its signals for each. Closures in
/// a box are of one type, and have one copy.
pub fn reactive<T: 'static>(read: impl Fn() -> T + Send + 'static) -> Box<dyn Fn() -> T + Send> {
    Box::new(read)
}

/// Runs now and when a signal that it read changes.
pub fn effect(run: impl Fn() + 'static) {
    effect_of(Box::new(run));
}

fn effect_of(run: Box<dyn Fn()>) {
    Effect::new(move |_| run());
}
