//! Invoices. An invoice is the amount owed for one order of a project.

use crate::buyer::{Buyer, BuyerField};
use crate::id::{InvoiceId, ProjectId};
use crate::money::Currency;
use crate::payment::Payment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The status of an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum InvoiceStatus {
    /// Waiting for a payment.
    Open,
    /// A payment is in progress.
    Processing,
    /// Paid in full.
    Paid,
    /// Paid and partially refunded.
    PartiallyRefunded,
    /// Paid and fully refunded.
    Refunded,
    /// Canceled by the project before it was paid.
    Canceled,
    /// Expired unpaid.
    Expired,
}

impl InvoiceStatus {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns whether the invoice was paid, canceled or expired.
    pub const fn has_ended(self) -> bool {
        !matches!(self, Self::Open | Self::Processing)
    }

    /// Returns whether the invoice was paid, even if it was refunded since.
    pub const fn was_paid(self) -> bool {
        matches!(self, Self::Paid | Self::PartiallyRefunded | Self::Refunded)
    }
}

/// A line item of an order, for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Item {
    /// The name of the item.
    #[cfg_attr(
        feature = "openapi",
        schema(
            max_length = 250,
            pattern = r"^[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]*[^\s\x00-\x1f\x7f-\x9f\u2028-\u202e][^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e]*$"
        )
    )]
    pub name: String,
    /// The quantity.
    #[cfg_attr(feature = "openapi", schema(minimum = 1))]
    pub quantity: u32,
    /// The unit price, in minor units of the invoice's currency.
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 0, maximum = 999_999_999_999_i64)
    )]
    #[cfg_attr(test, ts(type = "number"))]
    pub amount: i64,
}

/// Returns by how much an invoice's amount differs from the sum of its items: below zero for a discount,
/// above zero for other charges, such as shipping. `None` without a difference or without items.
pub fn items_difference(items: &[Item], amount: i64) -> Option<i64> {
    if items.is_empty() {
        return None;
    }
    let line = |item: &Item| i128::from(item.amount) * i128::from(item.quantity);
    let difference = i128::from(amount) - items.iter().map(line).sum::<i128>();
    i64::try_from(difference)
        .ok()
        .filter(|difference| *difference != 0)
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invoice {
    /// The invoice's id.
    pub id: InvoiceId,
    /// Always `invoice`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^invoice$"))]
    pub object: String,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The project's order number, unique within the project.
    pub order_id: String,
    /// The amount, in minor units.
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 1, maximum = 999_999_999_999_i64)
    )]
    pub amount: i64,
    /// The currency, ISO 4217.
    pub currency: Currency,
    /// The description shown to the buyer.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub description: Option<String>,
    /// The line items.
    pub items: Vec<Item>,
    /// The buyer's details, as far as they are known.
    pub buyer: Buyer,
    /// The buyer fields that the project requires and that have no value yet.
    pub missing: Vec<BuyerField>,
    /// The status.
    pub status: InvoiceStatus,
    /// All payments of the invoice, oldest first.
    pub payments: Vec<Payment>,
    /// The amount refunded so far, in minor units.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub amount_refunded: i64,
    /// The hosted payment page.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub payment_url: String,
    /// The payment system's page, if the invoice was created with a payment method.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation_url: Option<String>,
    /// The token that the widget sends. Valid for this invoice only.
    pub client_token: String,
    /// The language of the widget, a BCP 47 tag.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub locale: Option<String>,
    /// Key-value data of the project's own.
    pub metadata: BTreeMap<String, String>,
    /// Whether the invoice belongs to a test project.
    pub test: bool,
    /// When the invoice was created, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub created_at: String,
    /// When the invoice expires, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub expires_at: String,
    /// When the invoice was paid, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(required, format = DateTime))]
    pub paid_at: Option<String>,
}

/// The invoice of a page's order: what the page needs to open the widget, and nothing about the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PageOrderInvoice {
    /// The invoice's id.
    pub id: InvoiceId,
    /// The token with which the widget opens the invoice.
    pub client_token: String,
    /// The status.
    pub status: InvoiceStatus,
    /// When the invoice expires, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub expires_at: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn item(quantity: u32, amount: i64) -> Item {
        let name = String::new();
        Item {
            name,
            quantity,
            amount,
        }
    }

    #[test]
    fn the_difference_is_what_the_items_lack() {
        assert_eq!(items_difference(&[], 100), None);
        assert_eq!(items_difference(&[item(2, 50)], 100), None);
        assert_eq!(items_difference(&[item(2, 60)], 100), Some(-20));
        assert_eq!(items_difference(&[item(1, 60)], 100), Some(40));
    }

    proptest! {
        #[test]
        fn with_the_difference_the_items_add_up(
            items in prop::collection::vec((1..1000u32, 0..1_000_000_000i64), 1..100),
            amount in 1..999_999_999_999i64,
        ) {
            let items: Vec<_> = items.into_iter().map(|(q, a)| item(q, a)).collect();
            let sum: i64 = items.iter().map(|i| i64::from(i.quantity) * i.amount).sum();
            let difference = items_difference(&items, amount).unwrap_or_default();
            prop_assert_eq!(sum + difference, amount);
        }
    }
}
