//! The payment form's fields and their validation.

mod buyer;
mod card;
mod digits;
mod early;
mod field;
mod input;
mod methods;

pub use buyer::BuyerFields;
pub use card::CardFields;
pub use early::take_over;
pub use methods::{MethodChoice, method_name, page_label, page_text};

use crate::host;
use buyer::BuyerForm;
use card::CardForm;
use leptos::prelude::*;
use till_shared::buyer::BuyerField;
use till_shared::payment::{DeclineCode, Method};
use till_shared::widget::FixPayment;

/// The form's fields. They outlive the form: the buyer's input is kept between screens.
#[derive(Clone, Copy)]
pub struct Forms {
    /// The buyer's details.
    pub buyer: BuyerForm,
    /// The card.
    pub card: CardForm,
    /// The chosen method.
    pub method: RwSignal<Method>,
    /// Whether a card is entered here, and not on the payment system's page.
    pub takes_card: RwSignal<bool>,
}

impl Forms {
    /// Creates empty fields.
    pub fn new() -> Self {
        Self {
            buyer: BuyerForm::new(),
            card: CardForm::new(),
            method: RwSignal::new(Method::Card),
            takes_card: RwSignal::new(true),
        }
    }

    /// Returns whether the buyer pays by a card that is entered here.
    pub fn is_card(self) -> bool {
        self.method.get() == Method::Card && self.takes_card.get()
    }

    /// Reads the fields as they stand. If one is invalid, shows all errors and returns the id of the
    /// first invalid field.
    pub fn read(self, missing: &[BuyerField]) -> Result<FixPayment, &'static str> {
        let method = self.method.get_untracked();
        let buyer = self.buyer.read(missing);
        let is_card = untrack(|| self.is_card());
        let card = is_card.then(|| self.card.read()).transpose();
        Ok(FixPayment {
            method,
            buyer: buyer?,
            card: card?,
            browser: host::browser().filter(|_| is_card),
            captcha_token: None,
        })
    }

    /// Shows errors that the server reported. Returns the id of the first field with an error.
    pub fn show_errors(self, missing: &[BuyerField], fields: &[String]) -> Option<&'static str> {
        for field in fields {
            self.buyer.show_error(field);
            self.card.show_error(field);
        }
        let buyer = self.buyer.first_error(missing);
        buyer.or_else(|| self.card.first_error())
    }
}

/// Returns the id of the field to correct after a decline.
pub fn field_to_correct(code: DeclineCode) -> &'static str {
    match code {
        DeclineCode::IncorrectNumber => "number",
        DeclineCode::ExpiredCard => "expiry",
        _ => "cvc",
    }
}
