//! The body of the payment fixation call.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use till_shared::buyer::Buyer;
use till_shared::card_data::SecretText;
use till_shared::payment::Method;
use till_shared::widget::{BrowserInfo, CardData, FixPayment};
use utoipa::ToSchema;
use utoipa::openapi::schema::AnyOfBuilder;
use utoipa::openapi::{ObjectBuilder, Schema, Type};

/// Payment fixation: creates a payment when the buyer presses Pay. The data of the method and of the
/// buyer are objects of their own or fields beside `method`. With the method `card`, where the buyer
/// enters the card in our payment form, the card's data are required.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"method": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2039, "cvc": "123"}}))]
pub struct FixBody {
    /// The payment method.
    method: Method,
    /// The missing buyer fields.
    #[serde(default)]
    buyer: Buyer,
    /// The card.
    #[serde(default)]
    card: Option<Card>,
    /// Instead of `card`: the card, encrypted to the `card_encryption_key` of the billing data. A JWE in
    /// compact form (RFC 7516) with the algorithms `ECDH-ES` and `A256GCM`, whose header names the key
    /// (`kid`). Its content is a JSON object with `invoice`, the invoice's id; `iat`, the time in seconds
    /// since 1970-01-01 UTC, at most 15 minutes ago; and `card`, as here.
    #[schema(
        max_length = 8192,
        pattern = r"^[A-Za-z0-9_-]+\.\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"
    )]
    pub encrypted_card: Option<String>,
    /// The buyer's browser, for 3-D Secure and fraud checks.
    browser: Option<BrowserInfo>,
    /// The token of a solved captcha, after the problem `captcha-required`.
    #[schema(pattern = r"^[^\x00-\x1f\x7f-\x9f\u2028-\u202e]*$")]
    captcha_token: Option<String>,
    /// As `buyer.email`.
    email: Option<String>,
    /// As `buyer.name`.
    name: Option<String>,
    /// As `buyer.phone`.
    phone: Option<String>,
    /// As `buyer.country`.
    country: Option<String>,
    /// As `card.number`.
    #[schema(value_type = Option<String>)]
    number: Option<SecretText>,
    #[serde(default, deserialize_with = "whole_number")]
    #[schema(schema_with = beside_month)]
    exp_month: u16,
    #[serde(default, deserialize_with = "whole_number")]
    #[schema(schema_with = beside_year)]
    exp_year: u16,
    /// As `card.cvc`.
    #[schema(value_type = Option<String>)]
    cvc: Option<SecretText>,
    /// As `card.holder`.
    holder: Option<String>,
}

/// A card as the buyer entered it.
// Absent fields read as empty: the card validation then reports every invalid field at once.
#[derive(Deserialize, ToSchema)]
pub struct Card {
    /// The card number. Spaces and hyphens are ignored.
    #[serde(default)]
    #[schema(required, value_type = String, pattern = "^[ -]*([0-9][ -]*){12,19}$")]
    number: SecretText,
    #[serde(default, deserialize_with = "whole_number")]
    #[schema(required, schema_with = month)]
    exp_month: u16,
    #[serde(default, deserialize_with = "whole_number")]
    #[schema(required, schema_with = year)]
    exp_year: u16,
    /// The security code.
    #[serde(default)]
    #[schema(required, value_type = String, pattern = "^[0-9]{3,4}$")]
    cvc: SecretText,
    /// The name on the card.
    #[schema(max_length = 200)]
    holder: Option<String>,
}

// Beside `card`, the fields of a card are ignored, and their ranges are not checked.
fn beside_month() -> Schema {
    number_or_text("As `card.exp_month`.", 0, u16::MAX.into(), "^[0-9]+$")
}

fn beside_year() -> Schema {
    number_or_text("As `card.exp_year`.", 0, u16::MAX.into(), "^[0-9]+$")
}

fn month() -> Schema {
    number_or_text("The expiry month.", 1, 12, "^(0?[1-9]|1[0-2])$")
}

fn year() -> Schema {
    number_or_text(
        "The expiry year, two or four digits.",
        0,
        9999,
        "^([0-9]{2}|[0-9]{4})$",
    )
}

fn number_or_text(description: &str, min: usize, max: usize, pattern: &str) -> Schema {
    let number = ObjectBuilder::new().schema_type(Type::Integer);
    let text = ObjectBuilder::new().schema_type(Type::String);
    AnyOfBuilder::new()
        .item(number.minimum(Some(min)).maximum(Some(max)))
        .item(text.pattern(Some(pattern)))
        .description(Some(description))
        .build()
        .into()
}

impl From<Card> for CardData {
    fn from(card: Card) -> Self {
        Self {
            number: card.number,
            // 0 is not a month: the card validation reports it.
            exp_month: u8::try_from(card.exp_month).unwrap_or(0),
            exp_year: card.exp_year,
            cvc: card.cvc,
            holder: card.holder,
        }
    }
}

impl From<FixBody> for FixPayment {
    fn from(body: FixBody) -> Self {
        let is_flat = body.number.is_some() || body.cvc.is_some();
        let card = body.card.or_else(|| {
            is_flat.then(|| Card {
                number: body.number.unwrap_or_default(),
                exp_month: body.exp_month,
                exp_year: body.exp_year,
                cvc: body.cvc.unwrap_or_default(),
                holder: body.holder,
            })
        });
        Self {
            method: body.method,
            buyer: Buyer {
                email: body.buyer.email.or(body.email),
                name: body.buyer.name.or(body.name),
                phone: body.buyer.phone.or(body.phone),
                country: body.buyer.country.or(body.country),
            },
            card: card.map(CardData::from),
            browser: body.browser,
            captcha_token: body.captcha_token,
        }
    }
}

/// Reads a number or a string of digits, as HTML inputs give.
fn whole_number<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "must be a whole number")]
    enum Digits {
        Number(u16),
        Text(String),
    }
    match Digits::deserialize(from)? {
        Digits::Number(number) => Ok(number),
        Digits::Text(text) => {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            let number = digits.then(|| text.parse().ok()).flatten();
            number.ok_or_else(|| D::Error::custom("must be a whole number"))
        }
    }
}
