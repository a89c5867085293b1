//! Submitting and canceling a payment.

use super::notice::payment_notice;
use super::{FormAction, Session};
use crate::api::{self, Failure};
use crate::api::{Fixed, State};
use crate::host;
use crate::i18n::{plural, t};
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::invoice::InvoiceStatus;
use till_shared::message::ToPage;
use till_shared::payment::PaymentStatus;
use till_shared::problem::ProblemType;
use till_shared::widget::{FixPayment, Verification};

impl Session {
    /// Submits a payment, when the buyer presses Pay. Does nothing while another one is being submitted.
    /// `external`: the method continues on a page that cannot be shown in a frame.
    pub fn pay(self, mut fix: FixPayment, external: bool) {
        if self.sending.get_untracked() {
            return;
        }
        self.sending.set(true);
        fix.captcha_token = self.captcha_token.get_untracked();
        self.captcha_token.set(None);
        self.banner.set(None);
        self.form_action.set(FormAction::None);
        // Browsers allow a window only during the click. Its URL follows.
        let opened = external && self.mode.framed() && host::open_window("");
        spawn_local(async move {
            match api::fix(&host::new_key(), &fix).await {
                Ok(fixed) => self.on_fixed(fixed),
                Err(failure) => self.on_fixation_failed(failure).await,
            }
            self.sending.set(false);
            if opened && !self.window_open.get_untracked() {
                host::close_window();
            }
        });
    }

    fn on_fixed(self, fixed: Fixed) {
        let Fixed {
            payment,
            verification,
        } = fixed;
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
        self.submitted.set(Some(payment.clone()));
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
        if let Verification::Redirect { url } = verification {
            if self.mode.framed() {
                self.open_verification_window(&url);
            } else {
                host::redirect(&url);
            }
        }
    }

    async fn on_fixation_failed(self, failure: Failure) {
        let banner = match &failure {
            Failure::Problem(problem) => match problem.kind() {
                Some(ProblemType::InvalidRequest)
                    if !problem.errors.is_empty() && !problem.is_about_encryption() =>
                {
                    let fields = problem.errors.iter().map(|error| error.field.clone());
                    self.form_action
                        .set(FormAction::ShowErrors(fields.collect()));
                    None
                }
                // The project's message for the buyer.
                Some(ProblemType::OrderRejected) => Some(problem.detail.clone()),
                Some(ProblemType::TooManyAttempts) => {
                    let minutes = problem.retry_after.unwrap_or(60).div_ceil(60);
                    Some(plural("try_again_in", minutes))
                }
                Some(ProblemType::CaptchaRequired) => Some(t("captcha")),
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
            Failure::NoResponse | Failure::Unreadable => Some(t("not_reached")),
        };
        let code = failure.kind().map(ProblemType::as_str);
        self.post_with(ToPage::Error, Some("error"), code, failure.detail());
        self.banner.set(banner);
        if failure.kind() == Some(ProblemType::CaptchaRequired) {
            spawn_local(self.solve_captcha());
        } else {
            self.reload().await;
        }
    }

    /// Shows the captcha, and submits the form again when the buyer has solved it.
    async fn solve_captcha(self) {
        let invoice = api::invoice().map(|invoice| invoice.to_string());
        let url = ["/pay/", &invoice.unwrap_or_default(), "/captcha"].concat();
        if let Some(token) = host::solve_captcha(&url).await {
            self.captcha_token.set(Some(token));
            host::press_pay();
        }
    }

    /// Opens the verification form in a separate window. Browsers may block it outside of a click.
    pub fn open_verification_window(self, url: &str) {
        self.window_open.set(host::open_window(url));
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
                Err(_) => self.reload().await,
            }
        });
    }
}
