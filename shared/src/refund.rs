//! A refund: money given back of a payment, whole or in part.

use crate::id::{InvoiceId, PaymentId, RefundId};
use crate::money::Currency;
use crate::text_enum;
use serde::{Deserialize, Serialize};

text_enum! {
    /// Where a refund stands. Moves forward only.
    pub enum RefundStatus ("refund status") {
        /// Written down; the payment system has not said how it ended.
        Pending = "pending",
        /// The money is on its way back.
        Succeeded = "succeeded",
        /// The payment system refused; nothing was given back.
        Failed = "failed",
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
