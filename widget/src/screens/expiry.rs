//! The countdown to the invoice's expiry.

use crate::clock;
use crate::i18n::{self, fill};
use crate::once::reactive;
use crate::state::{Screen, Session};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// The countdown is shown when fewer seconds are left.
const SHOW_BELOW: f64 = 600.0;
/// The minutes that are announced. Screen readers are told the minutes only.
const ANNOUNCED: [u32; 3] = [1, 2, 5];

/// The countdown: visible with seconds, and as minutes for screen readers.
#[component]
pub fn TimeLeft(session: Session, expires_at: String) -> impl IntoView {
    let left = RwSignal::new(clock::seconds_until(&expires_at));
    spawn_local(async move {
        loop {
            TimeoutFuture::new(1_000).await;
            let now = clock::seconds_until(&expires_at);
            // The view was removed.
            if left.try_set(now).is_some() {
                return;
            }
            if now < 0.0 && session.screen_untracked() == Screen::Form {
                session.refresh();
                TimeoutFuture::new(5_000).await;
            }
        }
    });
    let seconds = move || {
        let left = left.get();
        (left < SHOW_BELOW && session.screen() == Screen::Form).then_some(left.max(0.0) as u32)
    };
    let seen = move || {
        let clock = seconds().map(i18n::clock);
        clock.map_or_else(String::new, |clock| fill("time_left", "{time}", &clock))
    };
    let said = move || {
        let near = seconds().and_then(|s| ANNOUNCED.into_iter().find(|m| s <= m * 60));
        near.map_or_else(String::new, |minutes| i18n::plural("minutes_left", minutes))
    };
    view! {
        <p class="expiry" aria-hidden="true">
            {reactive(seen)}
        </p>
        <p class="visually-hidden" role="status">
            {reactive(said)}
        </p>
    }
}
