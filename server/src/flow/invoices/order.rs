//! The order that an invoice is created from.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use till_shared::buyer::Buyer;
use till_shared::invoice::Item;
use till_shared::payment::Method;
use utoipa::ToSchema;

/// How long an invoice may stay open, in seconds: a minute to a year.
pub const TTL_SECONDS: RangeInclusive<u32> = 60..=366 * 86_400;

/// An order as a project sends it.
// A stored fingerprint of the serialized order recognizes the same order: the fields keep their order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = NewInvoice, example = json!({"order_id": "42", "amount": 1999, "currency": "EUR", "description": "A print"}))]
pub struct Order {
    /// The project's number, unique in the project.
    pub order_id: String,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// What the buyer reads.
    #[serde(default)]
    pub description: Option<String>,
    /// The order's lines.
    #[serde(default)]
    pub items: Vec<Item>,
    /// What is known of the buyer.
    #[serde(default)]
    pub buyer: Buyer,
    /// A BCP 47 language tag.
    #[serde(default)]
    pub locale: Option<String>,
    /// Where the buyer goes after success.
    #[serde(default)]
    pub success_url: Option<String>,
    /// Where the buyer goes otherwise.
    #[serde(default)]
    pub failure_url: Option<String>,
    /// The payment method. From a project's server: the payment is submitted at once. From a page:
    /// the method that the widget offers first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<Method>,
    /// How long the invoice stays open.
    #[serde(default)]
    pub expires_in_seconds: Option<u32>,
    /// The project's own data: at most 50 entries, keys up to 40 and values up to 500 characters.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}
