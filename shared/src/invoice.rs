//! An invoice: what is owed for one order of a project.

use crate::buyer::{Buyer, BuyerField};
use crate::id::{InvoiceId, ProjectId};
use crate::money::Currency;
use crate::payment::Payment;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// Where an invoice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum InvoiceStatus {
    /// Waiting for a payment.
    Open,
    /// A payment is under way.
    Processing,
    /// Paid in full.
    Paid,
    /// Paid, and some of it given back.
    PartiallyRefunded,
    /// Paid, and all of it given back.
    Refunded,
    /// Called off by the project before it was paid.
    Canceled,
    /// Not paid in time.
    Expired,
}

impl InvoiceStatus {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether money was taken for it, given back since or not.
    pub const fn was_paid(self) -> bool {
        matches!(self, Self::Paid | Self::PartiallyRefunded | Self::Refunded)
    }
}

/// A line of an order, for display.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Item {
    /// What it is.
    pub name: String,
    /// How many.
    pub quantity: u32,
    /// The price of one, in minor units of the invoice's currency.
    pub amount: i64,
}

/// An invoice as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// Always `invoice`.
    pub object: String,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The project's own number, unique in the project.
    pub order_id: String,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: Currency,
    /// What the buyer reads.
    pub description: Option<String>,
    /// The order's lines.
    pub items: Vec<Item>,
    /// What is known of the buyer.
    pub buyer: Buyer,
    /// What the project requires of the buyer and isn't known yet.
    pub missing: Vec<BuyerField>,
    /// Where it stands.
    pub status: InvoiceStatus,
    /// Every attempt, oldest first.
    pub payments: Vec<Payment>,
    /// Minor units given back so far.
    pub amount_refunded: i64,
    /// Our hosted page for it.
    pub payment_url: String,
    /// The payment system's form, where a method was given at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmation_url: Option<String>,
    /// What the widget presents for this invoice, and for no other.
    pub client_token: String,
    /// A BCP 47 language tag.
    pub locale: Option<String>,
    /// The project's own notes.
    pub metadata: BTreeMap<String, String>,
    /// Whether it is of a test project.
    pub test: bool,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// RFC 3339 UTC.
    pub expires_at: String,
    /// RFC 3339 UTC, once paid.
    pub paid_at: Option<String>,
}
