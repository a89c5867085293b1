//! Closing, and events for the page.

use super::Session;
use crate::api;
use crate::host::{self, Mode};
use leptos::prelude::*;
use till_shared::message::{TillEvent, ToPage};

impl Session {
    /// Closes the widget. While a payment is in progress, asks the buyer first.
    pub fn ask_to_close(self) {
        let payment = self.known().and_then(|known| known.payment);
        let live = payment.is_some_and(|p| p.status.is_live());
        if self.closing.get_untracked() {
            self.closing.set(false);
        } else if live || self.sending.get_untracked() {
            self.closing.set(true);
        } else {
            self.close();
        }
    }

    /// Closes the widget. A payment in progress continues without it.
    pub fn close(self) {
        self.post(ToPage::Close);
        if self.mode == Mode::Popup {
            // The browser ignores this for a window that no script opened.
            let _ = window().close();
        }
    }

    /// Posts an event with the known state to the page.
    pub(super) fn post(self, event: fn(TillEvent) -> ToPage) {
        let payment = self.known().and_then(|known| known.payment);
        let code = payment.and_then(|p| p.decline).map(|d| d.code.as_str());
        self.post_with(event, None, code, None);
    }

    /// Posts an event with another status than the invoice's and another code than the payment's.
    /// `message`: what happened, in English, for developers.
    pub(super) fn post_with(
        self,
        event: fn(TillEvent) -> ToPage,
        status: Option<&str>,
        code: Option<&str>,
        message: Option<String>,
    ) {
        let known = self.known();
        let status = status.or(known.as_ref().map(|known| known.status.as_str()));
        host::post(&event(TillEvent {
            invoice: api::invoice(),
            status: status.unwrap_or("error").to_owned(),
            payment: known
                .and_then(|known| known.payment)
                .map(|payment| payment.id),
            code: code.map(str::to_owned),
            message,
        }));
    }
}
