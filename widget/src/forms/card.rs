//! The form's section for the card.

use super::digits::digits;
use super::field::{Attributes, Field, Problem, TextField};
use super::input;
use crate::clock;
use crate::i18n::t;
use crate::once::{once, reactive};
use leptos::prelude::*;
use std::rc::Rc;
use till_shared::buyer::{BuyerField, acceptable};
use till_shared::card::{self, Brand, CardError};
use till_shared::widget::CardData;

/// The card fields.
#[derive(Clone, Copy)]
pub struct CardForm {
    number: Field,
    expiry: Field,
    code: Field,
    holder: Field,
}

impl CardForm {
    /// Creates empty fields.
    pub fn new() -> Self {
        Self {
            number: Field::new("number", input::card_number),
            expiry: Field::new("expiry", input::expiry),
            code: Field::new("cvc", input::security_code),
            holder: Field::new("holder", input::unchanged),
        }
    }

    /// Returns the card. If a field is invalid, shows all errors and returns the id of the first invalid
    /// field.
    pub fn read(self) -> Result<CardData, &'static str> {
        let number = digits(&self.number.read());
        let expiry = self.expiry.read();
        let cvc = digits(&self.code.read());
        let holder = self.holder.read().trim().to_owned();
        self.number.error.set(number_error(&number));
        self.expiry.error.set(expiry_error(&expiry));
        self.code.error.set(code_error(&cvc, Brand::of(&number)));
        self.holder.error.set(holder_error(&holder));
        if let Some(id) = self.first_error() {
            return Err(id);
        }
        let (exp_month, exp_year) = input::month_and_year(&expiry);
        Ok(CardData {
            number: number.into(),
            exp_month,
            exp_year: card::full_year(exp_year, clock::month_and_year().1),
            cvc: cvc.into(),
            holder: Some(holder).filter(|h| !h.is_empty()),
        })
    }

    /// Returns the fields in their order on the screen.
    pub fn fields(self) -> [Field; 4] {
        [self.number, self.expiry, self.code, self.holder]
    }

    /// Returns the id of the first field with an error.
    pub fn first_error(self) -> Option<&'static str> {
        let fields = self.fields();
        let wrong = fields
            .iter()
            .find(|field| field.error.get_untracked().is_some());
        wrong.map(|field| field.id)
    }

    /// Shows an error that the server reported.
    pub fn show_error(self, field: &str) {
        match field.strip_prefix("card.").unwrap_or(field) {
            "number" => self.number.error.set(Some("number_invalid")),
            "exp_month" | "exp_year" => self.expiry.error.set(Some("expiry_invalid")),
            "cvc" => self.code.error.set(Some("code_invalid")),
            "holder" => self.holder.error.set(Some("check_field")),
            _ => {}
        }
    }

    /// Clears the security code. The buyer enters it for every payment, and it is never stored.
    pub fn clear_code(self) {
        self.code.clear();
    }

    /// Clears the card, in a page that the browser may keep.
    pub fn clear(self) {
        for field in [self.number, self.expiry, self.code] {
            field.clear();
        }
    }
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
            let (now_month, now_year) = clock::month_and_year();
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

const NUMBER: Attributes = Attributes {
    label: "card_number",
    autocomplete: "cc-number",
    inputmode: "numeric",
    dir: "ltr",
    optional: false,
};
const EXPIRY: Attributes = Attributes {
    label: "expiry",
    autocomplete: "cc-exp",
    ..NUMBER
};
const CODE: Attributes = Attributes {
    label: "security_code",
    autocomplete: "cc-csc",
    ..NUMBER
};
const HOLDER: Attributes = Attributes {
    label: "holder",
    autocomplete: "cc-name",
    inputmode: "text",
    dir: "",
    optional: true,
};

/// The fields.
#[component]
pub fn CardFields(form: CardForm) -> impl IntoView {
    let brand = move || form.number.value.with(|typed| Brand::of(&digits(typed)));
    let name = move || match brand() {
        Brand::Unknown => String::new(),
        known => known.display_name().to_owned(),
    };
    let badge = once(move || {
        view! {
            <span class="brand" aria-live="polite" data-brand=reactive(move || brand().as_str())>
                {reactive(name)}
            </span>
        }
    });
    view! {
        <fieldset class="card">
            <legend>{t("card")}</legend>
            <TextField
                field=form.number
                attributes=NUMBER
                placeholder="1234 1234 1234 1234"
                check=Rc::new(|text| number_error(&digits(text)))
                suffix=badge
            />
            <div class="pair">
                <TextField
                    field=form.expiry
                    attributes=EXPIRY
                    placeholder=t("expiry_hint")
                    check=Rc::new(expiry_error)
                />
                <TextField
                    field=form.code
                    attributes=CODE
                    placeholder="CVC"
                    check=Rc::new(move |text| code_error(&digits(text), untrack(brand)))
                />
            </div>
            <TextField
                field=form.holder
                attributes=HOLDER
                check=Rc::new(holder_error)
            />
        </fieldset>
    }
}
