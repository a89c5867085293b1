//! The effect of refunds on an invoice.

use till_shared::invoice::InvoiceStatus;

/// The invoice's status once `refunded` of its `amount` is given back. Both are minor units.
pub const fn invoice_status(current: InvoiceStatus, amount: i64, refunded: i64) -> InvoiceStatus {
    match current {
        InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded | InvoiceStatus::Refunded => {
            if refunded >= amount {
                InvoiceStatus::Refunded
            } else if refunded > 0 {
                InvoiceStatus::PartiallyRefunded
            } else {
                current
            }
        }
        InvoiceStatus::Open
        | InvoiceStatus::Processing
        | InvoiceStatus::Canceled
        | InvoiceStatus::Expired => current,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refunds_change_a_paid_invoice_only() {
        use InvoiceStatus::{Open, Paid, PartiallyRefunded, Refunded};
        assert_eq!(invoice_status(Paid, 100, 0), Paid);
        assert_eq!(invoice_status(Paid, 100, 1), PartiallyRefunded);
        assert_eq!(invoice_status(PartiallyRefunded, 100, 100), Refunded);
        assert_eq!(invoice_status(Open, 100, 100), Open);
    }
}
