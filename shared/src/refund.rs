//! A refund: money given back of a payment, whole or in part.

use crate::id::{InvoiceId, PaymentId, RefundId};
use crate::money::Currency;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// Where a refund stands. Moves forward only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RefundStatus {
    /// Written down; the payment system has not said how it ended.
    Pending,
    /// The money is on its way back.
    Succeeded,
    /// The payment system refused; nothing was given back.
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

/// A refund as it goes over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// Always `refund`.
    pub object: String,
    /// The payment it is of.
    pub payment: PaymentId,
    /// The invoice that payment paid.
    pub invoice: InvoiceId,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: Currency,
    /// Why, in the project's words.
    pub reason: Option<String>,
    /// Where it stands.
    pub status: RefundStatus,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// RFC 3339 UTC.
    pub updated_at: String,
}
