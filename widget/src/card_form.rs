//! The card's fields.

use crate::field::{Field, FieldState, Help, focus};
use crate::i18n::t;
use crate::input;
use leptos::prelude::*;
use till_shared::buyer::{BuyerField, acceptable};
use till_shared::card::{self, Brand};
use till_shared::payment::DeclineCode;
use till_shared::widget::CardData;

/// A card as it is typed.
#[derive(Clone, Copy)]
pub struct CardForm {
    number: FieldState,
    expiry: FieldState,
    code: FieldState,
    holder: FieldState,
}

impl CardForm {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            number: FieldState::new(),
            expiry: FieldState::new(),
            code: FieldState::new(),
            holder: FieldState::new(),
        }
    }

    fn brand(&self) -> Brand {
        self.number
            .value
            .with(|number| Brand::of(&input::digits(number)))
    }

    /// The card, or the first field that won't do; then every error is shown.
    pub fn read(&self) -> Result<CardData, &'static str> {
        let value = |field: &FieldState| field.value.get_untracked();
        let number = value(&self.number);
        self.number.error.set(number_error(&number));
        self.expiry.error.set(expiry_error(&value(&self.expiry)));
        let brand = Brand::of(&input::digits(&number));
        self.code.error.set(code_error(&value(&self.code), brand));
        self.holder.error.set(holder_error(&value(&self.holder)));
        if let Some(id) = self.first_error() {
            return Err(id);
        }
        let (exp_month, exp_year) = input::month_and_year(&value(&self.expiry));
        let holder = value(&self.holder).trim().to_owned();
        Ok(CardData {
            number: input::digits(&number),
            exp_month,
            exp_year: card::full_year(exp_year, today().1),
            cvc: value(&self.code),
            holder: Some(holder).filter(|h| !h.is_empty()),
        })
    }

    /// The first field with an error.
    pub fn first_error(&self) -> Option<&'static str> {
        let fields = [
            ("number", self.number),
            ("expiry", self.expiry),
            ("cvc", self.code),
            ("holder", self.holder),
        ];
        let mut wrong = fields
            .iter()
            .filter(|(_, field)| field.error.get_untracked().is_some());
        wrong.next().map(|(id, _)| *id)
    }

    /// Shows what the server found.
    pub fn refuse(&self, field: &str) {
        let text = t().check_field;
        match field.trim_start_matches("card.") {
            "number" => self.number.error.set(Some(t().number_errors.invalid)),
            "exp_month" | "exp_year" => self.expiry.error.set(Some(t().expiry_errors.invalid)),
            "cvc" => self.code.error.set(Some(t().code_errors.invalid)),
            "holder" => self.holder.error.set(Some(text)),
            _ => {}
        }
    }

    /// The code is typed anew for every payment and kept nowhere.
    pub fn forget_code(&self) {
        self.code.clear();
    }

    /// Puts the focus where another try begins.
    pub fn focus_after(code: DeclineCode) {
        focus(match code {
            DeclineCode::IncorrectNumber => "number",
            DeclineCode::ExpiredCard => "expiry",
            _ => "cvc",
        });
    }
}

/// This month and year, as the browser knows them.
fn today() -> (u8, u16) {
    let now = js_sys::Date::new_0();
    let month = u8::try_from(now.get_month() + 1).unwrap_or(1);
    (
        month,
        u16::try_from(now.get_full_year()).unwrap_or(u16::MAX),
    )
}

fn number_error(text: &str) -> Option<&'static str> {
    let checked = card::check_number(&input::digits(text));
    checked.err().map(|error| t().number_errors.of(error))
}

fn expiry_error(text: &str) -> Option<&'static str> {
    let errors = &t().expiry_errors;
    match input::month_and_year(text) {
        (0, 0) if text.is_empty() => Some(errors.required),
        (0, _) => Some(errors.invalid),
        (_, 0) => Some(errors.incomplete),
        (month, year) => {
            let (now_month, now_year) = today();
            let year = card::full_year(year, now_year);
            let checked = card::check_expiry(month, year, now_month, now_year);
            checked.err().map(|error| errors.of(error))
        }
    }
}

fn code_error(text: &str, brand: Brand) -> Option<&'static str> {
    let checked = card::check_cvc(text, brand);
    checked.err().map(|error| t().code_errors.of(error))
}

fn holder_error(text: &str) -> Option<&'static str> {
    let good = text.trim().is_empty() || acceptable(BuyerField::Name, text.trim());
    (!good).then_some(t().check_field)
}

/// The fields.
#[component]
pub fn CardFields(form: CardForm) -> impl IntoView {
    let brand = Memo::new(move |_| form.brand());
    let known = move || Some(brand.get()).filter(|b| *b != Brand::Unknown);
    let number = Help {
        id: "number",
        label: t().card_number,
        autocomplete: "cc-number",
        inputmode: "numeric",
        placeholder: "1234 1234 1234 1234",
    };
    let expiry = Help {
        id: "expiry",
        label: t().expiry,
        autocomplete: "cc-exp",
        inputmode: "numeric",
        placeholder: t().expiry_hint,
    };
    let code = Help {
        id: "cvc",
        label: t().security_code,
        autocomplete: "cc-csc",
        inputmode: "numeric",
        placeholder: "CVC",
    };
    let holder = Help {
        id: "holder",
        label: t().holder,
        autocomplete: "cc-name",
        inputmode: "text",
        placeholder: "",
    };
    let check_code = move |text: String| code_error(&text, brand.get_untracked());
    view! {
        <fieldset>
            <legend>{t().card_details}</legend>
            <Field help=number state=form.number edit=input::card_number
                check=Callback::new(|(text,): (String,)| number_error(&text))>
                <span class="brand" data-brand=move || known().map(Brand::as_str) aria-live="polite">
                    {move || known().map(Brand::display_name)}
                </span>
            </Field>
            <div class="pair">
                <Field help=expiry state=form.expiry edit=input::expiry
                    check=Callback::new(|(text,): (String,)| expiry_error(&text)) />
                <Field help=code state=form.code edit=input::security_code
                    check=Callback::new(move |(text,)| check_code(text)) />
            </div>
            <Field help=holder state=form.holder edit=input::as_typed
                check=Callback::new(|(text,): (String,)| holder_error(&text)) />
        </fieldset>
    }
}
