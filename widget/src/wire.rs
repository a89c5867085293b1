//! The server's responses, read from the values that `JSON.parse` returns. Derived deserialization
//! would make up a quarter of the wasm. The enums are those of `till_shared`, and a test compares the
//! fields with its types.

use js_sys::{Array, JSON, Object, Reflect};
use std::str::FromStr;
use till_shared::buyer::BuyerField;
use till_shared::card::Brand;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::{DeclineCode, PaymentStatus};
use till_shared::problem::ProblemType;
use wasm_bindgen::JsValue;

/// A JSON value.
pub struct Json(JsValue);

impl Json {
    /// Parses a text.
    pub fn parse(text: &str) -> Option<Self> {
        JSON::parse(text).ok().map(Self)
    }

    /// Returns a field; null if there is none.
    pub fn get(&self, name: &str) -> Self {
        Self(Reflect::get(&self.0, &name.into()).unwrap_or(JsValue::NULL))
    }

    /// Returns a text field, if there is one.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).0.as_string()
    }

    fn text_or_empty(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    fn parsed<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// Returns whether a field is true.
    pub fn is(&self, name: &str) -> bool {
        self.get(name).0.is_truthy()
    }

    /// The API's integers are exact in a JavaScript number; see `Money::MAX_AMOUNT`.
    fn integer(&self, name: &str) -> i64 {
        self.get(name).0.as_f64().unwrap_or_default() as i64
    }

    fn list<T>(&self, name: &str, read: impl Fn(Self) -> Option<T>) -> Vec<T> {
        let list = self.get(name).0;
        if !Array::is_array(&list) {
            return vec![];
        }
        Array::from(&list)
            .iter()
            .filter_map(|value| read(Self(value)))
            .collect()
    }

    /// Wraps a value.
    pub fn of(value: JsValue) -> Self {
        Self(value)
    }
}

/// Billing data: everything that the widget shows.
#[derive(Clone)]
pub struct Billing {
    /// The project's name.
    pub shop: String,
    /// The URL of the project's logo.
    pub logo: Option<String>,
    /// The amount, in minor units.
    pub amount: i64,
    /// The currency, ISO 4217.
    pub currency: String,
    /// The number of decimals of the currency.
    pub exponent: u32,
    /// The description.
    pub description: Option<String>,
    /// The line items: name, quantity, unit price in minor units.
    pub items: Vec<(String, i64, i64)>,
    /// The buyer fields to ask for.
    pub missing: Vec<BuyerField>,
    /// The available payment methods.
    pub methods: Vec<String>,
    /// The project's color theme.
    pub theme: Option<String>,
    /// The project's accent color.
    pub accent: Option<String>,
    /// The language set by the order or the project, a BCP 47 tag.
    pub locale: Option<String>,
    /// When the invoice expires, RFC 3339 UTC.
    pub expires_at: String,
    /// Whether the project is in test mode.
    pub test: bool,
    /// The state of the invoice.
    pub state: State,
}

impl Billing {
    /// Reads billing data; `None` if it is invalid.
    pub fn read(json: &Json) -> Option<Self> {
        let project = json.get("project");
        Some(Self {
            shop: project.text_or_empty("name"),
            logo: project.text("logo_url"),
            amount: json.integer("amount"),
            currency: json.text("currency")?,
            exponent: json.integer("exponent") as u32,
            description: json.text("description"),
            items: json.list("items", |item| {
                let (each, quantity) = (item.integer("amount"), item.integer("quantity"));
                Some((item.text("name")?, quantity, each))
            }),
            missing: json.list("missing", |field| field.0.as_string()?.parse().ok()),
            methods: json.list("methods", |method| method.text("method")),
            theme: json.text("theme"),
            accent: json.text("accent"),
            locale: json.text("locale"),
            expires_at: json.text_or_empty("expires_at"),
            test: json.is("test"),
            state: State::read(json)?,
        })
    }
}

/// The state of an invoice.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The status of the invoice.
    pub status: InvoiceStatus,
    /// The latest payment, if there is one.
    pub payment: Option<Payment>,
    /// The verification that the payment requires.
    pub verification: Verification,
    /// Where to send the buyer after the payment.
    pub continue_url: Option<String>,
}

impl State {
    /// Reads a value; `None` if it is invalid.
    pub fn read(json: &Json) -> Option<Self> {
        Some(Self {
            status: json.parsed("status")?,
            payment: Payment::read(&json.get("payment")),
            verification: Verification::read(&json.get("verification")),
            continue_url: json.text("continue_url"),
        })
    }
}

/// A payment, with the fields that the widget shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// The payment's id.
    pub id: String,
    /// The payment method.
    pub method: String,
    /// The status.
    pub status: PaymentStatus,
    /// The reason for the decline, if the payment was declined.
    pub decline: Option<DeclineCode>,
    /// The card's brand and last four digits.
    pub card: Option<(Brand, String)>,
    /// When the payment last changed, RFC 3339 UTC.
    pub updated_at: String,
}

impl Payment {
    /// Reads a value; `None` if it is invalid.
    pub fn read(json: &Json) -> Option<Self> {
        let card = json.get("card");
        Some(Self {
            id: json.text("id")?,
            method: json.text_or_empty("method"),
            status: json.parsed("status")?,
            decline: json.get("decline").parsed("code"),
            card: card.parsed("brand").zip(card.text("last4")),
            updated_at: json.text_or_empty("updated_at"),
        })
    }
}

