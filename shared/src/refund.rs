//! Refunds. A refund returns all or part of a payment.

use crate::id::{InvoiceId, PaymentId, RefundId};
use crate::money::Currency;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// The status of a refund. A refund that succeeded may still fail, when the bank or the card scheme
/// sends the money back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RefundStatus {
    /// Stored; the payment system has not reported the outcome yet.
    Pending,
    /// The payment system accepted the refund.
    Succeeded,
    /// The payment system rejected the refund, or the money came back.
    Failed,
}

impl RefundStatus {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Who requested a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RefundSource {
    /// The project.
    Project,
    /// This server, because the invoice was paid before.
    Duplicate,
    /// The payment system: made in its dashboard.
    PaymentSystem,
}

impl RefundSource {
    /// Every variant, in the order of definition.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The value on the wire and in the database.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refund {
    /// The refund's id.
    pub id: RefundId,
    /// Always `refund`.
    #[cfg_attr(feature = "openapi", schema(pattern = "^refund$"))]
    pub object: String,
    /// The refunded payment.
    pub payment: PaymentId,
    /// The invoice of the payment.
    pub invoice: InvoiceId,
    /// The amount, in minor units.
    #[cfg_attr(
        feature = "openapi",
        schema(minimum = 1, maximum = 999_999_999_999_i64)
    )]
    pub amount: i64,
    /// The currency, ISO 4217.
    pub currency: Currency,
    /// The reason given by the project.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub reason: Option<String>,
    /// The status.
    pub status: RefundStatus,
    /// Who requested the refund.
    pub source: RefundSource,
    /// When the refund was created, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub created_at: String,
    /// When the refund last changed, RFC 3339 UTC.
    #[cfg_attr(feature = "openapi", schema(format = DateTime))]
    pub updated_at: String,
}
