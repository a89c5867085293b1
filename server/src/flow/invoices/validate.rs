//! Validation of an order: every field is checked before any of them has an effect.

use super::order::{Order, TTL_SECONDS};
use crate::flow::buyer::keep_valid;
use crate::flow::error::{Error, Result};
use crate::flow::locale;
use crate::flow::urls::check_url;
use till_shared::invoice::Item;
use till_shared::money::{Currency, Money, MoneyError};
use till_shared::problem::FieldError;
use till_shared::text::{self, Layout, TextError};

/// The most items an order may have.
const MAX_ITEMS: usize = 100;
/// The most metadata entries an order may have.
const MAX_METADATA: usize = 50;
/// The longest metadata key, in characters.
const MAX_METADATA_KEY: usize = 40;
/// The longest metadata value, in characters.
const MAX_METADATA_VALUE: usize = 500;

/// Validates an order. Returns it with the case of its codes set right and without buyer's details that
/// are invalid, and its amount.
///
/// # Errors
/// `invalid-request` with every invalid field.
pub fn validate(mut order: Order, dev: bool) -> Result<(Order, Money)> {
    let mut errors = vec![];
    check_texts(&order, &mut errors);
    let money = check_money(&order, &mut errors);
    check_items(&order, &mut errors);
    check_metadata(&order, &mut errors);
    check_expiry(&order, &mut errors);
    check_urls(&order, dev, &mut errors);
    if let Some(tag) = order.locale.take() {
        order.locale = locale::canonical(&tag);
        if order.locale.is_none() {
            errors.push(invalid("locale", locale::ALLOWED));
        }
    }
    keep_valid(&mut order.buyer);
    match money {
        Some(money) if errors.is_empty() => {
            order.currency = money.currency.code().to_owned();
            Ok((order, money))
        }
        _ => Err(Error::fields(errors)),
    }
}

fn invalid(field: impl Into<String>, message: impl Into<String>) -> FieldError {
    FieldError::new(field, "invalid", message)
}

fn check_texts(order: &Order, errors: &mut Vec<FieldError>) {
    let mut check = |field: &str, value: &str, layout: Layout, max: usize| {
        if value.is_empty() {
            errors.push(FieldError::new(field, "required", "is required"));
        } else if let Err(error) = text::check_shown(value, layout, max) {
            errors.push(text_error(field, error));
        }
    };
    check("order_id", &order.order_id, Layout::Line, 128);
    if let Some(description) = &order.description {
        check("description", description, Layout::Lines, 1000);
    }
    for (i, item) in order.items.iter().enumerate() {
        check(&format!("items[{i}].name"), &item.name, Layout::Lines, 250);
    }
}

fn text_error(field: impl Into<String>, error: TextError) -> FieldError {
    FieldError::new(field, error.code(), error.to_string())
}

fn check_money(order: &Order, errors: &mut Vec<FieldError>) -> Option<Money> {
    let currency: std::result::Result<Currency, MoneyError> = order.currency.parse();
    if let Err(error) = currency {
        errors.push(FieldError::new(
            "currency",
            "unknown_currency",
            error.to_string(),
        ));
    }
    if let Err(message) = in_amounts(order.amount, 1) {
        errors.push(FieldError::new("amount", "out_of_range", message));
    }
    currency.ok().map(|currency| Money {
        amount: order.amount,
        currency,
    })
}

fn in_amounts(amount: i64, min: i64) -> std::result::Result<(), String> {
    if (min..=Money::MAX_AMOUNT).contains(&amount) {
        return Ok(());
    }
    let max = Money::MAX_AMOUNT;
    Err(format!(
        "must be from {min} to {max} minor units, not {amount}"
    ))
}

fn check_items(order: &Order, errors: &mut Vec<FieldError>) {
    let count = order.items.len();
    if count > MAX_ITEMS {
        let message = format!("must have at most {MAX_ITEMS} items, not {count}");
        errors.push(FieldError::new("items", "too_many", message));
    }
    for (i, item) in order.items.iter().enumerate() {
        if item.quantity == 0 {
            let field = format!("items[{i}].quantity");
            errors.push(FieldError::new(
                field,
                "out_of_range",
                "must be at least 1, not 0",
            ));
        }
        if let Err(message) = in_amounts(item.amount, 0) {
            let field = format!("items[{i}].amount");
            errors.push(FieldError::new(field, "out_of_range", message));
        }
    }
    let line = |item: &Item| i128::from(item.amount) * i128::from(item.quantity);
    let sum: i128 = order.items.iter().map(line).sum();
    if sum > Money::MAX_AMOUNT.into() {
        let message = format!("must add up to at most {} minor units", Money::MAX_AMOUNT);
        errors.push(FieldError::new("items", "out_of_range", message));
    }
}

fn check_metadata(order: &Order, errors: &mut Vec<FieldError>) {
    let count = order.metadata.len();
    if count > MAX_METADATA {
        let message = format!("must have at most {MAX_METADATA} entries, not {count}");
        errors.push(FieldError::new("metadata", "too_many", message));
    }
    for (key, value) in &order.metadata {
        let field = || format!("metadata.{}", text::sanitize(key));
        if key.is_empty() || key.chars().count() > MAX_METADATA_KEY {
            let message = format!("must have a key of 1 to {MAX_METADATA_KEY} characters");
            errors.push(FieldError::new(field(), "too_long", message));
        }
        let len = value.chars().count();
        if len > MAX_METADATA_VALUE {
            let max = MAX_METADATA_VALUE;
            errors.push(text_error(field(), TextError::TooLong { max, len }));
        }
    }
}

fn check_expiry(order: &Order, errors: &mut Vec<FieldError>) {
    let Some(seconds) = order.expires_in_seconds else {
        return;
    };
    if !TTL_SECONDS.contains(&seconds) {
        let (min, max) = (TTL_SECONDS.start(), TTL_SECONDS.end());
        let message = format!("must be from {min} to {max} seconds, not {seconds}");
        let field = "expires_in_seconds";
        errors.push(FieldError::new(field, "out_of_range", message));
    }
}

fn check_urls(order: &Order, dev: bool, errors: &mut Vec<FieldError>) {
    for (field, url) in [
        ("success_url", &order.success_url),
        ("failure_url", &order.failure_url),
    ] {
        if let Some(Err(error)) = url.as_deref().map(|url| check_url(url, dev)) {
            errors.push(invalid(field, error.to_string()));
        }
    }
}
