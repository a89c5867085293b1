//! The parts that screens share.

use crate::once::{Once, once};
use leptos::prelude::*;

/// A button.
#[component]
pub fn Button(
    id: &'static str,
    class: &'static str,
    label: String,
    press: Box<dyn Fn()>,
) -> impl IntoView {
    view! {
        <button id=id class=class type="button" on:click=move |_| press()>
            {label}
        </button>
    }
}

/// A message screen: a mark, a heading that can take the focus, a text and further elements. Where the
/// payment could not be loaded there is no amount, which is the page's first heading otherwise.
#[component]
pub fn Message(
    screen: &'static str,
    mark: &'static str,
    title: String,
    text: String,
    #[prop(optional_no_strip)] more: Option<Once>,
) -> impl IntoView {
    let heading = if screen == "failed" {
        once(|| view! { <h1 class="heading" tabindex="-1">{title}</h1> })
    } else {
        once(|| view! { <h2 class="heading" tabindex="-1">{title}</h2> })
    };
    view! {
        <div class="message" data-screen=screen role="status">
            <span class=mark aria-hidden="true"></span>
            {heading}
            <p>{text}</p>
            {more}
        </div>
    }
}
