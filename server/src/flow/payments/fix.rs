//! Validation of the payment fixation call.

use crate::clock;
use crate::flow::buyer::normal_detail;
use crate::flow::error::{Error, Result};
use crate::store::invoices::InvoiceRow;
use crate::store::projects::Project;
use till_shared::buyer::{Buyer, BuyerField, acceptable};
use till_shared::card::{self, CardError};
use till_shared::payment::Method;
use till_shared::problem::FieldError;
use till_shared::text::{self, Layout};
use till_shared::widget::{BrowserInfo, CardData, CardEntry, FixPayment};

/// Checks every field before any of them has an effect. Returns the buyer with the missing fields
/// filled in, and the call with its card normalized. What the order says of the buyer is not
/// overwritten. `card_entry`: where the buyer enters a card.
///
/// # Errors
/// `invalid-request` with every invalid field.
pub fn validate(
    project: &Project,
    invoice: &InvoiceRow,
    mut fix: FixPayment,
    card_entry: CardEntry,
) -> Result<(Buyer, FixPayment)> {
    let mut errors = vec![];
    let buyer = fill_in_buyer(project, invoice, &fix.buyer, &mut errors);
    match (fix.method, card_entry, &mut fix.card) {
        (Method::Card, CardEntry::Direct, Some(card)) => check_card(card, &mut errors),
        (Method::Card, CardEntry::Direct, None) => {
            errors.push(FieldError::new("card", "required", "is required"));
        }
        (Method::Card, CardEntry::Hosted, Some(_)) => {
            let message = "must be absent: the buyer enters the card on the payment system's page";
            errors.push(FieldError::new("card", "not_accepted", message));
        }
        (Method::Card, CardEntry::Hosted, None)
        | (Method::Paypal | Method::Ideal | Method::Bancontact | Method::Eps, ..) => {
            fix.card = None;
        }
    }
    if let Some(browser) = &fix.browser {
        check_browser(browser, &mut errors);
    }
    Error::if_any(errors)?;
    Ok((buyer, fix))
}

fn fill_in_buyer(
    project: &Project,
    invoice: &InvoiceRow,
    given: &Buyer,
    errors: &mut Vec<FieldError>,
) -> Buyer {
    let mut buyer = invoice.buyer.clone();
    for field in buyer.missing(BuyerField::ALL) {
        let required = project.settings.required_buyer_fields.contains(&field);
        match given.get(field) {
            Some(value) => match normal_detail(field, value) {
                Some(value) => buyer.set(field, Some(value)),
                None => errors.push(FieldError::new(
                    format!("buyer.{field}"),
                    "invalid",
                    format!("must be a valid {field}"),
                )),
            },
            None if required => errors.push(FieldError::new(
                format!("buyer.{field}"),
                "required",
                "is required",
            )),
            None => {}
        }
    }
    buyer
}

fn check_card(card: &mut CardData, errors: &mut Vec<FieldError>) {
    let mut invalid = |field: &str, error: CardError| {
        let message = match error {
            CardError::Required => "is required",
            CardError::Incomplete => "is incomplete",
            CardError::Invalid => "is not valid",
            CardError::Expired => "has expired",
        };
        errors.push(FieldError::new(
            format!("card.{field}"),
            error.code(),
            message,
        ));
    };
    card.remove_separators();
    let brand = card::check_number(&card.number).unwrap_or_else(|error| {
        invalid("number", error);
        card::Brand::of(&card.number)
    });
    let (now_month, now_year) = clock::month_and_year();
    card.exp_year = card::full_year(card.exp_year, now_year);
    if let Err(error) = card::check_expiry(card.exp_month, card.exp_year, now_month, now_year) {
        let month = !(1..=12).contains(&card.exp_month);
        invalid(if month { "exp_month" } else { "exp_year" }, error);
    }
    if let Err(error) = card::check_cvc(&card.cvc, brand) {
        invalid("cvc", error);
    }
    let holder = card.holder.as_deref().filter(|holder| !holder.is_empty());
    if holder.is_some_and(|holder| !acceptable(BuyerField::Name, holder)) {
        invalid("holder", CardError::Invalid);
    }
}

/// Checks the browser's data. The lengths are those of EMV 3-D Secure 2.3 ("Browser Data"): 2048
/// characters for the user agent, 35 for the language. The ranges leave room for any real browser.
fn check_browser(browser: &BrowserInfo, errors: &mut Vec<FieldError>) {
    let is_text = |text: &str, most| {
        (1..=most).contains(&text.chars().count()) && text::check(text, Layout::Line).is_ok()
    };
    let language = &browser.language;
    let is_tag = is_text(language, 35) && language.bytes().all(|b| b.is_ascii_graphic());
    let size = 0..=999_999;
    let checks = [
        (
            "user_agent",
            is_text(&browser.user_agent, 2048),
            "must be 1 to 2048 characters without control characters",
        ),
        (
            "language",
            is_tag,
            "must be a language tag such as de or pt-BR",
        ),
        (
            "color_depth",
            (1..=64).contains(&browser.color_depth),
            "must be from 1 to 64 bits",
        ),
        (
            "screen_width",
            size.contains(&browser.screen_width),
            "must be from 0 to 999999 pixels",
        ),
        (
            "screen_height",
            size.contains(&browser.screen_height),
            "must be from 0 to 999999 pixels",
        ),
        (
            "time_zone_offset",
            (-1440..=1440).contains(&browser.time_zone_offset),
            "must be from -1440 to 1440 minutes",
        ),
    ];
    let invalid = checks.into_iter().filter(|(_, valid, _)| !valid);
    errors.extend(invalid.map(|(field, _, message)| {
        FieldError::new(format!("browser.{field}"), "invalid", message)
    }));
}
