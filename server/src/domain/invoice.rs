//! The rules of an invoice that do not involve a payment's outcome.

use till_shared::invoice::InvoiceStatus;

/// Why an invoice takes no payment now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPayable {
    /// It was not paid in time.
    Expired,
    /// Another payment is in progress.
    PaymentInProgress,
    /// It was canceled.
    Canceled,
    /// It was paid, and possibly refunded since.
    Paid,
}

/// Checks whether a payment of an invoice may begin. `overdue` says whether the invoice is past its
/// expiry.
///
/// # Errors
/// The reason why not.
pub const fn payable(status: InvoiceStatus, overdue: bool) -> Result<(), NotPayable> {
    match status {
        InvoiceStatus::Open if !overdue => Ok(()),
        InvoiceStatus::Open | InvoiceStatus::Expired => Err(NotPayable::Expired),
        InvoiceStatus::Processing => Err(NotPayable::PaymentInProgress),
        InvoiceStatus::Canceled => Err(NotPayable::Canceled),
        InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded | InvoiceStatus::Refunded => {
            Err(NotPayable::Paid)
        }
    }
}

/// What canceling an invoice does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// The invoice becomes `canceled`.
    Cancels,
    /// Nothing: it is canceled already.
    AlreadyCanceled,
    /// It can't be canceled.
    Rejected(NotPayable),
}

/// Decides what canceling an invoice does. Only an open invoice can be canceled.
pub const fn cancel(status: InvoiceStatus) -> Cancellation {
    match payable(status, false) {
        Ok(()) => Cancellation::Cancels,
        Err(NotPayable::Canceled) => Cancellation::AlreadyCanceled,
        Err(reason) => Cancellation::Rejected(reason),
    }
}

/// Whether an invoice past its expiry becomes `expired`. An invoice with a payment in progress
/// waits for the payment's outcome (see [`super::payment::apply`]).
pub const fn expires(status: InvoiceStatus, overdue: bool) -> bool {
    matches!(status, InvoiceStatus::Open) && overdue
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_open_invoice_before_its_expiry_is_payable() {
        use InvoiceStatus::{
            Canceled, Expired, Open, Paid, PartiallyRefunded, Processing, Refunded,
        };
        for (status, overdue, expected) in [
            (Open, false, Ok(())),
            (Open, true, Err(NotPayable::Expired)),
            (Expired, true, Err(NotPayable::Expired)),
            (Processing, false, Err(NotPayable::PaymentInProgress)),
            (Processing, true, Err(NotPayable::PaymentInProgress)),
            (Canceled, false, Err(NotPayable::Canceled)),
            (Paid, false, Err(NotPayable::Paid)),
            (PartiallyRefunded, false, Err(NotPayable::Paid)),
            (Refunded, true, Err(NotPayable::Paid)),
        ] {
            assert_eq!(payable(status, overdue), expected, "{status} {overdue}");
        }
    }

    #[test]
    fn only_an_open_invoice_is_canceled_or_expires() {
        for status in InvoiceStatus::ALL {
            let open = *status == InvoiceStatus::Open;
            assert_eq!(cancel(*status) == Cancellation::Cancels, open, "{status}");
            assert_eq!(expires(*status, true), open, "{status}");
            assert!(!expires(*status, false), "{status}");
        }
        assert_eq!(
            cancel(InvoiceStatus::Canceled),
            Cancellation::AlreadyCanceled
        );
    }
}
