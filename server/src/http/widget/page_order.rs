//! The body of the call that creates an invoice from a page.

use crate::flow::Result;
use crate::flow::invoices::NewInvoice;
use crate::http::middleware::error::field;
use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use till_shared::buyer::Buyer;
use till_shared::invoice::Item;
use till_shared::money::{Currency, Money};
use till_shared::payment::Method;
use utoipa::ToSchema;

/// An order as a page sends it. Its amount is minor units or a decimal string.
#[derive(Deserialize, ToSchema)]
#[schema(example = json!({"order_id": "42", "amount": "19.99", "currency": "EUR"}))]
pub struct PageOrder {
    order_id: String,
    /// Minor units as a whole number, or a decimal string.
    #[serde(deserialize_with = "amount")]
    #[schema(value_type = String)]
    amount: Amount,
    currency: String,
    description: Option<String>,
    #[serde(default)]
    items: Vec<Item>,
    #[serde(default)]
    buyer: Buyer,
    locale: Option<String>,
    method: Option<Method>,
    success_url: Option<String>,
    failure_url: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

enum Amount {
    Minor(i64),
    Decimal(String),
}

fn amount<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Amount, D::Error> {
    struct Either;
    impl Visitor<'_> for Either {
        type Value = Amount;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("minor units as a whole number, or a decimal string such as \"19.99\"")
        }

        fn visit_u64<E: serde::de::Error>(self, n: u64) -> std::result::Result<Amount, E> {
            let minor = i64::try_from(n);
            minor
                .map(Amount::Minor)
                .map_err(|_| E::invalid_value(Unexpected::Unsigned(n), &self))
        }

        fn visit_i64<E: serde::de::Error>(self, n: i64) -> std::result::Result<Amount, E> {
            Ok(Amount::Minor(n))
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Amount, E> {
            Ok(Amount::Decimal(text.to_owned()))
        }
    }
    from.deserialize_any(Either)
}

impl PageOrder {
    /// The order as a project's server would send it.
    ///
    /// # Errors
    /// When the decimal amount is not valid for the currency.
    pub fn into_new_invoice(self) -> Result<NewInvoice> {
        let amount = match self.amount {
            Amount::Minor(amount) => amount,
            Amount::Decimal(text) => {
                let unknown = || field("currency", "unknown_currency", "an ISO 4217 code");
                let currency: Currency = self.currency.parse().map_err(|_| unknown())?;
                Money::from_decimal(&text, currency)
                    .map_err(|e| field("amount", "invalid", e.to_string()))?
                    .amount
            }
        };
        Ok(NewInvoice {
            order_id: self.order_id,
            amount,
            currency: self.currency,
            description: self.description,
            items: self.items,
            buyer: self.buyer,
            locale: self.locale,
            success_url: self.success_url,
            failure_url: self.failure_url,
            method: self.method,
            expires_in_seconds: None,
            metadata: self.metadata,
        })
    }
}
