//! Submitting and canceling a payment.

use super::notice::payment_notice;
use super::{FormAction, Session};
use crate::api::{self, Failure};
use crate::browser;
use crate::i18n::t;
use crate::wire::{Payment, State, Verification};
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::invoice::InvoiceStatus;
use till_shared::message::EventName;
use till_shared::payment::PaymentStatus;
use till_shared::problem::ProblemType;

impl Session {
    /// Submits a payment, when the buyer presses Pay. Does nothing while another one is being submitted.
    /// `external`: the method continues on a page that cannot be shown in a frame.
    pub fn pay(self, body: String, external: bool) {
        if self.sending.get_untracked() {
            return;
        }
        self.sending.set(true);
        self.banner.set(None);
        self.form_action.set(FormAction::None);
        // Browsers allow a window only during the click. Its URL follows.
        let opened = external && self.mode.framed() && browser::open_window(None);
        spawn_local(async move {
            match api::fix(&browser::new_key(), &body).await {
                Ok((payment, verification)) => self.on_fixed(payment, verification),
                Err(failure) => self.on_fixation_failed(failure).await,
            }
            self.sending.set(false);
            if opened && !self.window_open.get_untracked() {
                browser::close_window();
            }
        });
    }

    fn on_fixed(self, payment: Payment, verification: Verification) {
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
        self.apply_state(State {
            status,
            payment: Some(payment),
            verification: verification.clone(),
            // The live event brings it, before or after this response.
            continue_url: self.known().and_then(|known| known.continue_url),
        });
        // A live event may have brought this state already, while the form was waiting.
        self.banner
            .set(self.known().and_then(|known| payment_notice(&known)));
        if let Verification::Redirect(url) = verification {
            if self.mode.framed() {
                self.open_verification_window(&url);
            } else {
                browser::redirect(&url);
            }
        }
    }

    async fn on_fixation_failed(self, failure: Failure) {
        let banner = match &failure {
            Failure::Problem(problem) => match problem.kind {
                Some(ProblemType::InvalidRequest) if !problem.fields.is_empty() => {
                    self.form_action
                        .set(FormAction::ShowErrors(problem.fields.clone()));
                    None
                }
                // The project's message for the buyer.
                Some(ProblemType::OrderRejected) => Some(problem.detail.clone()),
                Some(ProblemType::MethodUnavailable) => Some(t("decline_method_unavailable")),
                // The state loaded below says what happened to the invoice.
                Some(
                    ProblemType::InvoicePaid
                    | ProblemType::InvoiceExpired
                    | ProblemType::InvoiceCanceled
                    | ProblemType::PaymentInProgress,
                ) => None,
                _ => Some(t("unavailable")),
            },
            Failure::NoResponse => Some(t("not_reached")),
        };
        let code = failure.kind().map(|kind| kind.as_str());
        self.post_event_with(EventName::Error, Some("error"), code);
        self.banner.set(banner);
        if let Ok(data) = api::billing(false).await {
            self.apply_state(data.state);
        }
    }

    /// Opens the verification form in a separate window. Browsers may block it outside of a click.
    pub fn open_verification_window(self, url: &str) {
        self.window_open.set(browser::open_window(Some(url)));
    }

    /// Cancels the payment that waits for verification.
    pub fn cancel_payment(self) {
        let payment = self.known().and_then(|known| known.payment);
        let Some(payment) = payment else {
            return;
        };
        spawn_local(async move {
            match api::cancel(&payment.id).await {
                Ok(state) => self.apply_state(state),
                Err(_) => self.refresh(),
            }
        });
    }
}
