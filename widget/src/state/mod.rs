//! The state of the payment in the widget. [`Session::apply_state`] is the only place that applies a
//! state from the server, and it ignores outdated ones.

mod apply;
mod close;
mod data;
mod live;
mod notice;
mod payment;
mod screen;

pub use data::{Data, LoadError};
pub use screen::Screen;

use crate::api::{self, Failure};
use crate::host::{self, Heard, Mode};
use crate::{i18n, theme};
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::message::{InvoiceAndToken, ToPage};
use till_shared::payment::{DeclineCode, ShownPayment};
use till_shared::problem::ProblemType;
use till_shared::widget::Bill;

/// An action for the payment form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormAction {
    /// No action.
    None,
    /// Show errors at these fields, which the server rejected.
    ShowErrors(Vec<String>),
    /// The payment was declined: clear the security code and let the buyer try again.
    Retry(DeclineCode),
    /// The buyer leaves the page: clear the card, as the browser may keep the page.
    ClearCard,
}

/// The state of the widget.
#[derive(Clone, Copy)]
pub struct Session {
    /// How the widget was opened.
    pub mode: Mode,
    /// The billing data.
    pub data: RwSignal<Data>,
    /// The payment that the buyer submitted here. Only the response to it names the card.
    pub submitted: RwSignal<Option<ShownPayment>>,
    /// Whether a payment is being submitted.
    pub sending: RwSignal<bool>,
    /// The message above the form.
    pub banner: RwSignal<Option<String>>,
    /// The token of a solved captcha, for the next attempt to pay.
    pub captcha_token: RwSignal<Option<String>>,
    /// The next action of the form.
    pub form_action: RwSignal<FormAction>,
    /// Whether the verification form is open in a separate window.
    pub window_open: RwSignal<bool>,
    /// Whether the buyer is asked to confirm closing.
    pub closing: RwSignal<bool>,
    /// Whether the browser is offline.
    pub offline: RwSignal<bool>,
    /// Whether the widget is visible; a preloaded one is not yet.
    pub shown: RwSignal<bool>,
    /// Whether this popup returned from a bank's page.
    returned: bool,
}

impl Session {
    /// Creates a session without billing data.
    pub fn new(mode: Mode, shown: bool, returned: bool) -> Self {
        Self {
            mode,
            data: RwSignal::new(Data::Loading),
            submitted: RwSignal::new(None),
            sending: RwSignal::new(false),
            banner: RwSignal::new(None),
            captcha_token: RwSignal::new(None),
            form_action: RwSignal::new(FormAction::None),
            window_open: RwSignal::new(false),
            closing: RwSignal::new(false),
            offline: RwSignal::new(false),
            shown: RwSignal::new(shown),
            returned,
        }
    }

    /// Starts the session of this page: listens for messages and loads the billing data.
    pub fn start() -> Self {
        let access = host::invoice();
        let returned = host::has_returned(access.as_ref());
        let preloaded = host::is_preloaded();
        let known = access.is_some();
        api::set_invoice(access);
        let session = Self::new(Mode::of_page(), !preloaded, returned);
        theme::set_variables();
        host::listen(move |heard| session.on_heard(heard));
        if known || !preloaded {
            session.load();
        } else {
            spawn_local(i18n::load(None));
        }
        session
    }

    fn on_heard(self, heard: Heard) {
        match heard {
            Heard::Prepare(_) if self.shown.get_untracked() => {}
            Heard::Prepare(access) => self.prepare(access),
            Heard::Open(access) => self.open(access),
            // Only the buyer withdraws the question.
            Heard::Close if self.closing.get_untracked() => {}
            Heard::Escape if self.mode == Mode::Hosted => {}
            Heard::Close | Heard::Escape => self.ask_to_close(),
            Heard::Offline => self.offline.set(true),
            Heard::Returned => self.refresh(),
            Heard::Focused => self.on_back(),
            Heard::Resumed => {
                live::reconnect();
                self.on_back();
            }
            Heard::Leaving => self.form_action.set(FormAction::ClearCard),
        }
    }

