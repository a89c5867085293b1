//! The life cycle of a payment and its effect on the invoice.
//!
//! [`next_status`] is one exhaustive `match` over every pair of current and incoming status. The
//! order is `created`, `requires_verification`, `processing`, then one of the unsuccessful ends,
//! then `succeeded`. Success overrides the unsuccessful ends because it is the payment system's
//! statement that it holds the buyer's money: it is always recorded, however late it arrives.

use strum::{Display, EnumString, IntoStaticStr};
use till_shared::event::EventType;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::PaymentStatus;

/// Why an operator has to look at a payment that no payment system will end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Review {
    /// The payment system reports a success for another amount.
    Amount,
    /// The payment system no longer has the payment.
    Missing,
    /// The payment is beyond the reach of the payment system's lists.
    OutOfReach,
}

/// The state of a payment and its invoice before an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentContext {
    /// The payment's status (see [`reported_status`]).
    pub payment: PaymentStatus,
    /// The invoice's status.
    pub invoice: InvoiceStatus,
    /// Whether the invoice is past its expiry.
    pub overdue: bool,
    /// Whether another invoice of the same order was paid.
    pub order_paid: bool,
    /// Whether the payment system has taken the whole amount back, or ended the payment for good: a
    /// success that it reports now is older.
    pub taken_back: bool,
}

/// The effect of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The payment's new status.
    pub payment: PaymentStatus,
    /// The invoice's new status.
    pub invoice: InvoiceStatus,
    /// The events for the project, in this order.
    pub events: Vec<EventType>,
    /// Whether the payment paid an order that was paid before, and is refunded.
    pub refund_duplicate: bool,
    /// Whether the payment paid the order, so that every other attempt is called off.
    pub call_off_others: bool,
}

/// The status that the payment system last reported. `processing` without the payment system's
/// reference is our own status for an unanswered call: the first report is then applied as to
/// `created`, so that a buyer whose call timed out can still be sent to the verification form.
pub const fn reported_status(status: PaymentStatus, has_reference: bool) -> PaymentStatus {
    match status {
        PaymentStatus::Processing if !has_reference => PaymentStatus::Created,
        status => status,
    }
}

/// The status after `incoming`; `None` if it changes nothing.
pub const fn next_status(current: PaymentStatus, incoming: PaymentStatus) -> Option<PaymentStatus> {
    use PaymentStatus::{
        Canceled, Created, Declined, Failed, Processing, RequiresVerification, Succeeded,
    };
    match (current, incoming) {
        (Succeeded, _) | (_, Created) => None,
        (_, Succeeded) => Some(Succeeded),
        (Declined | Failed | Canceled, _) => None,
        (Created | RequiresVerification | Processing, Declined | Failed | Canceled) => {
            Some(incoming)
        }
        (Created | RequiresVerification, Processing) => Some(Processing),
        (Created, RequiresVerification) => Some(RequiresVerification),
        (Processing, Processing) | (Processing | RequiresVerification, RequiresVerification) => {
            None
        }
    }
}

