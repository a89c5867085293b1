//! The screen when the payment could not be loaded. It says nothing about money: that is not known.

use super::parts::{Button, Message};
use crate::i18n::t;
use crate::once::once;
use crate::state::{Data, LoadError, Session};
use leptos::prelude::*;

/// The screen.
#[component]
pub fn Failed(session: Session) -> impl IntoView {
    let error = session.data.with_untracked(|data| match data {
        Data::Failed(error) => Some(*error),
        Data::Loading | Data::Loaded(_) => None,
    })?;
    let press = move || match error {
        // A newer server has newer code.
        LoadError::Outdated => {
            let _ = location().reload();
        }
        _ => session.load(),
    };
    let (title, text, again) = match error {
        LoadError::InvalidLink => ("bad_link", "bad_link_text", false),
        _ => ("load_failed", "load_failed_text", true),
    };
    let retry = again.then(|| {
        once(move || {
            view! { <Button id="retry" class="main" label=t("retry") press=Box::new(press)/> }
        })
    });
    Some(view! {
        <Message screen="failed" mark="mark bad" title=t(title) text=t(text) more=retry/>
    })
}
