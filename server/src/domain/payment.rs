//! The life of a payment and what it does to its invoice.
//!
//! Every pair of "what we know" and "what we are told" has its answer in [`next_status`], one
//! exhaustive `match`. The order is: `created`, `requires_verification`, `processing`, then one of
//! the refusals, then `succeeded`. Success stands above the refusals because it is the payment
//! system saying that it holds the buyer's money: that is never left unrecorded, however late it
//! is told and whatever we believed before.

use till_shared::event::EventType;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::PaymentStatus;

/// What is known before something is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The payment's status.
    pub payment: PaymentStatus,
    /// The invoice's status.
    pub invoice: InvoiceStatus,
    /// Whether the invoice's time is over.
    pub overdue: bool,
}

/// What changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The payment's new status.
    pub payment: PaymentStatus,
    /// The invoice's new status.
    pub invoice: InvoiceStatus,
    /// What the project is told, in this order.
    pub events: Vec<EventType>,
    /// The money came a second time and goes back.
    pub refund_duplicate: bool,
}

/// The status after `told`, or `None` where it brings nothing new.
pub const fn next_status(known: PaymentStatus, told: PaymentStatus) -> Option<PaymentStatus> {
    use PaymentStatus::{
        Canceled, Created, Declined, Failed, Processing, RequiresVerification, Succeeded,
    };
    match (known, told) {
        (Succeeded, _) | (_, Created) => None,
        (_, Succeeded) => Some(Succeeded),
        (Declined | Failed | Canceled, _) => None,
        (Created | RequiresVerification | Processing, Declined | Failed | Canceled) => Some(told),
        (Created | RequiresVerification, Processing) => Some(Processing),
        (Created, RequiresVerification) => Some(RequiresVerification),
        (Processing, Processing) | (Processing | RequiresVerification, RequiresVerification) => {
            None
        }
    }
}

/// What a payment system's word does to a payment and its invoice.
pub fn apply(standing: Standing, told: PaymentStatus) -> Option<Change> {
    let payment = next_status(standing.payment, told)?;
    let mut change = Change {
        payment,
        invoice: standing.invoice,
        events: vec![],
        refund_duplicate: false,
    };
    match payment {
        PaymentStatus::Created
        | PaymentStatus::RequiresVerification
        | PaymentStatus::Processing => {}
        PaymentStatus::Succeeded if standing.invoice.was_paid() => change.refund_duplicate = true,
        PaymentStatus::Succeeded => {
            change.invoice = InvoiceStatus::Paid;
            change.events = vec![EventType::PaymentSucceeded, EventType::InvoicePaid];
        }
        PaymentStatus::Declined => change.events.push(EventType::PaymentDeclined),
        PaymentStatus::Failed => change.events.push(EventType::PaymentFailed),
        PaymentStatus::Canceled => {}
    }
    if !payment.is_live() && change.invoice == InvoiceStatus::Processing {
        change.invoice = InvoiceStatus::Open;
        if standing.overdue {
            change.invoice = InvoiceStatus::Expired;
            change.events.push(EventType::InvoiceExpired);
        }
    }
    Some(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_payment() -> impl Strategy<Value = PaymentStatus> {
        prop::sample::select(PaymentStatus::ALL)
    }

    fn any_invoice() -> impl Strategy<Value = InvoiceStatus> {
        prop::sample::select(InvoiceStatus::ALL)
    }

    #[test]
    fn a_late_success_is_taken_and_told() {
        for invoice in [
            InvoiceStatus::Expired,
            InvoiceStatus::Canceled,
            InvoiceStatus::Open,
        ] {
            let standing = Standing {
                payment: PaymentStatus::Canceled,
                invoice,
                overdue: true,
            };
            let change = apply(standing, PaymentStatus::Succeeded).unwrap();
            assert_eq!(change.invoice, InvoiceStatus::Paid);
            assert_eq!(
                change.events,
                [EventType::PaymentSucceeded, EventType::InvoicePaid]
            );
        }
    }

    #[test]
    fn a_decline_opens_the_invoice_again_unless_its_time_is_over() {
        let standing = Standing {
            payment: PaymentStatus::Processing,
            invoice: InvoiceStatus::Processing,
            overdue: false,
        };
        assert_eq!(
            apply(standing, PaymentStatus::Declined).unwrap().invoice,
            InvoiceStatus::Open
        );
        let change = apply(
            Standing {
                overdue: true,
                ..standing
            },
            PaymentStatus::Declined,
        )
        .unwrap();
        assert_eq!(change.invoice, InvoiceStatus::Expired);
        assert_eq!(
            change.events,
            [EventType::PaymentDeclined, EventType::InvoiceExpired]
        );
    }

    proptest! {
        /// The same words in any order and any number end the same, as long as the payment
        /// system does not contradict itself: it names at most one kind of refusal.
        #[test]
        fn order_and_repetition_do_not_matter(
            mut told in prop::collection::vec(any_payment(), 1..8),
            refusal in prop::sample::select(&[PaymentStatus::Declined, PaymentStatus::Failed, PaymentStatus::Canceled][..]),
            seed in any::<u64>(),
        ) {
            for status in &mut told {
                if !status.is_live() && *status != PaymentStatus::Succeeded { *status = refusal; }
            }
            let end = |words: &[PaymentStatus]| words.iter().fold(PaymentStatus::Created, |s, w| next_status(s, *w).unwrap_or(s));
            let mut shuffled = told.clone();
            shuffled.extend(told.iter().copied());
            let by = seed as usize % shuffled.len();
            shuffled.rotate_left(by);
            shuffled.reverse();
            prop_assert_eq!(end(&told), end(&shuffled));
        }

        #[test]
        fn success_is_final_and_paid_never_unpaid(payment in any_payment(), invoice in any_invoice(), told in any_payment(), overdue: bool) {
            match apply(Standing { payment, invoice, overdue }, told) {
                Some(change) => {
                    prop_assert_ne!(payment, PaymentStatus::Succeeded);
                    prop_assert!(!invoice.was_paid() || change.invoice == invoice);
                    prop_assert_eq!(change.refund_duplicate, invoice.was_paid() && told == PaymentStatus::Succeeded);
                    prop_assert_eq!(apply(Standing { payment: change.payment, invoice: change.invoice, overdue }, told), None);
                }
                None => prop_assert!(payment == PaymentStatus::Succeeded || told != PaymentStatus::Succeeded),
            }
        }
    }
}
