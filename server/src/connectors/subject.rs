//! What a webhook is about.

use till_shared::id::{PaymentId, RefundId};

/// The payment that a webhook is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PaymentKey {
    /// By our id.
    Ours(PaymentId),
    /// By the payment system's id of the payment.
    Theirs(String),
}

/// The payment or the refund that a webhook is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A payment.
    Payment(PaymentKey),
    /// A refund, by our id.
    Refund(RefundId),
}
