//! The payment as the widget knows it, and everything that changes it. What the server says is
//! taken over in one place, [`Session::learn`], and only if it is newer.

mod close;
mod learn;
mod pay;

use crate::api;
use crate::browser::{self, Mode};
use crate::live;
use crate::wire::{Billing, Verification};
use leptos::prelude::*;
use leptos::task::spawn_local;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::DeclineCode;
use till_shared::problem::ProblemType;
use wasm_bindgen::closure::Closure;

/// What is on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Nothing of the invoice is known yet.
    Loading,
    /// There is nothing to show.
    Failed,
    /// The ways to pay.
    Form,
    /// The payment system's verification form.
    Verification,
    /// The payment's fate is open.
    Processing,
    /// Paid.
    Paid,
    /// Not paid in time.
    Expired,
    /// Called off by the project.
    Canceled,
    /// Paid and given back.
    Refunded,
}

impl Screen {
    /// Its word in the page.
    pub fn word(self) -> &'static str {
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
    Refused(Vec<String>),
    /// The payment was declined: another try.
    Declined(DeclineCode),
    /// The buyer leaves the page: it may be kept, but no card in it.
    Forget,
}

/// The one owner of the payment's state.
#[derive(Clone, Copy)]
pub struct Session {
    /// How the widget was opened.
    pub mode: Mode,
    /// All that is shown.
    pub data: RwSignal<Option<Billing>>,
    /// Why there is none.
    pub trouble: RwSignal<Option<Trouble>>,
    /// A press of Pay is under way.
    pub sending: RwSignal<bool>,
    /// What the buyer should know, above the form.
    pub banner: RwSignal<Option<String>>,
    /// What the form has to do.
    pub form: RwSignal<Form>,
    /// The verification form is open in a window beside the widget.
    pub beside: RwSignal<bool>,
    /// The buyer is asked whether to close.
    pub closing: RwSignal<bool>,
    /// The browser has no network.
    pub offline: RwSignal<bool>,
    /// The buyer sees it; until then it is made ready.
    pub shown: RwSignal<bool>,
}

impl Session {
    /// Begins: listens to the page around and loads the billing data.
    pub fn begin() -> Self {
        let waits = browser::waits();
        let session = Self {
            mode: Mode::of_page(),
            data: RwSignal::new(None),
            trouble: RwSignal::new(None),
            sending: RwSignal::new(false),
            banner: RwSignal::new(None),
            form: RwSignal::new(Form::Quiet),
            beside: RwSignal::new(false),
            closing: RwSignal::new(false),
            offline: RwSignal::new(false),
            shown: RwSignal::new(!waits),
        };
        let heard = Closure::<dyn Fn(String)>::new(move |what: String| session.heard(&what));
        browser::listen(&heard);
        heard.forget();
        if !waits {
            session.load();
        }
        session
    }

    fn heard(self, what: &str) {
        match what {
            "invoice" => self.load(),
            "open" => {
                self.shown.set(true);
                self.appear();
            }
            "close" => self.ask_to_close(),
            "escape" if self.mode != Mode::Hosted => self.ask_to_close(),
            "offline" => self.offline.set(true),
            "returned" => self.refresh(),
            "back" => {
                self.offline.set(false);
                self.refresh();
            }
            "leaving" => self.form.set(Form::Forget),
            _ => {}
        }
    }

    /// What is on the screen, for those who don't follow it.
    pub fn screen_untracked(&self) -> Screen {
        untrack(|| self.screen())
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
                    Verification::Redirect(_) | Verification::Frame(_) => Screen::Verification,
                },
                InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded => Screen::Paid,
                InvoiceStatus::Refunded => Screen::Refunded,
                InvoiceStatus::Canceled => Screen::Canceled,
                InvoiceStatus::Expired => Screen::Expired,
            }
        })
    }

    /// Loads the billing data, and the texts in the language that they ask for.
    pub fn load(self) {
        self.trouble.set(None);
        self.data.set(None);
        spawn_local(async move {
            let answer = api::billing(true).await;
            let ordered = answer.as_ref().ok().and_then(|data| data.locale.as_deref());
            browser::speak(ordered).await;
            match answer {
                Ok(data) => {
                    browser::paint(data.theme.as_deref(), data.accent.as_deref());
                    self.banner.set(learn::left_over(&data.state));
                    self.data.set(Some(data));
                    self.appear();
                }
                Err(failure) => {
                    let bad = matches!(
                        failure.kind(),
                        Some(ProblemType::Unauthorized | ProblemType::NotFound)
                    );
                    self.trouble.set(Some(match bad {
                        true => Trouble::BadLink,
                        false => Trouble::Unreachable,
                    }));
                    self.tell("error");
                }
            }
        });
    }

    /// Once there is something to show and somebody to see it.
    fn appear(self) {
        if !self.shown.get_untracked() || self.data.with_untracked(Option::is_none) {
            return;
        }
        self.tell("ready");
        self.catch_up();
        if browser::waits() {
            // What was made ready before the click may be old.
            self.refresh();
        }
        spawn_local(live::watch(move |state| self.learn(state)));
    }

    /// Asks the server how things stand.
    pub fn refresh(self) {
        if !self.shown.get_untracked() || self.data.with_untracked(Option::is_none) {
            return;
        }
        spawn_local(async move {
            if let Ok(data) = api::billing(false).await {
                self.learn(data.state);
            }
        });
    }
}
