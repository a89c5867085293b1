//! The screen while the outcome of the payment is pending.

use super::parts::Message;
use crate::i18n::t;
use leptos::prelude::*;

/// The screen.
#[component]
pub fn Processing() -> impl IntoView {
    view! {
        <Message
            screen="processing"
            mark="mark spinner"
            title=t("processing")
            text=t("processing_text")
            more=None
        />
    }
}
