//! Validation of an order: every field is checked before any of them has an effect.

use super::order::{Order, TTL_SECONDS};
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
pub fn validate(order: &Order, dev: bool) -> Result<Money> {
    let mut errors = vec![];
    check_texts(order, &mut errors);
    let money = check_money(order, &mut errors);
    check_items(order, &mut errors);
    check_metadata(order, &mut errors);
    check_expiry(order, &mut errors);
    check_buyer(order, &mut errors);
    check_urls(order, dev, &mut errors);
    match money {
        Some(money) if errors.is_empty() => Ok(money),
        _ => Err(Error::fields(errors)),
    }
}

fn check_texts(order: &Order, errors: &mut Vec<FieldError>) {
    let mut check = |field: &str, value: Option<&str>, max: usize, what: &str| {
        let valid = |v: &str| {
            !v.trim().is_empty() && v.chars().count() <= max && !v.chars().any(char::is_control)
        };
        if !value.is_none_or(valid) {
            let message = format!("{what}, at most {max} characters");
            errors.push(FieldError::new(field, "invalid", message));
        }
    };
    let order_id = Some(order.order_id.as_str());
    check("order_id", order_id, 128, "your number for the order");
    let description = order.description.as_deref();
    check("description", description, 1000, "what the buyer reads");
    check(
        "locale",
        order.locale.as_deref(),
        35,
        "a BCP 47 language tag",
    );
    for (i, item) in order.items.iter().enumerate() {
        let field = format!("items.{i}.name");
        check(&field, Some(&item.name), 250, "the item's name");
    }
}

fn check_money(order: &Order, errors: &mut Vec<FieldError>) -> Option<Money> {
    let currency: Option<Currency> = order.currency.parse().ok();
    if currency.is_none() {
        errors.push(FieldError::new(
            "currency",
            "unknown_currency",
            "an ISO 4217 code such as EUR",
        ));
    }
    if !Money::ORDER_AMOUNTS.contains(&order.amount) {
        let message = format!("from 1 to {} minor units", Money::MAX_AMOUNT);
        errors.push(FieldError::new("amount", "out_of_range", message));
    }
    currency.map(|currency| Money {
        amount: order.amount,
        currency,
    })
}

fn check_items(order: &Order, errors: &mut Vec<FieldError>) {
    if order.items.len() > MAX_ITEMS {
        let message = format!("at most {MAX_ITEMS}");
        errors.push(FieldError::new("items", "too_many", message));
    }
    for (i, item) in order.items.iter().enumerate() {
        if item.quantity == 0 || !(0..=Money::MAX_AMOUNT).contains(&item.amount) {
            errors.push(FieldError::new(
                format!("items.{i}"),
                "out_of_range",
                "a quantity from 1, an amount from 0",
            ));
        }
    }
}

fn check_metadata(order: &Order, errors: &mut Vec<FieldError>) {
    let too_long = |(key, value): (&String, &String)| {
        key.is_empty()
            || key.chars().count() > MAX_METADATA_KEY
            || value.chars().count() > MAX_METADATA_VALUE
    };
    if order.metadata.len() > MAX_METADATA || order.metadata.iter().any(too_long) {
        let message = format!(
            "at most {MAX_METADATA} entries, keys up to {MAX_METADATA_KEY} and values up to \
             {MAX_METADATA_VALUE} characters"
        );
        errors.push(FieldError::new("metadata", "too_long", message));
    }
}

fn check_expiry(order: &Order, errors: &mut Vec<FieldError>) {
    let ttl = order.expires_in_seconds;
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

fn check_buyer(order: &Order, errors: &mut Vec<FieldError>) {
    for field in BuyerField::ALL {
        let value = order.buyer.get(*field);
        if !value.is_none_or(|value| acceptable(*field, value)) {
            errors.push(FieldError::new(
                format!("buyer.{field}"),
                "invalid",
                format!("is not a valid {field}"),
            ));
        }
    }
}

fn check_urls(order: &Order, dev: bool, errors: &mut Vec<FieldError>) {
    for (field, url) in [
        ("success_url", &order.success_url),
        ("failure_url", &order.failure_url),
    ] {
        if let Some(Err(error)) = url.as_deref().map(|url| check_url(url, dev)) {
            errors.push(FieldError::new(field, "invalid", error.to_string()));
        }
    }
}
