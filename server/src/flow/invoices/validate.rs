//! Validation of an order: every field is checked before any of them has an effect.

use super::order::{NewInvoice, TTL_SECONDS};
use crate::flow::error::{Error, Result};
use crate::flow::urls::check_url;
use till_shared::buyer::{BuyerField, acceptable};
use till_shared::money::{Currency, Money};
use till_shared::problem::FieldError;

/// The most items an order may have.
const MAX_ITEMS: usize = 100;
/// The most metadata entries an order may have.
const MAX_METADATA: usize = 50;
/// The longest metadata key, in characters.
const MAX_METADATA_KEY: usize = 40;
/// The longest metadata value, in characters.
const MAX_METADATA_VALUE: usize = 500;

/// Validates an order and returns its amount.
///
/// # Errors
/// `invalid-request` with every invalid field.
pub fn validate(new: &NewInvoice, dev: bool) -> Result<Money> {
    let mut errors = vec![];
    check_texts(new, &mut errors);
    let money = check_money(new, &mut errors);
    check_items(new, &mut errors);
    check_metadata(new, &mut errors);
    check_expiry(new, &mut errors);
    check_buyer(new, &mut errors);
    check_urls(new, dev, &mut errors);
    match money {
        Some(money) if errors.is_empty() => Ok(money),
        _ => Err(Error::fields(errors)),
    }
}

fn check_texts(new: &NewInvoice, errors: &mut Vec<FieldError>) {
    let mut check = |field: &str, value: Option<&str>, max: usize, what: &str| {
        let valid = |v: &str| {
            !v.trim().is_empty() && v.chars().count() <= max && !v.chars().any(char::is_control)
        };
        if !value.is_none_or(valid) {
            let message = format!("{what}, at most {max} characters");
            errors.push(FieldError::new(field, "invalid", message));
        }
    };
    let order_id = Some(new.order_id.as_str());
    check("order_id", order_id, 128, "your number for the order");
    let description = new.description.as_deref();
    check("description", description, 1000, "what the buyer reads");
    check("locale", new.locale.as_deref(), 35, "a BCP 47 language tag");
    for (i, item) in new.items.iter().enumerate() {
        let field = format!("items.{i}.name");
        check(&field, Some(&item.name), 250, "the item's name");
    }
}

fn check_money(new: &NewInvoice, errors: &mut Vec<FieldError>) -> Option<Money> {
    let currency: Option<Currency> = new.currency.parse().ok();
    if currency.is_none() {
        errors.push(FieldError::new(
            "currency",
            "unknown_currency",
            "an ISO 4217 code such as EUR",
        ));
    }
    if !(1..=Money::MAX_AMOUNT).contains(&new.amount) {
        let message = format!("from 1 to {} minor units", Money::MAX_AMOUNT);
        errors.push(FieldError::new("amount", "out_of_range", message));
    }
    currency.map(|currency| Money {
        amount: new.amount,
        currency,
    })
}

fn check_items(new: &NewInvoice, errors: &mut Vec<FieldError>) {
    if new.items.len() > MAX_ITEMS {
        let message = format!("at most {MAX_ITEMS}");
        errors.push(FieldError::new("items", "too_many", message));
    }
    for (i, item) in new.items.iter().enumerate() {
        if item.quantity == 0 || !(0..=Money::MAX_AMOUNT).contains(&item.amount) {
            errors.push(FieldError::new(
                format!("items.{i}"),
                "out_of_range",
                "a quantity from 1, an amount from 0",
            ));
        }
    }
}

fn check_metadata(new: &NewInvoice, errors: &mut Vec<FieldError>) {
    let too_long = |(key, value): (&String, &String)| {
        key.is_empty()
            || key.chars().count() > MAX_METADATA_KEY
            || value.chars().count() > MAX_METADATA_VALUE
    };
    if new.metadata.len() > MAX_METADATA || new.metadata.iter().any(too_long) {
        let message = format!(
            "at most {MAX_METADATA} entries, keys up to {MAX_METADATA_KEY} and values up to \
             {MAX_METADATA_VALUE} characters"
        );
        errors.push(FieldError::new("metadata", "too_long", message));
    }
}

fn check_expiry(new: &NewInvoice, errors: &mut Vec<FieldError>) {
    let ttl = new.expires_in_seconds;
    if ttl.is_some_and(|seconds| !TTL_SECONDS.contains(&seconds)) {
        let (min, max) = (TTL_SECONDS.start(), TTL_SECONDS.end());
        let message = format!("from {min} to {max} seconds");
        errors.push(FieldError::new(
            "expires_in_seconds",
            "out_of_range",
            message,
        ));
    }
}

fn check_buyer(new: &NewInvoice, errors: &mut Vec<FieldError>) {
    for field in BuyerField::ALL {
        let value = new.buyer.get(*field);
        if !value.is_none_or(|value| acceptable(*field, value)) {
            errors.push(FieldError::new(
                format!("buyer.{field}"),
                "invalid",
                format!("is not a valid {field}"),
            ));
        }
    }
}

fn check_urls(new: &NewInvoice, dev: bool, errors: &mut Vec<FieldError>) {
    for (field, url) in [
        ("success_url", &new.success_url),
        ("failure_url", &new.failure_url),
    ] {
        if let Some(Err(error)) = url.as_deref().map(|url| check_url(url, dev)) {
            errors.push(FieldError::new(field, "invalid", error.to_string()));
        }
    }
}
