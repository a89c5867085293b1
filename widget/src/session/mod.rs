//! The state of the payment in the widget. [`Session::apply_state`] is the only place that applies a
//! state from the server, and it ignores outdated ones.

mod close;
mod notice;
mod payment;
mod state;

use crate::api;
use crate::browser::{self, Mode};
use crate::live;
use crate::wire::{Billing, Verification};
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::invoice::InvoiceStatus;
use till_shared::message::EventName;
use till_shared::payment::DeclineCode;
use till_shared::problem::ProblemType;
use wasm_bindgen::closure::Closure;

/// The screen that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// The billing data is loading.
    Loading,
    /// The billing data could not be loaded.
    Failed,
    /// The payment form.
    Form,
    /// The payment system's verification form.
    Verification,
    /// The outcome of the payment is pending.
    Processing,
    /// Paid.
    Paid,
    /// The invoice expired.
    Expired,
    /// Canceled by the project.
    Canceled,
    /// Refunded.
    Refunded,
}

impl Screen {
    /// The value of `data-screen` in the page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Failed => "failed",
            Self::Form => "form",
            Self::Verification => "verification",
            Self::Processing => "processing",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Canceled => "canceled",
            Self::Refunded => "refunded",
        }
    }
}

/// Why the billing data could not be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadError {
    /// The URL has no invoice or not its token.
    InvalidLink,
    /// The server did not respond.
    Unreachable,
}

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
    pub data: RwSignal<Option<Billing>>,
    /// Why there is no billing data.
    pub load_error: RwSignal<Option<LoadError>>,
    /// Whether a payment is being submitted.
    pub sending: RwSignal<bool>,
    /// The message above the form.
    pub banner: RwSignal<Option<String>>,
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
}

impl Session {
    /// Creates the session: listens for messages and loads the billing data.
    pub fn start() -> Self {
        let preloaded = browser::is_preloaded();
        let session = Self {
            mode: Mode::of_page(),
            data: RwSignal::new(None),
            load_error: RwSignal::new(None),
            sending: RwSignal::new(false),
            banner: RwSignal::new(None),
            form_action: RwSignal::new(FormAction::None),
            window_open: RwSignal::new(false),
            closing: RwSignal::new(false),
            offline: RwSignal::new(false),
            shown: RwSignal::new(!preloaded),
        };
        let listener =
            Closure::<dyn Fn(String)>::new(move |message: String| session.handle_message(&message));
        browser::listen(&listener);
        listener.forget();
        if !preloaded {
            session.load();
        }
        session
    }

    fn handle_message(self, message: &str) {
        match message {
            "invoice" => self.load(),
            "open" => {
                self.shown.set(true);
                self.on_shown();
            }
            "close" => self.ask_to_close(),
            "escape" if self.mode != Mode::Hosted => self.ask_to_close(),
            "offline" => self.offline.set(true),
            "returned" => self.refresh(),
            "back" => {
                self.offline.set(false);
                self.refresh();
            }
            "leaving" => self.form_action.set(FormAction::ClearCard),
            _ => {}
        }
    }

    /// Returns the screen without subscribing to it.
    pub fn screen_untracked(&self) -> Screen {
        untrack(|| self.screen())
    }

    /// Returns the screen that is shown.
    pub fn screen(&self) -> Screen {
        if self.load_error.get().is_some() {
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
                    Verification::Redirect(_) | Verification::Frame(_) => Screen::Verification,
                },
                InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded => Screen::Paid,
                InvoiceStatus::Refunded => Screen::Refunded,
                InvoiceStatus::Canceled => Screen::Canceled,
                InvoiceStatus::Expired => Screen::Expired,
            }
        })
    }

    /// Loads the billing data, then the texts in its language.
    pub fn load(self) {
        self.load_error.set(None);
        self.data.set(None);
        spawn_local(async move {
            let answer = api::billing(true).await;
            let ordered = answer.as_ref().ok().and_then(|data| data.locale.as_deref());
            browser::load_locale(ordered).await;
            match answer {
                Ok(data) => {
                    browser::apply_theme(data.theme.as_deref(), data.accent.as_deref());
                    self.banner.set(notice::payment_notice(&data.state));
                    self.data.set(Some(data));
                    self.on_shown();
                }
                Err(failure) => {
                    let invalid = matches!(
                        failure.kind(),
                        Some(ProblemType::Unauthorized | ProblemType::NotFound)
                    );
                    self.load_error.set(Some(if invalid {
                        LoadError::InvalidLink
                    } else {
                        LoadError::Unreachable
                    }));
                    self.post_event(EventName::Error);
                }
            }
        });
    }

    /// Starts the session once the widget is visible and has billing data.
    fn on_shown(self) {
        if !self.shown.get_untracked() || self.data.with_untracked(Option::is_none) {
            return;
        }
        self.post_event(EventName::Ready);
        self.post_initial_outcome();
        if browser::is_preloaded() {
            // The preloaded billing data may be outdated.
            self.refresh();
        }
        spawn_local(live::watch(move |state| self.apply_state(state)));
    }

    /// Loads the current state from the server.
    pub fn refresh(self) {
        if !self.shown.get_untracked() || self.data.with_untracked(Option::is_none) {
            return;
        }
        spawn_local(async move {
            if let Ok(data) = api::billing(false).await {
                self.apply_state(data.state);
            }
        });
    }
}
