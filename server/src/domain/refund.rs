//! What a refund does to the invoice it gives money back of.

use till_shared::invoice::InvoiceStatus;

/// The invoice's status once `refunded` of its `amount` (minor units) is given back.
pub const fn invoice_status(known: InvoiceStatus, amount: i64, refunded: i64) -> InvoiceStatus {
    match known {
        InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded | InvoiceStatus::Refunded => {
            if refunded >= amount {
                InvoiceStatus::Refunded
            } else if refunded > 0 {
                InvoiceStatus::PartiallyRefunded
            } else {
                known
            }
        }
        InvoiceStatus::Open
        | InvoiceStatus::Processing
        | InvoiceStatus::Canceled
        | InvoiceStatus::Expired => known,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_given_back_shows_in_the_status() {
        use InvoiceStatus::{Open, Paid, PartiallyRefunded, Refunded};
        assert_eq!(invoice_status(Paid, 100, 0), Paid);
        assert_eq!(invoice_status(Paid, 100, 1), PartiallyRefunded);
        assert_eq!(invoice_status(PartiallyRefunded, 100, 100), Refunded);
        assert_eq!(invoice_status(Open, 100, 100), Open);
    }
}
