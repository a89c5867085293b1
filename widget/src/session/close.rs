//! Closing, and telling the page around.

use super::Session;
use crate::browser::{self, Mode};
use leptos::prelude::*;

impl Session {
    /// The buyer wants to close: at once, or after a question while money may be moving.
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

    /// Closes. What is under way goes on without the widget.
    pub fn close(self) {
        self.tell("close");
        if self.mode == Mode::Popup {
            // A window that a script did not open stays; then there is nothing to be done.
            let _ = window().close();
        }
    }

    /// Tells the page around how it stands.
    pub(super) fn tell(self, event: &str) {
        let payment = self.known().and_then(|known| known.payment);
        let code = payment.and_then(|p| p.decline);
        self.tell_with(event, None, code.map(|code| code.as_str()));
    }

    pub(super) fn tell_with(self, event: &str, status: Option<&str>, code: Option<&str>) {
        let known = self.known();
        let payment = known.as_ref().and_then(|k| k.payment.as_ref());
        let standing = known.as_ref().map(|k| k.status.as_str());
        browser::tell(
            event,
            payment.map(|p| p.id.as_str()),
            status.or(standing).unwrap_or("error"),
            code,
        );
    }
}
