//! Validation of the payment fixation call.

use crate::clock;
use crate::flow::error::{Error, Result};
use crate::store::invoices::InvoiceRow;
use crate::store::projects::Project;
use till_shared::buyer::{Buyer, BuyerField, acceptable};
use till_shared::card::{self, CardError};
use till_shared::payment::Method;
use till_shared::problem::FieldError;
use till_shared::widget::{CardData, FixPayment};

/// Checks every field before any of them has an effect. Returns the buyer with the missing fields
/// filled in, and the call with its card normalized. What the order says of the buyer is not
/// overwritten.
///
/// # Errors
/// `invalid-request` with every invalid field.
pub fn validate(
    project: &Project,
    invoice: &InvoiceRow,
    mut fix: FixPayment,
    card_required: bool,
) -> Result<(Buyer, FixPayment)> {
    let mut errors = vec![];
    let buyer = fill_in_buyer(project, invoice, &fix.buyer, &mut errors);
    match (fix.method, &mut fix.card) {
        (Method::Card, Some(card)) => check_card(card, &mut errors),
        (Method::Card, None) if card_required => {
            errors.push(FieldError::new("card", "required", "card data is required"));
        }
        (Method::Card, None)
        | (Method::Paypal | Method::Ideal | Method::Bancontact | Method::Eps, _) => {
            fix.card = None;
        }
    }
    if errors.is_empty() {
        Ok((buyer, fix))
    } else {
        Err(Error::fields(errors))
    }
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
        let value = given.get(field).map(str::trim);
        match value.filter(|value| !value.is_empty()) {
            Some(value) if acceptable(field, value) => buyer.set(field, Some(value.to_owned())),
            Some(_) => errors.push(FieldError::new(
                format!("buyer.{field}"),
                "invalid",
                format!("is not a valid {field}"),
            )),
            None if required => errors.push(FieldError::new(
                format!("buyer.{field}"),
                "required",
                format!("{field} is required"),
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
            CardError::Expired => "the card has expired",
        };
        errors.push(FieldError::new(
            format!("card.{field}"),
            error.code(),
            message,
        ));
    };
    card.number.retain(|c| c != ' ' && c != '-');
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
