//! What an order may say: every field is checked before any of it has an effect.

use super::create_invoice::{NewInvoice, TTL_SECONDS};
use super::projects::bad_url;
use super::{Error, Result};
use till_shared::buyer::{BuyerField, acceptable};
use till_shared::money::{Currency, Money};
use till_shared::problem::FieldError;

/// Checks an order and gives what it costs.
///
/// # Errors
/// `invalid-request` that names every field that won't do.
pub fn check(new: &NewInvoice, dev: bool) -> Result<Money> {
    let mut errors = vec![];
    let mut text = |field: &str, value: Option<&str>, most: usize, what: &str| {
        let good = |v: &str| {
            !v.trim().is_empty() && v.chars().count() <= most && !v.chars().any(char::is_control)
        };
        if !value.is_none_or(good) {
            errors.push(FieldError::new(
                field,
                "invalid",
                format!("{what}, at most {most} characters"),
            ));
        }
    };
    text(
        "order_id",
        Some(&new.order_id),
        128,
        "your number for the order",
    );
    text(
        "description",
        new.description.as_deref(),
        1000,
        "what the buyer reads",
    );
    text("locale", new.locale.as_deref(), 35, "a BCP 47 language tag");
    for (i, item) in new.items.iter().enumerate() {
        text(
            &format!("items.{i}.name"),
            Some(&item.name),
            250,
            "what it is",
        );
    }
    let currency: Option<Currency> = new.currency.parse().ok();
    if currency.is_none() {
        errors.push(FieldError::new(
            "currency",
            "unknown_currency",
            "an ISO 4217 code such as EUR",
        ));
    }
    let in_range = 1..=Money::MAX_AMOUNT;
    if !in_range.contains(&new.amount) {
        let message = format!("from 1 to {} minor units", Money::MAX_AMOUNT);
        errors.push(FieldError::new("amount", "out_of_range", message));
    }
    check_lists(new, &mut errors);
    for field in BuyerField::ALL {
        if !new
            .buyer
            .get(*field)
            .is_none_or(|value| acceptable(*field, value))
        {
            let message = format!("not a usable {field}");
            errors.push(FieldError::new(
                format!("buyer.{field}"),
                "invalid",
                message,
            ));
        }
    }
    for (field, url) in [
        ("success_url", &new.success_url),
        ("failure_url", &new.failure_url),
    ] {
        if let Some(message) = url.as_deref().and_then(|url| bad_url(url, dev)) {
            errors.push(FieldError::new(field, "invalid", message));
        }
    }
    match currency {
        Some(currency) if errors.is_empty() => Ok(Money {
            amount: new.amount,
            currency,
        }),
        _ => Err(Error::fields(errors)),
    }
}

fn check_lists(new: &NewInvoice, errors: &mut Vec<FieldError>) {
    if new.items.len() > 100 {
        errors.push(FieldError::new("items", "too_many", "at most 100"));
    }
    for (i, item) in new.items.iter().enumerate() {
        if item.quantity == 0 || !(0..=Money::MAX_AMOUNT).contains(&item.amount) {
            let message = "a quantity from 1, an amount from 0";
            errors.push(FieldError::new(
                format!("items.{i}"),
                "out_of_range",
                message,
            ));
        }
    }
    let long = |(key, value): (&String, &String)| {
        key.is_empty() || key.chars().count() > 40 || value.chars().count() > 500
    };
    if new.metadata.len() > 50 || new.metadata.iter().any(long) {
        let message = "at most 50 notes, keys to 40 and values to 500 characters";
        errors.push(FieldError::new("metadata", "too_long", message));
    }
    if new
        .expires_in_seconds
        .is_some_and(|s| !TTL_SECONDS.contains(&s))
    {
        let message = format!(
            "from {} to {} seconds",
            TTL_SECONDS.start(),
            TTL_SECONDS.end()
        );
        errors.push(FieldError::new(
            "expires_in_seconds",
            "out_of_range",
            message,
        ));
    }
}
