//! The form's section for the card.

use crate::dom::{El, el, focus};
use crate::field::{FieldAttributes, FieldState, Problem, field};
use crate::i18n::t;
use crate::input;
use crate::wire::Card;
use leptos::prelude::*;
use till_shared::buyer::{BuyerField, acceptable};
use till_shared::card::{self, Brand, CardError};
use till_shared::payment::DeclineCode;

/// The card fields.
#[derive(Clone, Copy)]
pub struct CardForm {
    number: FieldState,
    expiry: FieldState,
    code: FieldState,
    holder: FieldState,
}

impl CardForm {
    /// Creates empty fields.
    pub fn new() -> Self {
        Self {
            number: FieldState::new(),
            expiry: FieldState::new(),
            code: FieldState::new(),
            holder: FieldState::new(),
        }
    }

    /// Returns the card. If a field is invalid, shows all errors and returns the id of the first invalid
    /// field.
    pub fn read(&self) -> Result<Card, &'static str> {
        let value = |field: &FieldState| field.value.get_untracked();
        let number = input::digits(&value(&self.number));
        self.number.error.set(number_error(&number));
        self.expiry.error.set(expiry_error(&value(&self.expiry)));
        let brand = Brand::of(&number);
        self.code.error.set(code_error(&value(&self.code), brand));
        self.holder.error.set(holder_error(&value(&self.holder)));
        if let Some(id) = self.first_error() {
            return Err(id);
        }
        let (exp_month, exp_year) = input::month_and_year(&value(&self.expiry));
        let holder = value(&self.holder).trim().to_owned();
        Ok(Card {
            number,
            exp_month,
            exp_year: card::full_year(exp_year, today().1),
            cvc: value(&self.code),
            holder: Some(holder).filter(|h| !h.is_empty()),
        })
    }

    /// Returns the id of the first field with an error.
    pub fn first_error(&self) -> Option<&'static str> {
        let fields = [
            ("number", self.number),
            ("expiry", self.expiry),
            ("cvc", self.code),
            ("holder", self.holder),
        ];
        let wrong = |(id, field): &(&'static str, FieldState)| {
            field.error.get_untracked().is_some().then_some(*id)
        };
        fields.iter().find_map(wrong)
    }

    /// Shows an error that the server reported.
    pub fn show_error(&self, field: &str) {
        match field.trim_start_matches("card.") {
            "number" => self.number.error.set(Some("number_invalid")),
            "exp_month" | "exp_year" => self.expiry.error.set(Some("expiry_invalid")),
            "cvc" => self.code.error.set(Some("code_invalid")),
            "holder" => self.holder.error.set(Some("check_field")),
            _ => {}
        }
    }

    /// Clears the security code. The buyer enters it for every payment, and it is never stored.
    pub fn clear_code(&self) {
        self.code.clear();
    }

    /// Clears the card, in a page that the browser may keep.
    pub fn clear(&self) {
        for field in [self.number, self.expiry, self.code] {
            field.clear();
        }
    }

    /// Focuses the field to correct after a decline.
    pub fn focus_for_retry(code: DeclineCode) {
        focus(match code {
            DeclineCode::IncorrectNumber => "#number",
            DeclineCode::ExpiredCard => "#expiry",
            _ => "#cvc",
        });
    }
}

/// Returns the current month and year of the browser's clock.
fn today() -> (u8, u16) {
    let now = js_sys::Date::new_0();
    let month = u8::try_from(now.get_month() + 1).unwrap_or(1);
    (
        month,
        u16::try_from(now.get_full_year()).unwrap_or(u16::MAX),
    )
}

fn number_error(digits: &str) -> Problem {
    card::check_number(digits).err().map(|error| match error {
        CardError::Required => "number_required",
        CardError::Incomplete => "number_incomplete",
        CardError::Invalid | CardError::Expired => "number_invalid",
    })
}

fn expiry_error(text: &str) -> Problem {
    match input::month_and_year(text) {
        (0, 0) if text.is_empty() => Some("expiry_required"),
        (0, _) => Some("expiry_invalid"),
        (_, 0) => Some("expiry_incomplete"),
        (month, year) => {
            let (now_month, now_year) = today();
            let year = card::full_year(year, now_year);
            let checked = card::check_expiry(month, year, now_month, now_year);
            checked.err().map(|error| match error {
                CardError::Expired => "expiry_expired",
                CardError::Required | CardError::Incomplete | CardError::Invalid => {
                    "expiry_invalid"
                }
            })
        }
    }
}

fn code_error(text: &str, brand: Brand) -> Problem {
    card::check_cvc(text, brand).err().map(|error| match error {
        CardError::Required => "code_required",
        CardError::Incomplete => "code_incomplete",
        CardError::Invalid | CardError::Expired => "code_invalid",
    })
}

fn holder_error(text: &str) -> Problem {
    let good = text.trim().is_empty() || acceptable(BuyerField::Name, text.trim());
    (!good).then_some("check_field")
}

/// Renders the fields.
pub fn card_fields(form: CardForm) -> El {
    let typed = form.number.value;
    let brand = move || typed.with(|text| Brand::of(&input::digits(text)));
    let name = move || match brand() {
        Brand::Unknown => String::new(),
        known => known.display_name().to_owned(),
    };
    let badge = el("span")
        .class("brand")
        .attr("aria-live", "polite")
        .reactive_attr("data-brand", move || brand().as_str())
        .reactive_text(name);
    let attributes = |id, label, autocomplete| FieldAttributes {
        id,
        label,
        autocomplete,
        inputmode: "numeric",
    };
    let number = field(
        attributes("number", "card_number", "cc-number"),
        "1234 1234 1234 1234",
        form.number,
        input::card_number,
        Box::new(|text| number_error(&input::digits(text))),
        Some(badge),
    );
    let expiry = field(
        attributes("expiry", "expiry", "cc-exp"),
        &t("expiry_hint"),
        form.expiry,
        input::expiry,
        Box::new(expiry_error),
        None,
    );
    let brand = move || untrack(brand);
    let code = field(
        attributes("cvc", "security_code", "cc-csc"),
        "CVC",
        form.code,
        input::security_code,
        Box::new(move |text| code_error(text, brand())),
        None,
    );
    let holder = field(
        FieldAttributes {
            inputmode: "text",
            ..attributes("holder", "holder", "cc-name")
        },
        "",
        form.holder,
        input::unchanged,
        Box::new(holder_error),
        None,
    );
    el("fieldset")
        .class("card")
        .child(el("legend").text(&t("card")))
        .child(number)
        .child(el("div").class("pair").child(expiry).child(code))
        .child(holder)
}
