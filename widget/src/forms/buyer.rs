//! The form's section for missing buyer details.

use super::digits::with_latin_digits;
use super::field::{Attributes, Field, Labeled, Problem, TextField, error_id, invalid};
use super::input;
use crate::i18n::{countries, t};
use crate::once::{Once, once, reactive};
use leptos::prelude::*;
use std::rc::Rc;
use till_shared::buyer::{Buyer, BuyerField, acceptable};

/// ISO 3166-1 alpha-2 codes, officially assigned.
const COUNTRIES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
    BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ \
    EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW \
    GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY \
    KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV \
    MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY \
    QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG \
    TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM \
    ZW";

/// The buyer's data as they are typed.
#[derive(Clone, Copy)]
pub struct BuyerForm {
    email: Field,
    name: Field,
    phone: Field,
    country: Field,
}

impl BuyerForm {
    /// Creates empty fields.
    pub fn new() -> Self {
        Self {
            email: Field::new("buyer-email", input::unchanged),
            name: Field::new("buyer-name", input::unchanged),
            phone: Field::new("buyer-phone", input::unchanged),
            country: Field::new("buyer-country", input::unchanged),
        }
    }

    fn field(self, field: BuyerField) -> Field {
        match field {
            BuyerField::Email => self.email,
            BuyerField::Name => self.name,
            BuyerField::Phone => self.phone,
            BuyerField::Country => self.country,
        }
    }

    /// Returns the missing details. If one is invalid, shows all errors and returns the id of the first
    /// invalid field.
    pub fn read(self, missing: &[BuyerField]) -> Result<Buyer, &'static str> {
        let mut buyer = Buyer::default();
        for asked in missing {
            let field = self.field(*asked);
            let text = cleaned(*asked, &field.read());
            field.error.set(error(*asked, &text));
            buyer.set(*asked, Some(text));
        }
        self.first_error(missing).map_or(Ok(buyer), Err)
    }

    /// Returns the id of the first field with an error.
    pub fn first_error(self, missing: &[BuyerField]) -> Option<&'static str> {
        let mut fields = missing.iter().map(|asked| self.field(*asked));
        let wrong = fields.find(|field| field.error.get_untracked().is_some());
        wrong.map(|field| field.id)
    }

    /// Shows an error that the server reported.
    pub fn show_error(self, field: &str) {
        let field = field.strip_prefix("buyer.").and_then(|f| f.parse().ok());
        if let Some(field) = field {
            self.field(field).error.set(Some(check_message(field)));
        }
    }
}

fn check_message(field: BuyerField) -> &'static str {
    match field {
        BuyerField::Email => "check_email",
        BuyerField::Phone => "check_phone",
        BuyerField::Name | BuyerField::Country => "check_field",
    }
}

fn cleaned(field: BuyerField, text: &str) -> String {
    match field {
        BuyerField::Phone => with_latin_digits(text.trim()),
        BuyerField::Email | BuyerField::Name | BuyerField::Country => text.trim().to_owned(),
    }
}

fn error(field: BuyerField, text: &str) -> Problem {
    match text {
        "" => Some("required"),
        text => (!acceptable(field, text)).then_some(check_message(field)),
    }
}

/// The fields.
#[component]
pub fn BuyerFields(form: BuyerForm, missing: Vec<BuyerField>) -> impl IntoView {
    let one = |asked: BuyerField| one_field(asked, form.field(asked));
    view! {
        <fieldset>
            <legend>{t("your_details")}</legend>
            {missing.into_iter().map(one).collect::<Vec<_>>()}
        </fieldset>
    }
}

fn one_field(asked: BuyerField, field: Field) -> Once {
    let (autocomplete, inputmode, dir) = match asked {
        BuyerField::Email => ("email", "email", "ltr"),
        BuyerField::Name => ("name", "text", ""),
        BuyerField::Phone => ("tel", "tel", "ltr"),
        BuyerField::Country => return once(move || view! { <CountryField field/> }),
    };
    let attributes = Attributes {
        label: asked.as_str(),
        autocomplete,
        inputmode,
        dir,
        optional: false,
    };
    let check = move |text: &str| error(asked, &cleaned(asked, text));
    once(move || {
        view! {
            <TextField field attributes check=Rc::new(check)/>
        }
    })
}

#[component]
fn CountryField(field: Field) -> impl IntoView {
    let chosen = field.value.get_untracked();
    let option = |(code, name): (String, String)| {
        let selected = code == chosen;
        view! { <option value=code selected=selected>{name}</option> }
    };
    let options: Vec<_> = countries(COUNTRIES).into_iter().map(option).collect();
    let select = move || {
        view! {
            <select
                id=field.id
                autocomplete="country"
                aria-required="true"
                aria-describedby=error_id(field)
                aria-invalid=reactive(move || invalid(field))
                on:change=move |event| {
                    field.value.set(event_target_value(&event));
                    field.error.set(None);
                }
            >
                <option value="">{t("choose_country")}</option>
                {options}
            </select>
        }
    };
    view! { <Labeled field label=BuyerField::Country.as_str() control=once(select) suffix=None/> }
}

#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests {
    use super::*;

    #[test]
    fn there_are_249_countries_in_order() {
        let codes: Vec<_> = COUNTRIES.split(' ').collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.windows(2).all(|two| two[0] < two[1]));
    }
}
