//! The form's section for missing buyer details.

use crate::browser;
use crate::dom::{El, el, value_of};
use crate::field::{FieldAttributes, FieldState, Problem, field, labeled};
use crate::i18n::t;
use crate::input;
use crate::wire::Json;
use leptos::prelude::*;
use till_shared::buyer::{BuyerField, acceptable};

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
    email: FieldState,
    name: FieldState,
    phone: FieldState,
    country: FieldState,
}

impl BuyerForm {
    /// Creates empty fields.
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

    /// Returns the missing details. If one is invalid, shows all errors and returns the id of the first
    /// invalid field.
    pub fn read(&self, missing: &[BuyerField]) -> Result<Vec<(BuyerField, String)>, &'static str> {
        let mut buyer = vec![];
        for field in missing {
            let state = self.field(*field);
            let text = state.value.get_untracked().trim().to_owned();
            state.error.set(error(*field, &text));
            buyer.push((*field, text));
        }
        match self.first_error(missing) {
            Some(id) => Err(id),
            None => Ok(buyer),
        }
    }

    /// Returns the id of the first field with an error.
    pub fn first_error(&self, missing: &[BuyerField]) -> Option<&'static str> {
        let wrong = |field: &&BuyerField| self.field(**field).error.get_untracked().is_some();
        missing.iter().find(wrong).map(|field| id(*field))
    }

    /// Shows an error that the server reported.
    pub fn show_error(&self, field: &str) {
        let field = field.strip_prefix("buyer.").and_then(|f| f.parse().ok());
        if let Some(field) = field {
            self.field(field).error.set(Some(check_message(field)));
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

fn check_message(field: BuyerField) -> &'static str {
    match field {
        BuyerField::Email => "check_email",
        BuyerField::Phone => "check_phone",
        BuyerField::Name | BuyerField::Country => "check_field",
    }
}

fn error(field: BuyerField, text: &str) -> Problem {
    match text {
        "" => Some("required"),
        text => (!acceptable(field, text)).then_some(check_message(field)),
    }
}

/// Renders the fields.
pub fn buyer_fields(form: BuyerForm, missing: &[BuyerField]) -> El {
    let one = |asked: &BuyerField| {
        let asked = *asked;
        let state = form.field(asked);
        let (autocomplete, inputmode) = match asked {
            BuyerField::Email => ("email", "email"),
            BuyerField::Name => ("name", "text"),
            BuyerField::Phone => ("tel", "tel"),
            BuyerField::Country => return country_field(state),
        };
        let attributes = FieldAttributes {
            id: id(asked),
            label: asked.as_str(),
            autocomplete,
            inputmode,
        };
        let check = Box::new(move |text: &str| error(asked, text.trim()));
        field(attributes, "", state, input::unchanged, check, None)
    };
    el("fieldset")
        .child(el("legend").text(&t("your_details")))
        .children(missing.iter().map(one).collect())
}

fn country_field(state: FieldState) -> El {
    let FieldState { value, error } = state;
    let countries = browser::countries(COUNTRIES);
    let options = countries.iter().map(|pair| {
        let pair = Json::of(pair);
        let code = pair.text("0").unwrap_or_default();
        let name = pair.text("1").unwrap_or_else(|| code.clone());
        let option = el("option").attr("value", &code).text(&name);
        if value.get_untracked() == code {
            option.attr("selected", "")
        } else {
            option
        }
    });
    let chosen = move |event| {
        value.set(value_of(&event));
        error.set(None);
    };
    let select = el("select")
        .attr("autocomplete", "country")
        .on("change", chosen)
        .child(el("option").attr("value", "").text(&t("choose_country")))
        .children(options.collect());
    let field = BuyerField::Country;
    labeled(id(field), field.as_str(), error, select, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_249_countries_in_order() {
        let codes: Vec<_> = COUNTRIES.split(' ').collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.windows(2).all(|two| two[0] < two[1]));
    }
}
