//! The order that an invoice is created from.

use crate::buyer::Buyer;
use crate::invoice::Item;
use crate::payment::Method;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An order as a project sends it.
// A stored fingerprint of the serialized order recognizes the same order: the fields keep their order.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(
    as = NewInvoice,
    example = json!({"order_id": "42", "amount": 1999, "currency": "EUR", "description": "A print"})
))]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Order {
    /// The project's order number, unique within the project.
    pub order_id: String,
    /// The amount, in minor units. From a page also a decimal string such as `"19.99"`.
    #[cfg_attr(test, ts(type = "number | string"))]
    pub amount: i64,
    /// The currency, ISO 4217.
    pub currency: String,
    /// The description shown to the buyer.
    #[serde(default)]
    pub description: Option<String>,
    /// The line items.
    #[serde(default)]
    #[cfg_attr(test, ts(as = "Option<Vec<Item>>"))]
    pub items: Vec<Item>,
    /// The buyer's details, as far as they are known.
    #[serde(default)]
    #[cfg_attr(test, ts(as = "Option<Buyer>"))]
    pub buyer: Buyer,
    /// The language of the widget, a BCP 47 tag.
    #[serde(default)]
    pub locale: Option<String>,
    /// Where the buyer goes after a successful payment.
    #[serde(default)]
    pub success_url: Option<String>,
    /// Where the buyer goes otherwise.
    #[serde(default)]
    pub failure_url: Option<String>,
    /// The payment method. From a project's server: the payment is submitted at once. From a page:
    /// the method that the widget offers first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// How long the invoice stays open, in seconds. Not from a page.
    #[serde(default)]
    #[cfg_attr(test, ts(skip))]
    pub expires_in_seconds: Option<u32>,
    /// The project's own data: at most 50 entries, keys up to 40 and values up to 500 characters.
    #[serde(default)]
    #[cfg_attr(test, ts(type = "Record<string, string>", optional))]
    pub metadata: BTreeMap<String, String>,
}
