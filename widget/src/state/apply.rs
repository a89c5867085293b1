//! Applying a state from the server.

use super::notice::payment_notice;
use super::{Data, FormAction, Session};
use crate::api::State;
use leptos::prelude::*;
use till_shared::invoice::InvoiceStatus;
use till_shared::message::ToPage;
use till_shared::payment::{DeclineCode, PaymentStatus, ShownPayment};
use till_shared::widget::Verification;

impl Session {
    /// Applies a state from the server, unless the known state is newer.
    pub fn apply_state(self, state: State) {
        let Some(known) = self.known() else {
            return;
        };
        if known == state || is_older(&state, &known) {
            return;
        }
        self.data.update(|data| {
            if let Data::Loaded(data) = data {
                data.state = state.clone();
            }
        });
        if state.status != InvoiceStatus::Processing {
            self.closing.set(false);
            self.window_open.set(false);
        }
        self.post_changes(&known, &state);
        if !self.sending.get_untracked() {
            self.banner.set(payment_notice(&state));
        }
    }

    /// Returns the known state.
    pub fn known(self) -> Option<State> {
        self.data
            .with_untracked(|data| Some(data.loaded()?.state.clone()))
    }

    /// Posts the events of a change to the page, in their order.
    fn post_changes(self, known: &State, state: &State) {
        let id = |s: &State| s.payment.as_ref().map(|p| p.id.clone());
        let is_new = id(state).is_some() && id(state) != id(known);
        let live = |s: &State| s.payment.as_ref().is_some_and(|p| p.status.is_live());
        if is_new {
            self.post(ToPage::Fixation);
        }
        if state.verification != Verification::None && known.verification == Verification::None {
            self.post(ToPage::Verification);
        }
        if state.status.was_paid() && !known.status.was_paid() {
            self.post(ToPage::Paid);
        }
        if state.status == InvoiceStatus::Expired && known.status != InvoiceStatus::Expired {
            self.post(ToPage::Expired);
        }
        let Some(payment) = state.payment.as_ref().filter(|_| is_new || live(known)) else {
            return;
        };
        if payment.status == PaymentStatus::Declined {
            let decline = payment.decline.as_ref();
            let code = decline.map_or(DeclineCode::CardDeclined, |decline| decline.code);
            self.form_action.set(FormAction::Retry(code));
        }
        self.post_failure(payment);
    }

    /// Posts the outcome that was known when the widget opened: a paid or expired invoice or, after a
    /// return from a bank's page, a failed payment.
    pub(super) fn post_initial_outcome(self) {
        let Some(known) = self.known() else {
            return;
        };
        match (known.status, known.payment) {
            (InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded, _) => self.post(ToPage::Paid),
            (InvoiceStatus::Expired, _) => self.post(ToPage::Expired),
            (_, Some(payment)) if self.returned => self.post_failure(&payment),
            _ => {}
        }
    }

    fn post_failure(self, payment: &ShownPayment) {
        match payment.status {
            PaymentStatus::Declined => self.post(ToPage::Declined),
            PaymentStatus::Failed => self.post(ToPage::Error),
            PaymentStatus::Canceled
            | PaymentStatus::Created
            | PaymentStatus::RequiresVerification
            | PaymentStatus::Processing
            | PaymentStatus::Succeeded => {}
        }
    }
}

/// Returns whether `state` is older than `known`. States arrive by several channels, in any
/// order. Ids and timestamps sort as text.
fn is_older(state: &State, known: &State) -> bool {
    if known.status.was_paid() {
        return !state.status.was_paid();
    }
    let stamp = |p: &ShownPayment| (p.id.clone(), p.updated_at.clone());
    match (&state.payment, &known.payment) {
        _ if state.status.was_paid() => false,
        (Some(state), Some(known)) => stamp(state) < stamp(known),
        (None, Some(_)) => true,
        (_, None) => false,
    }
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use super::*;
    use till_shared::payment::Method;

    fn state(status: &str, payment: Option<(&str, &str, &str)>) -> State {
        State {
            status: status.parse().unwrap(),
            payment: payment.map(|(id, status, at)| ShownPayment {
                id: id.parse().unwrap(),
                method: Method::Card,
                status: status.parse().unwrap(),
                decline: None,
                card: None,
                updated_at: at.into(),
            }),
            verification: Verification::None,
            continue_url: None,
        }
    }

    #[test]
    fn outdated_states_are_ignored() {
        let open = state("open", None);
        let created = state(
            "processing",
            Some(("pay_1", "created", "2026-01-01T00:00:00.000Z")),
        );
        let declined = state(
            "open",
            Some(("pay_1", "declined", "2026-01-01T00:00:00.200Z")),
        );
        let second = state(
            "processing",
            Some(("pay_2", "created", "2026-01-01T00:00:01.000Z")),
        );
        let paid = state(
            "paid",
            Some(("pay_1", "succeeded", "2026-01-01T00:00:02.000Z")),
        );
        let order = [&open, &created, &declined, &second, &paid];
        for (i, older) in order.iter().enumerate() {
            for newer in &order[i + 1..] {
                assert!(is_older(older, newer), "{older:?} {newer:?}");
                assert!(!is_older(newer, older), "{newer:?} {older:?}");
            }
        }
    }
}
