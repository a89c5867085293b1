//! The payment as the widget knows it, and everything that changes it. What the server says is
//! taken over in one place, [`Session::learn`], and only if it is newer.

use crate::api::{self, Failure};
use crate::host::{self, Mode, Page, Told};
use crate::i18n::{self, t};
use crate::sse;
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::id::PaymentId;
use till_shared::invoice::InvoiceStatus;
use till_shared::message::{Progress, ToPage, ToWidget};
use till_shared::payment::{DeclineCode, Payment, PaymentStatus};
use till_shared::problem::{FieldError, ProblemType};
use till_shared::widget::{BillingData, FixPayment, FixedPayment, Verification, WidgetState};

/// The window in which a verification form is opened beside the widget.
const BANK_WINDOW: &str = "till-verification";

/// What is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    Loading,
    Failed,
    Form,
    Verification,
    Processing,
    Paid,
    Expired,
    Canceled,
    Refunded,
}

/// Why there is nothing to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The address holds no invoice, or not its token.
    BadLink,
    /// It may work another time.
    Unreachable,
}

/// What the form has to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Nothing new.
    Quiet,
    /// The server refused these fields.
    Refused(Vec<FieldError>),
    /// The payment was declined: another try.
    Declined(DeclineCode),
}

/// The one owner of the payment's state.
#[derive(Clone, Copy)]
pub struct Session {
    pub page: StoredValue<Page>,
    pub data: RwSignal<Option<BillingData>>,
    pub trouble: RwSignal<Option<Trouble>>,
    /// A press of Pay is under way.
    pub sending: RwSignal<bool>,
    /// What the buyer should know, above the form.
    pub banner: RwSignal<Option<String>>,
    pub form: RwSignal<Form>,
    /// The verification form is open in a window beside the widget.
    pub beside: RwSignal<bool>,
    /// The buyer is asked whether to close.
    pub closing: RwSignal<bool>,
}

impl Session {
    /// Begins: listens to the page around and loads the billing data.
    pub fn begin() -> Self {
        let session = Self {
            page: StoredValue::new(Page::read()),
            data: RwSignal::new(None),
            trouble: RwSignal::new(None),
            sending: RwSignal::new(false),
            banner: RwSignal::new(None),
            form: RwSignal::new(Form::Quiet),
            beside: RwSignal::new(false),
            closing: RwSignal::new(false),
        };
        host::listen(session.page(), move |told| match told {
            Told::Page(ToWidget::Close) => session.ask_to_close(),
            Told::Returned => session.refresh(),
        });
        // Back from a bank's app or page, perhaps out of the browser's page cache.
        host::on_window("pageshow", move |_| session.refresh());
        host::on_window("focus", move |_| session.refresh());
        session.load();
        session
    }

    /// Where it runs.
    pub fn page(&self) -> Page {
        self.page.get_value()
    }

    /// What is on the screen.
    pub fn screen(&self) -> Screen {
        if self.trouble.get().is_some() {
            return Screen::Failed;
        }
        let sending = self.sending.get();
        self.data.with(|data| {
            let Some(data) = data else {
                return Screen::Loading;
            };
            match data.state.status {
                InvoiceStatus::Open => Screen::Form,
                InvoiceStatus::Processing if sending => Screen::Form,
                InvoiceStatus::Processing => match data.state.verification {
                    Verification::None => Screen::Processing,
                    Verification::Redirect { .. } | Verification::Frame { .. } => {
                        Screen::Verification
                    }
                },
                InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded => Screen::Paid,
                InvoiceStatus::Refunded => Screen::Refunded,
                InvoiceStatus::Canceled => Screen::Canceled,
                InvoiceStatus::Expired => Screen::Expired,
            }
        })
    }

    /// Loads the billing data.
    pub fn load(self) {
        self.trouble.set(None);
        let page = self.page();
        if page.invoice.is_none() || page.token.is_empty() {
            self.trouble.set(Some(Trouble::BadLink));
            return;
        }
        spawn_local(async move {
            match api::billing_data(&page).await {
                Ok(data) => {
                    self.banner.set(left_over(&data.state));
                    self.data.set(Some(data));
                    self.tell(ToPage::Ready);
                    spawn_local(sse::watch(page, move |state| self.learn(state)));
                }
                Err(failure) => {
                    let bad = matches!(
                        failure.kind(),
                        Some(ProblemType::Unauthorized | ProblemType::NotFound)
                    );
                    let trouble = if bad {
                        Trouble::BadLink
                    } else {
                        Trouble::Unreachable
                    };
                    self.trouble.set(Some(trouble));
                    self.tell(ToPage::Error);
                }
            }
        });
    }

