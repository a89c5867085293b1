//! From the press of Pay to the verification form.

use super::learn::left_over;
use super::{Form, Session};
use crate::api::{self, Failure};
use crate::browser;
use crate::i18n::t;
use crate::wire::{Payment, State, Verification};
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::PaymentStatus;
use till_shared::problem::ProblemType;

impl Session {
    /// The buyer pressed Pay. A second press has no effect while the first is under way. `away`:
    /// the method is known to lead to a page that refuses frames.
    pub fn pay(self, body: String, away: bool) {
        if self.sending.get_untracked() {
            return;
        }
        self.sending.set(true);
        self.banner.set(None);
        self.form.set(Form::Quiet);
        // In the click itself, or the browser blocks the window; the address follows.
        let opened = away && self.mode.framed() && browser::beside(None);
        spawn_local(async move {
            match api::fix(&browser::new_key(), &body).await {
                Ok((payment, verification)) => self.fixed(payment, verification),
                Err(failure) => self.not_fixed(failure).await,
            }
            self.sending.set(false);
            if opened && !self.beside.get_untracked() {
                browser::not_beside();
            }
        });
    }

    fn fixed(self, payment: Payment, verification: Verification) {
        let status = match payment.status {
            PaymentStatus::Created
            | PaymentStatus::RequiresVerification
            | PaymentStatus::Processing => InvoiceStatus::Processing,
            PaymentStatus::Succeeded => InvoiceStatus::Paid,
            PaymentStatus::Declined | PaymentStatus::Failed | PaymentStatus::Canceled => {
                InvoiceStatus::Open
            }
        };
        self.sending.set(false);
        self.learn(State {
            status,
            payment: Some(payment),
            verification: verification.clone(),
            // Comes with the live event, before this or after.
            continue_url: self.known().and_then(|known| known.continue_url),
        });
        // A live event may have brought the same before, while the form was waiting.
        self.banner
            .set(self.known().and_then(|known| left_over(&known)));
        if let Verification::Redirect(url) = verification {
            match self.mode.framed() {
                true => self.open_beside(&url),
                false => browser::leave(&url),
            }
        }
    }

    async fn not_fixed(self, failure: Failure) {
        let banner = match &failure {
            Failure::Problem(problem) => match problem.kind {
                Some(ProblemType::InvalidRequest) if !problem.fields.is_empty() => {
                    self.form.set(Form::Refused(problem.fields.clone()));
                    None
                }
                // The shop's own words, meant for the buyer.
                Some(ProblemType::OrderRejected) => Some(problem.detail.clone()),
                Some(ProblemType::MethodUnavailable) => Some(t("decline_method_unavailable")),
                // The server says below what became of the invoice.
                Some(
                    ProblemType::InvoicePaid
                    | ProblemType::InvoiceExpired
                    | ProblemType::InvoiceCanceled
                    | ProblemType::PaymentInProgress,
                ) => None,
                _ => Some(t("unavailable")),
            },
            Failure::Lost => Some(t("not_reached")),
        };
        let code = failure.kind().map(|kind| kind.as_str());
        self.tell_with("error", Some("error"), code);
        self.banner.set(banner);
        if let Ok(data) = api::billing(false).await {
            self.learn(data.state);
        }
    }

    /// Opens a verification form in a window beside the widget. A browser may refuse that, unless
    /// it happens in a click.
    pub fn open_beside(self, url: &str) {
        self.beside.set(browser::beside(Some(url)));
    }

    /// The buyer gives the verification up.
    pub fn give_up(self) {
        let payment = self.known().and_then(|known| known.payment);
        let Some(payment) = payment else {
            return;
        };
        spawn_local(async move {
            match api::cancel(&payment.id).await {
                Ok(state) => self.learn(state),
                Err(_) => self.refresh(),
            }
        });
    }
}
