//! Disputes. In a dispute, the buyer's bank takes a payment back.

use crate::id::{DisputeId, InvoiceId, PaymentId};
use crate::money::Currency;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The status of a dispute. It only moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum DisputeStatus {
    /// The project can respond, in the payment system's dashboard.
    NeedsResponse,
    /// The bank decides.
    UnderReview,
    /// The project keeps the money.
    Won,
    /// The buyer keeps the money.
    Lost,
}

impl DisputeStatus {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns whether the dispute is decided.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Won | Self::Lost)
    }
}

/// A dispute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Dispute {
    /// The dispute's id.
    pub id: DisputeId,
    /// Always `dispute`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^dispute$"))]
    pub object: String,
    /// The disputed payment.
    pub payment: PaymentId,
    /// The invoice of the payment.
    pub invoice: InvoiceId,
    /// The payment system's id of the dispute.
    pub reference: String,
    /// The disputed amount, in minor units.
    #[cfg_attr(feature = "openapi", schema(minimum = 0))]
    pub amount: i64,
    /// The currency, ISO 4217.
    pub currency: Currency,
    /// The reason, in the payment system's words.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reason: Option<String>,
    /// The status.
    pub status: DisputeStatus,
    /// Until when the project can respond, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(required, format = DateTime))]
    pub respond_by: Option<String>,
    /// When the dispute became known, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub created_at: String,
    /// When the dispute last changed, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub updated_at: String,
}
