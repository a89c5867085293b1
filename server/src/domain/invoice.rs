//! What may happen to an invoice that is not about a payment.

use till_shared::invoice::InvoiceStatus;

/// What a wish to cancel comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancel {
    /// It is canceled now.
    Done,
    /// It was before.
    Already,
    /// Not in this status.
    Refused,
}

/// Cancels an invoice, if nothing was paid and no payment is under way.
pub const fn cancel(known: InvoiceStatus) -> Cancel {
    match known {
        InvoiceStatus::Open => Cancel::Done,
        InvoiceStatus::Canceled => Cancel::Already,
        InvoiceStatus::Processing
        | InvoiceStatus::Paid
        | InvoiceStatus::PartiallyRefunded
        | InvoiceStatus::Refunded
        | InvoiceStatus::Expired => Cancel::Refused,
    }
}

/// Whether an invoice whose time is over expires now. One with a payment under way waits for its
/// end (see [`super::payment::apply`]).
pub const fn expires(known: InvoiceStatus) -> bool {
    match known {
        InvoiceStatus::Open => true,
        InvoiceStatus::Processing
        | InvoiceStatus::Paid
        | InvoiceStatus::PartiallyRefunded
        | InvoiceStatus::Refunded
        | InvoiceStatus::Canceled
        | InvoiceStatus::Expired => false,
    }
}
