//! What the order did not say of the buyer and the project needs to know.

use crate::field::{Field, FieldError, FieldState, Help};
use crate::format::Countries;
use crate::i18n::t;
use crate::input;
use leptos::ev;
use leptos::prelude::*;
use till_shared::buyer::{Buyer, BuyerField, acceptable};
use web_sys::HtmlSelectElement;

/// ISO 3166-1 alpha-2 codes, officially assigned.
const COUNTRIES: &str = "ADAEAFAGAIALAMAOAQARASATAUAWAXAZBABBBDBEBFBGBHBIBJBLBMBNBOBQBRBSBTBVBWBY\
BZCACCCDCFCGCHCICKCLCMCNCOCRCUCVCWCXCYCZDEDJDKDMDODZECEEEGEHERESETFIFJFKFMFOFRGAGBGDGEGFGGGHGIGLGM\
GNGPGQGRGSGTGUGWGYHKHMHNHRHTHUIDIEILIMINIOIQIRISITJEJMJOJPKEKGKHKIKMKNKPKRKWKYKZLALBLCLILKLRLSLTLU\
LVLYMAMCMDMEMFMGMHMKMLMMMNMOMPMQMRMSMTMUMVMWMXMYMZNANCNENFNGNINLNONPNRNUNZOMPAPEPFPGPHPKPLPMPNPRPS\
PTPWPYQARERORSRURWSASBSCSDSESGSHSISJSKSLSMSNSOSRSSSTSVSXSYSZTCTDTFTGTHTJTKTLTMTNTOTRTTTVTWTZUAUGUM\
USUYUZVAVCVEVGVIVNVUWFWSYEYTZAZMZW";

/// The buyer's data as they are typed.
#[derive(Clone, Copy)]
pub struct BuyerForm {
    email: FieldState,
    name: FieldState,
    phone: FieldState,
    country: FieldState,
}

impl BuyerForm {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            email: FieldState::new(),
            name: FieldState::new(),
            phone: FieldState::new(),
            country: FieldState::new(),
        }
    }

    fn field(&self, field: BuyerField) -> FieldState {
        match field {
            BuyerField::Email => self.email,
            BuyerField::Name => self.name,
            BuyerField::Phone => self.phone,
            BuyerField::Country => self.country,
        }
    }

    /// Those of the data that are missing, or the first that won't do; then every error is shown.
    pub fn read(&self, missing: &[BuyerField]) -> Result<Buyer, &'static str> {
        let mut buyer = Buyer::default();
        for field in missing {
            let state = self.field(*field);
            let text = state.value.get_untracked().trim().to_owned();
            state.error.set(error(*field, &text));
            buyer.set(*field, Some(text));
        }
        match self.first_error(missing) {
            Some(id) => Err(id),
            None => Ok(buyer),
        }
    }

    /// The first field with an error.
    pub fn first_error(&self, missing: &[BuyerField]) -> Option<&'static str> {
        let wrong = |field: &&BuyerField| self.field(**field).error.get_untracked().is_some();
        missing.iter().find(wrong).map(|field| id(*field))
    }

    /// Shows what the server found.
    pub fn refuse(&self, field: &str) {
        let field = field.strip_prefix("buyer.").and_then(|f| f.parse().ok());
        if let Some(field) = field {
            self.field(field).error.set(Some(wrong(field)));
        }
    }
}

fn id(field: BuyerField) -> &'static str {
    match field {
        BuyerField::Email => "buyer-email",
        BuyerField::Name => "buyer-name",
        BuyerField::Phone => "buyer-phone",
        BuyerField::Country => "buyer-country",
    }
}

fn wrong(field: BuyerField) -> &'static str {
    match field {
        BuyerField::Email => t().check_email,
        BuyerField::Phone => t().check_phone,
        BuyerField::Name | BuyerField::Country => t().check_field,
    }
}

fn error(field: BuyerField, text: &str) -> Option<&'static str> {
    match text {
        "" => Some(t().required),
        text => (!acceptable(field, text)).then_some(wrong(field)),
    }
}

/// The fields that are missing.
#[component]
pub fn BuyerFields(form: BuyerForm, missing: Vec<BuyerField>, locale: String) -> impl IntoView {
    let fields = missing.into_iter().map(move |field| {
        let state = form.field(field);
        let (label, autocomplete, inputmode) = match field {
            BuyerField::Email => (t().email, "email", "email"),
            BuyerField::Name => (t().name, "name", "text"),
            BuyerField::Phone => (t().phone, "tel", "tel"),
            BuyerField::Country => {
                return view! { <CountryField state locale=locale.clone() /> }.into_any();
            }
        };
        let help = Help {
            id: id(field),
            label,
            autocomplete,
            inputmode,
            placeholder: "",
        };
        let check = Callback::new(move |(text,): (String,)| error(field, text.trim()));
        view! { <Field help state edit=input::as_typed check /> }.into_any()
    });
    view! {
        <fieldset>
            <legend>{t().your_details}</legend>
            {fields.collect_view()}
        </fieldset>
    }
}

#[component]
fn CountryField(state: FieldState, locale: String) -> impl IntoView {
    let FieldState { value, error } = state;
    let names = Countries::in_language(&locale);
    let codes = COUNTRIES.as_bytes().chunks(2);
    let mut countries: Vec<(String, String)> = codes
        .filter_map(|code| std::str::from_utf8(code).ok())
        .map(|code| (names.name(code), code.to_owned()))
        .collect();
    countries.sort();
    let options = countries.into_iter().map(|(name, code)| {
        let chosen = value.get_untracked() == code;
        view! { <option value=code selected=chosen>{name}</option> }
    });
    let chosen = move |ev: ev::Event| {
        let select: HtmlSelectElement = event_target(&ev);
        value.set(select.value());
        error.set(None);
    };
    let id = id(BuyerField::Country);
    view! {
        <div class="field" class:wrong=move || error.get().is_some()>
            <label for=id>{t().country}</label>
            <div class="box">
                <select
                    id=id
                    autocomplete="country"
                    aria-invalid=move || error.get().is_some().then_some("true")
                    aria-describedby=format!("{id}-error")
                    on:change=chosen
                >
                    <option value="">{t().choose_country}</option>
                    {options.collect_view()}
                </select>
            </div>
            <FieldError id error />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_249_countries_in_order() {
        let codes: Vec<_> = COUNTRIES.as_bytes().chunks(2).collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.windows(2).all(|two| two[0] < two[1]));
    }
}
