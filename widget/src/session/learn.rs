//! Taking over what the server says.

use super::{Form, Session};
use crate::browser;
use crate::i18n::{self, t};
use crate::wire::{Payment, State, Verification};
use leptos::prelude::*;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::{DeclineCode, PaymentStatus};

impl Session {
    /// Takes over what the server says, unless something newer is known.
    pub fn learn(self, state: State) {
        let Some(known) = self.known() else {
            return;
        };
        if known == state || is_older(&state, &known) {
            return;
        }
        self.data.update(|data| {
            if let Some(data) = data {
                data.state = state.clone();
            }
        });
        if state.status != InvoiceStatus::Processing {
            self.closing.set(false);
            self.beside.set(false);
        }
        self.announce(&known, &state);
        if !self.sending.get_untracked() {
            self.banner.set(left_over(&state));
        }
    }

    /// The state as it is known.
    pub fn known(self) -> Option<State> {
        self.data
            .with_untracked(|data| data.as_ref().map(|data| data.state.clone()))
    }

    /// Tells the page around what has changed, in the order of the events.
    fn announce(self, known: &State, state: &State) {
        let id = |s: &State| s.payment.as_ref().map(|p| p.id.clone());
        let begun = id(state).is_some() && id(state) != id(known);
        let live = |s: &State| s.payment.as_ref().is_some_and(|p| p.status.is_live());
        if begun {
            self.tell("fixation");
        }
        if state.verification != Verification::None && known.verification == Verification::None {
            self.tell("verification");
        }
        if state.status.was_paid() && !known.status.was_paid() {
            self.tell("paid");
        }
        let Some(payment) = state.payment.as_ref().filter(|_| begun || live(known)) else {
            return;
        };
        if payment.status == PaymentStatus::Declined {
            let code = payment.decline.unwrap_or(DeclineCode::CardDeclined);
            self.form.set(Form::Declined(code));
        }
        self.tell_failure(payment);
    }

    /// Tells the page around what was so already when this page came: that the invoice is paid, or,
    /// back from a bank's page, that it is not.
    pub(super) fn catch_up(self) {
        let Some(known) = self.known() else {
            return;
        };
        match (known.status, known.payment) {
            (InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded, _) => self.tell("paid"),
            (_, Some(payment)) if browser::came_back() => self.tell_failure(&payment),
            _ => {}
        }
    }

    fn tell_failure(self, payment: &Payment) {
        match payment.status {
            PaymentStatus::Declined => self.tell("declined"),
            PaymentStatus::Failed => self.tell("error"),
            PaymentStatus::Canceled
            | PaymentStatus::Created
            | PaymentStatus::RequiresVerification
            | PaymentStatus::Processing
            | PaymentStatus::Succeeded => {}
        }
    }
}

/// What the buyer should know of the last payment when the form is shown.
pub fn left_over(state: &State) -> Option<String> {
    let payment = state.payment.as_ref()?;
    if state.status != InvoiceStatus::Open {
        return None;
    }
    Some(match payment.status {
        PaymentStatus::Declined => {
            i18n::decline(payment.decline.unwrap_or(DeclineCode::CardDeclined))
        }
        PaymentStatus::Failed => t("failed"),
        PaymentStatus::Canceled => t("given_up"),
        PaymentStatus::Created
        | PaymentStatus::RequiresVerification
        | PaymentStatus::Processing
        | PaymentStatus::Succeeded => return None,
    })
}

/// Whether `state` was overtaken by `known`: messages come by several ways. Ids and times of one
/// form sort as text.
fn is_older(state: &State, known: &State) -> bool {
    if known.status.was_paid() {
        return !state.status.was_paid();
    }
    let stamp = |p: &Payment| (p.id.clone(), p.updated_at.clone());
    match (&state.payment, &known.payment) {
        _ if state.status.was_paid() => false,
        (Some(state), Some(known)) => stamp(state) < stamp(known),
        (None, Some(_)) => true,
        (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(status: &str, payment: Option<(&str, &str, &str)>) -> State {
        State {
            status: status.parse().unwrap(),
            payment: payment.map(|(id, status, at)| Payment {
                id: id.into(),
                method: "card".into(),
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
    fn what_was_overtaken_is_not_shown() {
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
