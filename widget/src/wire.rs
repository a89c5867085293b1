//! What the server sends, read from the object that the browser's own parser makes of it. Derived
//! code for it would be a quarter of the wasm. The words are `till_shared`'s; a test holds the
//! fields to it.

use js_sys::{Array, JSON, Object, Reflect};
use std::str::FromStr;
use till_shared::buyer::BuyerField;
use till_shared::card::Brand;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::{DeclineCode, PaymentStatus};
use till_shared::problem::ProblemType;
use wasm_bindgen::JsValue;

/// A value of a JSON document.
pub struct Json(JsValue);

impl Json {
    /// Parses a text.
    pub fn parse(text: &str) -> Option<Self> {
        JSON::parse(text).ok().map(Self)
    }

    /// A field; of what has none, nothing.
    pub fn get(&self, name: &str) -> Self {
        Self(Reflect::get(&self.0, &name.into()).unwrap_or(JsValue::NULL))
    }

    /// A text that the document may lack.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name).0.as_string()
    }

    fn some_text(&self, name: &str) -> String {
        self.text(name).unwrap_or_default()
    }

    fn word<T: FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    /// Whether a field is true.
    pub fn is(&self, name: &str) -> bool {
        self.get(name).0.is_truthy()
    }

    /// Whole numbers on this wire are exact in a JavaScript number; see `Money::MAX_AMOUNT`.
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

    /// The document's own value.
    pub fn of(value: JsValue) -> Self {
        Self(value)
    }
}

/// Billing data: all that the widget shows.
#[derive(Clone)]
pub struct Billing {
    /// Who sells.
    pub shop: String,
    /// Its logo's address.
    pub logo: Option<String>,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// How many decimals the currency has.
    pub exponent: u32,
    /// What the buyer reads.
    pub description: Option<String>,
    /// The order's lines: name, quantity, minor units of one.
    pub items: Vec<(String, i64, i64)>,
    /// What has to be asked of the buyer before Pay.
    pub missing: Vec<BuyerField>,
    /// The ways to pay, in their words.
    pub methods: Vec<String>,
    /// The project's choice of colours.
    pub theme: Option<String>,
    /// The project's accent colour.
    pub accent: Option<String>,
    /// The order's or the project's BCP 47 language tag.
    pub locale: Option<String>,
    /// RFC 3339 UTC.
    pub expires_at: String,
    /// Whether no real money moves.
    pub test: bool,
    /// Where the invoice stands.
    pub state: State,
}

impl Billing {
    /// Reads it; `None` for what is no billing data.
    pub fn read(json: &Json) -> Option<Self> {
        let project = json.get("project");
        Some(Self {
            shop: project.some_text("name"),
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
            expires_at: json.some_text("expires_at"),
            test: json.is("test"),
            state: State::read(json)?,
        })
    }
}

/// What changes while the widget is open.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Where the invoice stands.
    pub status: InvoiceStatus,
    /// The payment to show, if there is one.
    pub payment: Option<Payment>,
    /// What the buyer has to do for that payment.
    pub verification: Verification,
    /// Where the buyer goes on to once it is over.
    pub continue_url: Option<String>,
}

impl State {
    /// Reads it; `None` for what is none.
    pub fn read(json: &Json) -> Option<Self> {
        Some(Self {
            status: json.word("status")?,
            payment: Payment::read(&json.get("payment")),
            verification: Verification::read(&json.get("verification")),
            continue_url: json.text("continue_url"),
        })
    }
}

/// A payment, as far as the widget shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Payment {
    /// Its id.
    pub id: String,
    /// The way it is paid.
    pub method: String,
    /// Where it stands.
    pub status: PaymentStatus,
    /// Why it was declined, if it was.
    pub decline: Option<DeclineCode>,
    /// The card's brand and last four digits.
    pub card: Option<(Brand, String)>,
    /// RFC 3339 UTC.
    pub updated_at: String,
}

impl Payment {
    /// Reads it; `None` for what is none.
    pub fn read(json: &Json) -> Option<Self> {
        let card = json.get("card");
        Some(Self {
            id: json.text("id")?,
            method: json.some_text("method"),
            status: json.word("status")?,
            decline: json.get("decline").word("code"),
            card: card.word("brand").zip(card.text("last4")),
            updated_at: json.some_text("updated_at"),
        })
    }
}

/// What the buyer has to do before the payment goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Verification {
    /// Nothing.
    None,
    /// Go to this page, which refuses to be framed.
    Redirect(String),
    /// Confirm on this page, which may be shown in a frame.
    Frame(String),
}

impl Verification {
    /// Reads it.
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
    /// What went wrong, if it is a word we know.
    pub kind: Option<ProblemType>,
    /// What happened this time.
    pub detail: String,
    /// The names of the fields that won't do.
    pub fields: Vec<String>,
}

impl Problem {
    /// Reads it.
    pub fn read(json: &Json) -> Self {
        let kind = json.some_text("type");
        Self {
            kind: kind.rsplit('/').next().and_then(|word| word.parse().ok()),
            detail: json.some_text("detail"),
            fields: json.list("errors", |error| error.text("field")),
        }
    }
}

/// A card as the buyer typed it.
pub struct Card {
    /// Digits only.
    pub number: String,
    /// 1 to 12.
    pub exp_month: u8,
    /// In full.
    pub exp_year: u16,
    /// The security code.
    pub cvc: String,
    /// The name on the card.
    pub holder: Option<String>,
}

/// The body of payment fixation.
pub fn fixation(method: &str, buyer: &[(BuyerField, String)], card: Option<&Card>) -> String {
    let set = |object: &Object, name: &str, value: JsValue| {
        // A plain object takes any field.
        let _ = Reflect::set(object, &name.into(), &value);
    };
    let (body, about) = (Object::new(), Object::new());
    set(&body, "method", method.into());
    for (field, text) in buyer {
        set(&about, field.as_str(), text.into());
    }
    set(&body, "buyer", about.into());
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
    fn the_fields_are_the_servers() {
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
            "word(\"",
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