    fn on_back(self) {
        self.offline.set(false);
        self.refresh();
    }

    /// Shows an invoice. Once one is shown, it stays: the buyer pays what was read. The page posts its
    /// messages again when it hears from a new frame, and may have missed what this one posted.
    fn open(self, access: InvoiceAndToken) {
        i18n::post_names();
        host::post_height();
        if self.shown.get_untracked() && api::invoice().is_some() {
            return;
        }
        host::keep_address(&access);
        if self
            .data
            .with_untracked(|data| matches!(data, Data::Failed(_)))
        {
            api::set_invoice(None);
        }
        self.prepare(access);
        self.shown.set(true);
        self.on_shown();
    }

    /// Loads the billing data of an invoice, unless it is the one that is loaded.
    fn prepare(self, access: InvoiceAndToken) {
        if api::invoice().as_ref() != Some(&access.invoice) {
            api::set_invoice(Some(access));
            self.load();
        }
    }

    /// Loads the billing data, then the texts in its language.
    pub fn load(self) {
        self.data.set(Data::Loading);
        spawn_local(async move {
            let known = api::invoice().is_some();
            let answer = if known {
                api::billing(true).await.map_err(Some)
            } else {
                Err(None)
            };
            let ordered = answer.as_ref().ok();
            let ordered = ordered.and_then(|data| data.bill.locale.clone());
            i18n::load(ordered).await;
            match answer {
                Ok(data) => {
                    theme::apply(data.bill.theme, data.bill.accent.as_deref());
                    self.banner.set(notice::payment_notice(&data.state));
                    self.data.set(Data::Loaded(Box::new(data)));
                    self.on_shown();
                }
                Err(failure) => self.on_not_loaded(failure),
            }
        });
    }

    fn on_not_loaded(self, failure: Option<Failure>) {
        let kind = failure.as_ref().and_then(Failure::kind);
        let error = match (&failure, kind) {
            (None, _) | (_, Some(ProblemType::Unauthorized | ProblemType::NotFound)) => {
                LoadError::InvalidLink
            }
            (Some(Failure::Unreadable), _) => LoadError::Outdated,
            (Some(_), _) => LoadError::Unreachable,
        };
        self.data.set(Data::Failed(error));
        let code = kind.map_or("load-failed", ProblemType::as_str);
        let detail = failure.as_ref().and_then(Failure::detail);
        let detail = detail.or_else(|| Some("The billing data could not be loaded.".to_owned()));
        self.post_with(ToPage::Error, Some("error"), Some(code), detail);
    }

    /// Starts the session once the widget is visible and has billing data.
    fn on_shown(self) {
        if !self.is_ready() {
            return;
        }
        self.post(ToPage::Ready);
        self.post_initial_outcome();
        if host::is_preloaded() {
            // The preloaded billing data may be outdated.
            self.refresh();
        }
        spawn_local(live::watch(
            move |state| self.apply_state(state),
            async move || self.reload().await,
        ));
    }

    /// Returns the screen that is shown.
    pub fn screen(self) -> Screen {
        let sending = self.sending.get();
        self.data.with(|data| Screen::of(data, sending))
    }

    /// Returns the screen without subscribing to it.
    pub fn screen_untracked(self) -> Screen {
        untrack(|| self.screen())
    }

    /// Returns the part of the billing data that does not change, if they are loaded.
    pub fn bill(self) -> Option<Bill> {
        let bill = |data: &Data| Some(data.loaded()?.bill.clone());
        self.data.with_untracked(bill)
    }

    fn is_ready(self) -> bool {
        self.shown.get_untracked() && self.known().is_some()
    }

    /// Loads the current state from the server.
    pub fn refresh(self) {
        spawn_local(self.reload());
    }

    /// Loads the current state from the server and returns when it is applied.
    async fn reload(self) {
        if !self.is_ready() {
            return;
        }
        match api::billing(false).await {
            Ok(data) => self.apply_state(data.state),
            Err(Failure::Unreadable) => self.data.set(Data::Failed(LoadError::Outdated)),
            // The known state stays until the server responds.
            Err(_) => {}
        }
    }
}
