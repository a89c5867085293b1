//! The order that is created for a payment.

use super::model::{Amount, CANCELED, ShippingPreference};
use crate::connectors::error::CallError;
use crate::connectors::types::NewPayment;
use serde_json::{Value, json};
use till_shared::id::PaymentId;

/// The length of the longest description and of the longest invoice id that PayPal accepts. PayPal
/// counts some characters more than once, so the limit is taken in bytes.
const MAX_TEXT: usize = 127;

/// The body of the request.
pub fn body(new: &NewPayment<'_>, shipping: ShippingPreference) -> Result<Value, CallError> {
    let mut unit = json!({
        "custom_id": new.id,
        "invoice_id": invoice_id(new.order_id, new.id),
        "amount": Amount::try_from(new.money)?,
    });
    if let Some(description) = new.description {
        unit["description"] = cut(description, MAX_TEXT).into();
    }
    let (name, value) = CANCELED;
    let mut wallet = json!({ "experience_context": {
        "return_url": new.return_url,
        "cancel_url": format!("{}&{name}={value}", new.return_url),
        "user_action": "PAY_NOW",
        "shipping_preference": shipping,
    } });
    let country = new.buyer.country.as_deref();
    if let Some(locale) = new.locale.and_then(|tag| locale(tag, country)) {
        wallet["experience_context"]["locale"] = locale.into();
    }
    let email = new.buyer.email.as_deref().filter(|email| is_usual(email));
    if let Some(email) = email {
        wallet["email_address"] = email.into();
    }
    Ok(json!({
        "intent": "CAPTURE",
        "purchase_units": [unit],
        "payment_source": { "paypal": wallet },
    }))
}

/// The number under which the buyer and the project see the payment at PayPal: the order's, and our
/// payment id, because PayPal accepts one payment for an invoice id, and an order may need a second
/// payment after a decline.
/// <https://developer.paypal.com/api/rest/troubleshooting/rest_unprocessable_entity>
fn invoice_id(order_id: &str, payment: &PaymentId) -> String {
    let room = MAX_TEXT.saturating_sub(payment.as_str().len() + 1);
    format!("{}-{payment}", cut(order_id, room))
}

/// The longest beginning of a text that has at most `max` bytes.
fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

/// The locale of PayPal's pages: a language and a country. `None` if the country is not known.
/// <https://developer.paypal.com/api/rest/reference/locale-codes/>
fn locale(tag: &str, country: Option<&str>) -> Option<String> {
    let is_country = |part: &&str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_uppercase());
    let mut parts = tag.split('-');
    let language = parts.next()?;
    let country = parts.find(is_country).or(country).filter(is_country)?;
    let is_language = language.len() == 2 && language.bytes().all(|b| b.is_ascii_lowercase());
    is_language.then(|| format!("{language}-{country}"))
}

/// Whether PayPal's pattern accepts an e-mail address for certain. The address only fills in
/// PayPal's form: an order is not refused for it.
fn is_usual(email: &str) -> bool {
    let is_word = |word: &str, more: &[u8]| {
        let usual = |b: u8| b.is_ascii_alphanumeric() || more.contains(&b);
        !word.is_empty() && word.bytes().all(usual)
    };
    let is_label =
        |label: &str| is_word(label, b"-") && !label.starts_with('-') && !label.ends_with('-');
    email.split_once('@').is_some_and(|(local, domain)| {
        local.len() <= 64
            && local.split('.').all(|word| is_word(word, b"+_-"))
            && domain.contains('.')
            && domain.split('.').all(is_label)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invoice_id_contains_the_order_and_is_unique_for_the_payment() {
        let payment = PaymentId::from_unique("01a20f6cc88c704985832b4041dd32bf");
        let id = |order: &str| invoice_id(order, &payment);
        assert_eq!(id("42"), "42-pay_01a20f6cc88c704985832b4041dd32bf");
        assert_eq!(id(&"9".repeat(128)).len(), MAX_TEXT);
        let long = id(&"ß".repeat(64));
        assert!(long.len() <= MAX_TEXT && long.ends_with(payment.as_str()));
    }

    #[test]
    fn a_locale_has_a_country() {
        for (tag, country, expected) in [
            ("de-AT", Some("DE"), Some("de-AT")),
            ("de", Some("DE"), Some("de-DE")),
            ("zh-Hant-TW", None, Some("zh-TW")),
            ("zh-Hans", Some("CN"), Some("zh-CN")),
            ("zh-Hans", None, None),
            ("es-419", None, None),
            ("fil-PH", None, None),
        ] {
            assert_eq!(locale(tag, country).as_deref(), expected, "{tag}");
        }
    }

    #[test]
    fn only_usual_addresses_are_sent() {
        for usual in ["a@b.example", "first.last+tag@sub-domain.b.example"] {
            assert!(is_usual(usual), "{usual}");
        }
        for other in [
            "a@b",
            "ä@b.example",
            "a@-b.example",
            "a..b@c.example",
            "\"a b\"@c.example",
        ] {
            assert!(!is_usual(other), "{other}");
        }
    }
}