/// What the buyer has to do before the payment can proceed.
#[derive(Debug, Clone, PartialEq)]
pub enum Verification {
    /// Nothing.
    None,
    /// Open this page in a window: it cannot be shown in a frame.
    Redirect(String),
    /// Open this page in a frame.
    Frame(String),
}

impl Verification {
    /// Reads a value.
    pub fn read(json: &Json) -> Self {
        match (json.text("kind").as_deref(), json.text("url")) {
            (Some("redirect"), Some(url)) => Self::Redirect(url),
            (Some("frame"), Some(url)) => Self::Frame(url),
            _ => Self::None,
        }
    }
}

/// A problem document.
pub struct Problem {
    /// The problem type, if it is known.
    pub kind: Option<ProblemType>,
    /// What happened in this request.
    pub detail: String,
    /// The names of the invalid fields.
    pub fields: Vec<String>,
}

impl Problem {
    /// Reads a value.
    pub fn read(json: &Json) -> Self {
        let kind = json.text_or_empty("type");
        Self {
            kind: kind
                .rsplit('/')
                .next()
                .and_then(|segment| segment.parse().ok()),
            detail: json.text_or_empty("detail"),
            fields: json.list("errors", |error| error.text("field")),
        }
    }
}

/// The card as the buyer entered it.
pub struct Card {
    /// The card number, digits only.
    pub number: String,
    /// The expiry month, 1 to 12.
    pub exp_month: u8,
    /// The expiry year, four digits.
    pub exp_year: u16,
    /// The security code.
    pub cvc: String,
    /// The name on the card.
    pub holder: Option<String>,
}

/// Returns the request body of payment fixation.
pub fn fixation(method: &str, buyer: &[(BuyerField, String)], card: Option<&Card>) -> String {
    let set = |object: &Object, name: &str, value: JsValue| {
        // A plain object accepts any field.
        let _ = Reflect::set(object, &name.into(), &value);
    };
    let (body, buyer_object) = (Object::new(), Object::new());
    set(&body, "method", method.into());
    for (field, text) in buyer {
        set(&buyer_object, field.as_str(), text.into());
    }
    set(&body, "buyer", buyer_object.into());
    if let Some(card) = card {
        let data = Object::new();
        set(&data, "number", (&card.number).into());
        set(&data, "exp_month", card.exp_month.into());
        set(&data, "exp_year", card.exp_year.into());
        set(&data, "cvc", (&card.cvc).into());
        if let Some(holder) = &card.holder {
            set(&data, "holder", holder.into());
        }
        set(&body, "card", data.into());
    }
    let text = JSON::stringify(&body).ok().and_then(|t| t.as_string());
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use till_shared::id::{InvoiceId, PaymentId};
    use till_shared::widget as shared;

    /// Every field that is read here is one that the server sends.
    #[test]
    fn the_fields_match_the_shared_types() {
        let currency = "EUR".parse().unwrap();
        let data = shared::BillingData {
            invoice: "inv_1".parse::<InvoiceId>().unwrap(),
            project: shared::ProjectInfo {
                name: "Shop".into(),
                logo_url: Some("https://shop.example/logo.svg".into()),
            },
            order_id: "1".into(),
            amount: 1,
            currency,
            exponent: 2,
            description: Some("A print".into()),
            items: vec![till_shared::invoice::Item {
                name: "A print".into(),
                quantity: 1,
                amount: 1,
            }],
            missing: vec![till_shared::buyer::BuyerField::Email],
            methods: vec![shared::MethodInfo {
                method: till_shared::payment::Method::Card,
                fields: vec!["number".into()],
            }],
            theme: shared::Theme::Auto,
            accent: Some("#123456".into()),
            locale: Some("de".into()),
            state: shared::WidgetState {
                status: till_shared::invoice::InvoiceStatus::Open,
                payment: Some(till_shared::payment::Payment {
                    id: "pay_1".parse::<PaymentId>().unwrap(),
                    object: "payment".into(),
                    invoice: "inv_1".parse().unwrap(),
                    method: till_shared::payment::Method::Card,
                    connector: "sandbox".into(),
                    reference: None,
                    amount: 1,
                    currency,
                    status: till_shared::payment::PaymentStatus::Declined,
                    decline: Some(till_shared::payment::DeclineCode::CardDeclined.into()),
                    card: Some(till_shared::card::CardSummary {
                        brand: till_shared::card::Brand::Visa,
                        last4: "4242".into(),
                        exp_month: 12,
                        exp_year: 2039,
                    }),
                    created_at: "2026-01-01T00:00:00Z".into(),
                    updated_at: "2026-01-01T00:00:00Z".into(),
                }),
                verification: shared::Verification::Frame {
                    url: "https://bank.example".into(),
                },
                continue_url: Some("https://shop.example".into()),
            },
            expires_at: "2026-01-01T00:00:00Z".into(),
            test: true,
        };
        let sent = serde_json::to_string(&data).unwrap();
        let source = include_str!("wire.rs");
        let reading = source.split("#[cfg(test)]").next().unwrap();
        let reading = reading.split("/// A problem document.").next().unwrap();
        for call in [
            "text(\"",
            "parsed(\"",
            "get(\"",
            "integer(\"",
            "list(\"",
            "is(\"",
        ] {
            for rest in reading.split(call).skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(sent.contains(&format!("\"{name}\":")), "{name}");
            }
        }
    }
}