/// Decides what a status reported by the payment system changes; `None` if nothing.
pub fn apply(context: PaymentContext, incoming: PaymentStatus) -> Option<Change> {
    if incoming == PaymentStatus::Succeeded && context.taken_back {
        return None;
    }
    let payment = next_status(context.payment, incoming)?;
    let paid_before = context.order_paid || context.invoice.was_paid();
    let pays = payment == PaymentStatus::Succeeded && !paid_before;
    let invoice = if pays {
        InvoiceStatus::Paid
    } else if payment.is_live() || context.invoice != InvoiceStatus::Processing {
        context.invoice
    } else if context.order_paid {
        InvoiceStatus::Canceled
    } else if context.overdue {
        InvoiceStatus::Expired
    } else {
        InvoiceStatus::Open
    };
    let of_invoice = match invoice {
        _ if invoice == context.invoice => None,
        InvoiceStatus::Paid => Some(EventType::InvoicePaid),
        InvoiceStatus::Expired => Some(EventType::InvoiceExpired),
        InvoiceStatus::Canceled => Some(EventType::InvoiceCanceled),
        InvoiceStatus::Open
        | InvoiceStatus::Processing
        | InvoiceStatus::PartiallyRefunded
        | InvoiceStatus::Refunded => None,
    };
    // Of one change `invoice.*` comes first. What ends after the order was paid is not told.
    let of_payment = match payment {
        PaymentStatus::Succeeded if pays => Some(EventType::PaymentSucceeded),
        PaymentStatus::Declined if !paid_before => Some(EventType::PaymentDeclined),
        PaymentStatus::Failed if !paid_before => Some(EventType::PaymentFailed),
        _ => None,
    };
    Some(Change {
        payment,
        invoice,
        events: of_invoice.into_iter().chain(of_payment).collect(),
        refund_duplicate: payment == PaymentStatus::Succeeded && paid_before,
        call_off_others: pays,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_payment() -> impl Strategy<Value = PaymentStatus> {
        prop::sample::select(PaymentStatus::ALL)
    }

    fn context(payment: PaymentStatus, invoice: InvoiceStatus) -> PaymentContext {
        PaymentContext {
            payment,
            invoice,
            overdue: false,
            order_paid: false,
            taken_back: false,
        }
    }

    fn any_invoice() -> impl Strategy<Value = InvoiceStatus> {
        prop::sample::select(InvoiceStatus::ALL)
    }

    /// Statuses that a consistent payment system reports: at most one kind of unsuccessful end.
    fn consistent_reports() -> impl Strategy<Value = Vec<PaymentStatus>> {
        use PaymentStatus::{Canceled, Declined, Failed, Succeeded};
        let end = prop::sample::select(&[Declined, Failed, Canceled][..]);
        (prop::collection::vec(any_payment(), 1..8), end).prop_map(|(mut reports, end)| {
            for status in &mut reports {
                if !status.is_live() && *status != Succeeded {
                    *status = end;
                }
            }
            reports
        })
    }

    /// The final status after reports in this order.
    fn end(first: PaymentStatus, reports: &[PaymentStatus]) -> PaymentStatus {
        let next = |status, report: &PaymentStatus| next_status(status, *report).unwrap_or(status);
        reports.iter().fold(first, next)
    }

    #[test]
    fn a_late_success_pays_the_invoice() {
        for invoice in [
            InvoiceStatus::Expired,
            InvoiceStatus::Canceled,
            InvoiceStatus::Open,
        ] {
            let context = PaymentContext {
                overdue: true,
                ..context(PaymentStatus::Canceled, invoice)
            };
            let change = apply(context, PaymentStatus::Succeeded).unwrap();
            assert_eq!(change.invoice, InvoiceStatus::Paid);
            assert!(change.call_off_others);
            assert_eq!(
                change.events,
                [EventType::InvoicePaid, EventType::PaymentSucceeded]
            );
        }
    }

    #[test]
    fn a_decline_reopens_the_invoice_unless_it_is_overdue() {
        let context = context(PaymentStatus::Processing, InvoiceStatus::Processing);
        assert_eq!(
            apply(context, PaymentStatus::Declined).unwrap().invoice,
            InvoiceStatus::Open
        );
        let overdue = PaymentContext {
            overdue: true,
            ..context
        };
        let change = apply(overdue, PaymentStatus::Declined).unwrap();
        assert_eq!(change.invoice, InvoiceStatus::Expired);
        assert_eq!(
            change.events,
            [EventType::InvoiceExpired, EventType::PaymentDeclined]
        );
    }

    #[test]
    fn a_payment_of_an_order_that_was_paid_goes_back() {
        for invoice in InvoiceStatus::ALL {
            let context = PaymentContext {
                order_paid: true,
                ..context(PaymentStatus::Processing, *invoice)
            };
            let change = apply(context, PaymentStatus::Succeeded).unwrap();
            assert!(
                change.refund_duplicate && !change.call_off_others,
                "{invoice}"
            );
            assert!(
                !change.events.contains(&EventType::InvoicePaid),
                "{invoice}"
            );
        }
        let context = PaymentContext {
            order_paid: true,
            ..context(PaymentStatus::Processing, InvoiceStatus::Processing)
        };
        let change = apply(context, PaymentStatus::Declined).unwrap();
        assert_eq!(change.invoice, InvoiceStatus::Canceled);
        assert_eq!(change.events, [EventType::InvoiceCanceled]);
    }

    #[test]
    fn a_success_of_money_that_was_taken_back_is_older() {
        for payment in PaymentStatus::ALL {
            let context = PaymentContext {
                taken_back: true,
                ..context(*payment, InvoiceStatus::Processing)
            };
            assert_eq!(apply(context, PaymentStatus::Succeeded), None);
        }
    }

    #[test]
    fn an_unanswered_call_does_not_hide_the_verification() {
        let unanswered = reported_status(PaymentStatus::Processing, false);
        let verification = PaymentStatus::RequiresVerification;
        assert_eq!(next_status(unanswered, verification), Some(verification));
        let answered = reported_status(PaymentStatus::Processing, true);
        assert_eq!(next_status(answered, verification), None);
    }

    proptest! {
        /// The same reports in any order and number end the same.
        #[test]
        fn order_and_repetition_do_not_matter(reports in consistent_reports(), seed in any::<u64>()) {
            let mut shuffled = [&reports[..], &reports[..]].concat();
            let by = seed as usize % shuffled.len();
            shuffled.rotate_left(by);
            shuffled.reverse();
            let first = PaymentStatus::Created;
            prop_assert_eq!(end(first, &reports), end(first, &shuffled));
        }

        /// A payment whose call was not answered ends as one that nothing was known of.
        #[test]
        fn an_unanswered_call_does_not_change_the_end(reports in consistent_reports()) {
            let unanswered = reported_status(PaymentStatus::Processing, false);
            prop_assert_eq!(end(unanswered, &reports), end(PaymentStatus::Created, &reports));
        }

        /// Only `processing` without a reference is read as another status.
        #[test]
        fn every_other_status_is_as_reported(status in any_payment(), has_reference: bool) {
            let reported = reported_status(status, has_reference);
            prop_assert_eq!(reported.is_live(), status.is_live());
            if has_reference || status != PaymentStatus::Processing {
                prop_assert_eq!(reported, status);
            }
        }

        #[test]
        fn success_is_final_and_paid_never_unpaid(
            status in any_payment(),
            has_reference: bool,
            invoice in any_invoice(),
            incoming in any_payment(),
            overdue: bool,
            order_paid: bool,
            taken_back: bool,
        ) {
            let payment = reported_status(status, has_reference);
            let before = PaymentContext { payment, invoice, overdue, order_paid, taken_back };
            let succeeds = incoming == PaymentStatus::Succeeded;
            match apply(before, incoming) {
                Some(change) => {
                    prop_assert_ne!(status, PaymentStatus::Succeeded);
                    prop_assert!(!invoice.was_paid() || change.invoice == invoice);
                    let paid_before = invoice.was_paid() || order_paid;
                    prop_assert_eq!(change.refund_duplicate, succeeds && paid_before);
                    prop_assert_eq!(change.call_off_others, succeeds && !paid_before);
                    // After the order was paid, nothing is told of another attempt.
                    let of_payment = |e: &EventType| e.as_str().starts_with("payment.");
                    prop_assert!(!paid_before || !change.events.iter().any(of_payment));
                    let of_invoice = |e: &EventType| e.as_str().starts_with("invoice.");
                    prop_assert!(change.events.is_sorted_by_key(|e| !of_invoice(e)));
                    let after = PaymentContext {
                        payment: change.payment,
                        invoice: change.invoice,
                        ..before
                    };
                    prop_assert_eq!(apply(after, incoming), None);
                }
                None => prop_assert!(
                    status == PaymentStatus::Succeeded || !succeeds || taken_back
                ),
            }
        }
    }
}
