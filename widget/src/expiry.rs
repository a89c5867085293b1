//! The countdown to the invoice's expiry.

use crate::browser;
use crate::dom::{El, el};
use crate::i18n::fill;
use crate::session::{Screen, Session};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;

/// The countdown is shown when fewer seconds are left.
const SHOW_BELOW: f64 = 600.0;
/// The minutes that are announced. Screen readers are told the minutes only.
const ANNOUNCED: [u32; 3] = [1, 2, 5];

/// Renders the countdown: visible with seconds, and as minutes for screen readers.
pub fn expiry(session: Session, expires_at: String) -> Vec<El> {
    let left = RwSignal::new(browser::seconds_until(&expires_at));
    spawn_local(async move {
        loop {
            TimeoutFuture::new(1_000).await;
            let now = browser::seconds_until(&expires_at);
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
        let clock = seconds().map(browser::clock);
        clock.map_or_else(String::new, |clock| fill("time_left", "{time}", &clock))
    };
    let said = move || {
        let near = seconds().and_then(|s| ANNOUNCED.into_iter().find(|m| s <= m * 60));
        near.map_or_else(String::new, |minutes| {
            browser::plural("minutes_left", minutes)
        })
    };
    vec![
        el("p")
            .class("expiry")
            .attr("aria-hidden", "true")
            .reactive_text(seen),
        el("p")
            .class("visually-hidden")
            .attr("role", "status")
            .reactive_text(said),
    ]
}