    /// Asks the server how things stand.
    pub fn refresh(self) {
        if self.data.with_untracked(Option::is_none) {
            return;
        }
        let page = self.page();
        spawn_local(async move {
            if let Ok(data) = api::billing_data(&page).await {
                self.learn(data.state);
            }
        });
    }

    /// Takes over what the server says, unless something newer is known.
    pub fn learn(self, state: WidgetState) {
        let Some(known) = self
            .data
            .with_untracked(|d| d.as_ref().map(|d| d.state.clone()))
        else {
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

    /// Tells the page around what has changed, in the order of the events.
    fn announce(self, known: &WidgetState, state: &WidgetState) {
        let id = |s: &WidgetState| s.payment.as_ref().map(|p| p.id.clone());
        let begun = id(state).is_some() && id(state) != id(known);
        let live = |s: &WidgetState| s.payment.as_ref().is_some_and(|p| p.status.is_live());
        if begun {
            self.tell(ToPage::Fixation);
        }
        if state.verification != Verification::None && known.verification == Verification::None {
            self.tell(ToPage::Verification);
        }
        if state.status.was_paid() && !known.status.was_paid() {
            self.tell(ToPage::Paid);
        }
        let Some(payment) = state.payment.as_ref().filter(|_| begun || live(known)) else {
            return;
        };
        match payment.status {
            PaymentStatus::Declined => {
                let code = payment.decline.as_ref().map(|d| d.code);
                self.form
                    .set(Form::Declined(code.unwrap_or(DeclineCode::CardDeclined)));
                self.tell(ToPage::Declined);
            }
            PaymentStatus::Failed => self.tell(ToPage::Error),
            PaymentStatus::Canceled
            | PaymentStatus::Created
            | PaymentStatus::RequiresVerification
            | PaymentStatus::Processing
            | PaymentStatus::Succeeded => {}
        }
    }

    /// The buyer pressed Pay. A second press has no effect while the first is under way.
    pub fn pay(self, fix: FixPayment) {
        if self.sending.get_untracked() {
            return;
        }
        self.sending.set(true);
        self.banner.set(None);
        self.form.set(Form::Quiet);
        let page = self.page();
        spawn_local(async move {
            let key = window()
                .crypto()
                .map(|c| c.random_uuid())
                .unwrap_or_default();
            match api::fix(&page, &key, &fix).await {
                Ok(fixed) => self.fixed(fixed),
                Err(failure) => self.not_fixed(&page, failure).await,
            }
            self.sending.set(false);
        });
    }

    fn fixed(self, fixed: FixedPayment) {
        let FixedPayment {
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
        let state = WidgetState {
            status,
            payment: Some(payment),
            verification: verification.clone(),
            // Comes with the live event, before this or after.
            continue_url: self
                .data
                .with_untracked(|d| d.as_ref()?.state.continue_url.clone()),
        };
        self.sending.set(false);
        self.learn(state);
        // A live event may have brought the same before, while the form was waiting.
        let known = self
            .data
            .with_untracked(|d| d.as_ref().and_then(|d| left_over(&d.state)));
        self.banner.set(known);
        if let Verification::Redirect { url } = verification {
            self.redirect(&url);
        }
    }

    async fn not_fixed(self, page: &Page, failure: Failure) {
        let banner = match &failure {
            Failure::Problem(problem) => match problem.kind() {
                Some(ProblemType::InvalidRequest) if !problem.errors.is_empty() => {
                    self.form.set(Form::Refused(problem.errors.clone()));
                    None
                }
                // The shop's own words, meant for the buyer.
                Some(ProblemType::OrderRejected) => Some(problem.detail.clone()),
                Some(ProblemType::MethodUnavailable) => Some(t().no_method.to_owned()),
                // The server says below what became of the invoice.
                Some(
                    ProblemType::InvoicePaid
                    | ProblemType::InvoiceExpired
                    | ProblemType::InvoiceCanceled
                    | ProblemType::PaymentInProgress,
                ) => None,
                _ => Some(t().unavailable.to_owned()),
            },
            Failure::Lost => Some(t().not_reached.to_owned()),
        };
        let told = failure.kind().map(|kind| kind.to_string());
        self.tell_with(ToPage::Error, Some("error"), told);
        self.banner.set(banner);
        if let Ok(data) = api::billing_data(page).await {
            self.learn(data.state);
        }
    }

    /// Takes the buyer to a verification form that can't be shown in a frame.
    fn redirect(self, url: &str) {
        let page = self.page();
        if page.mode.framed() {
            self.open_beside(url);
        } else {
            page.remember();
            // The address is the payment system's and was parsed by the server.
            let _ = window().location().assign(url);
        }
    }

    /// Opens a verification form in a window beside the widget. A browser may refuse that, unless
    /// it happens in a click.
    pub fn open_beside(self, url: &str) {
        let opened = window().open_with_url_and_target(url, BANK_WINDOW);
        self.beside.set(matches!(opened, Ok(Some(_))));
    }

    /// Takes the whole tab to a verification form.
    pub fn leave_for(self, url: &str) {
        let page = self.page();
        if page.mode.framed() {
            page.post(&ToPage::Navigate {
                url: url.to_owned(),
            });
        } else {
            self.redirect(url);
        }
    }

    /// The buyer gives the verification up.
    pub fn give_up(self) {
        let Some(payment) = self.payment_id() else {
            return;
        };
        let page = self.page();
        spawn_local(async move {
            match api::cancel(&page, &payment).await {
                Ok(state) => self.learn(state),
                Err(_) => self.refresh(),
            }
        });
    }

    /// The buyer wants to close: at once, or after a question while money may be moving.
    pub fn ask_to_close(self) {
        let live = self.data.with_untracked(|data| {
            let payment = data.as_ref().and_then(|d| d.state.payment.as_ref());
            payment.is_some_and(|p| p.status.is_live())
        });
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
        self.tell(ToPage::Close);
        if self.page().mode == Mode::Popup {
            // A window that a script did not open stays; then there is nothing to be done.
            let _ = window().close();
        }
    }

    fn payment_id(&self) -> Option<PaymentId> {
        self.data.with_untracked(|data| {
            let payment = data.as_ref()?.state.payment.as_ref()?;
            Some(payment.id.clone())
        })
    }

    /// Tells the page around how it stands.
    fn tell(self, event: fn(Progress) -> ToPage) {
        let code = self.data.with_untracked(|data| {
            let payment = data.as_ref()?.state.payment.as_ref()?;
            Some(payment.decline.as_ref()?.code.to_string())
        });
        self.tell_with(event, None, code);
    }

    fn tell_with(self, event: fn(Progress) -> ToPage, status: Option<&str>, code: Option<String>) {
        let page = self.page();
        let Some(invoice) = page.invoice.clone() else {
            return;
        };
        let known = self
            .data
            .with_untracked(|d| d.as_ref().map(|d| d.state.status.as_str()));
        page.post(&event(Progress {
            invoice,
            payment: self.payment_id(),
            status: status.or(known).unwrap_or("error").to_owned(),
            code,
        }));
    }
}

/// What the buyer should know of the last payment when the form is shown.
fn left_over(state: &WidgetState) -> Option<String> {
    let payment = state.payment.as_ref()?;
    if state.status != InvoiceStatus::Open {
        return None;
    }
    let text = match payment.status {
        PaymentStatus::Declined => {
            let code = payment.decline.as_ref().map(|d| d.code);
            i18n::decline(code.unwrap_or(DeclineCode::CardDeclined))
        }
        PaymentStatus::Failed => t().failed,
        PaymentStatus::Canceled => t().given_up,
        PaymentStatus::Created
        | PaymentStatus::RequiresVerification
        | PaymentStatus::Processing
        | PaymentStatus::Succeeded => return None,
    };
    Some(text.to_owned())
}

/// Whether `state` was overtaken by `known`: messages come by several ways. Ids and times of one
/// form sort as text.
fn is_older(state: &WidgetState, known: &WidgetState) -> bool {
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

    fn state(status: &str, payment: Option<(&str, &str, &str)>) -> WidgetState {
        let payment = payment.map(|(id, status, at)| {
            serde_json::json!({
                "id": id, "object": "payment", "invoice": "inv_1", "method": "card",
                "connector": "sandbox", "reference": null, "amount": 1, "currency": "EUR",
                "status": status, "created_at": at, "updated_at": at,
            })
        });
        let state = serde_json::json!({
            "status": status, "payment": payment, "verification": { "kind": "none" },
            "continue_url": null,
        });
        serde_json::from_value(state).unwrap()
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
