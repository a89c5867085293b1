//! The body of the payment fixation call.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use till_shared::buyer::Buyer;
use till_shared::payment::Method;
use till_shared::widget::{BrowserInfo, CardData, FixPayment};
use utoipa::ToSchema;

/// Payment fixation: creates a payment when the buyer presses Pay. The data of the method and of the
/// buyer are objects of their own or fields beside `method`.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"method": "card", "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2039, "cvc": "123"}}))]
pub struct FixBody {
    method: Method,
    #[serde(default)]
    buyer: Buyer,
    #[serde(default)]
    card: Option<Card>,
    /// The buyer's browser, for 3-D Secure and fraud checks.
    browser: Option<BrowserInfo>,
    email: Option<String>,
    name: Option<String>,
    phone: Option<String>,
    country: Option<String>,
    number: Option<String>,
    #[serde(default, deserialize_with = "whole_number")]
    exp_month: u16,
    #[serde(default, deserialize_with = "whole_number")]
    exp_year: u16,
    cvc: Option<String>,
    holder: Option<String>,
}

/// Absent fields read as empty: the card validation then reports every invalid field at once.
#[derive(Deserialize, ToSchema)]
pub struct Card {
    #[serde(default)]
    number: String,
    #[serde(default, deserialize_with = "whole_number")]
    exp_month: u16,
    #[serde(default, deserialize_with = "whole_number")]
    exp_year: u16,
    #[serde(default)]
    cvc: String,
    holder: Option<String>,
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
            card: card.map(|card| CardData {
                number: card.number,
                // 0 is not a month: the card validation reports it.
                exp_month: u8::try_from(card.exp_month).unwrap_or(0),
                exp_year: card.exp_year,
                cvc: card.cvc,
                holder: card.holder,
            }),
            browser: body.browser,
        }
    }
}

/// Reads a number or a string of digits, as HTML inputs give.
fn whole_number<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a whole number")]
    enum Digits {
        Number(u16),
        Text(String),
    }
    match Digits::deserialize(from)? {
        Digits::Number(number) => Ok(number),
        Digits::Text(text) => {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            let number = digits.then(|| text.parse().ok()).flatten();
            number.ok_or_else(|| D::Error::custom("not a whole number"))
        }
    }
}
