//! Closing, and events for the page.

use super::Session;
use crate::browser::{self, Mode};
use leptos::prelude::*;
use till_shared::message::EventName;

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
        self.post_event(EventName::Close);
        if self.mode == Mode::Popup {
            // The browser ignores this for a window that no script opened.
            let _ = window().close();
        }
    }

    /// Posts an event with the known state to the page.
    pub(super) fn post_event(self, event: EventName) {
        let payment = self.known().and_then(|known| known.payment);
        let code = payment.and_then(|p| p.decline);
        self.post_event_with(event, None, code.map(|code| code.as_str()));
    }

    /// Posts an event with another status than the invoice's and another code than the payment's.
    pub(super) fn post_event_with(
        self,
        event: EventName,
        status: Option<&str>,
        code: Option<&str>,
    ) {
        let known = self.known();
        let payment = known.as_ref().and_then(|k| k.payment.as_ref());
        let invoice_status = known.as_ref().map(|k| k.status.as_str());
        browser::post_event(
            event.as_str(),
            payment.map(|p| p.id.as_str()),
            status.or(invoice_status).unwrap_or("error"),
            code,
        );
    }
}
