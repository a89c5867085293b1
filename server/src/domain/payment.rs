//! The life cycle of a payment and its effect on the invoice.
//!
//! [`next_status`] is one exhaustive `match` over every pair of current and incoming status. The
//! order is `created`, `requires_verification`, `processing`, then one of the unsuccessful ends,
//! then `succeeded`. Success overrides the unsuccessful ends because it is the payment system's
//! statement that it holds the buyer's money: it is always recorded, however late it arrives.

use till_shared::event::EventType;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::PaymentStatus;

/// The state of a payment and its invoice before an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaymentContext {
    /// The payment's status (see [`reported_status`]).
    pub payment: PaymentStatus,
    /// The invoice's status.
    pub invoice: InvoiceStatus,
    /// Whether the invoice is past its expiry.
    pub overdue: bool,
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
    /// Whether the payment paid an invoice that was paid before, and is refunded.
    pub refund_duplicate: bool,
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
    let payment = next_status(context.payment, incoming)?;
    let mut change = Change {
        payment,
        invoice: context.invoice,
        events: vec![],
        refund_duplicate: false,
    };
    match payment {
        PaymentStatus::Created
        | PaymentStatus::RequiresVerification
        | PaymentStatus::Processing => {}
        PaymentStatus::Succeeded if context.invoice.was_paid() => change.refund_duplicate = true,
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
        if context.overdue {
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
                payment: PaymentStatus::Canceled,
                invoice,
                overdue: true,
            };
            let change = apply(context, PaymentStatus::Succeeded).unwrap();
            assert_eq!(change.invoice, InvoiceStatus::Paid);
            assert_eq!(
                change.events,
                [EventType::PaymentSucceeded, EventType::InvoicePaid]
            );
        }
    }

    #[test]
    fn a_decline_reopens_the_invoice_unless_it_is_overdue() {
        let context = PaymentContext {
            payment: PaymentStatus::Processing,
            invoice: InvoiceStatus::Processing,
            overdue: false,
        };
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
            [EventType::PaymentDeclined, EventType::InvoiceExpired]
        );
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
        ) {
            let payment = reported_status(status, has_reference);
            match apply(PaymentContext { payment, invoice, overdue }, incoming) {
                Some(change) => {
                    prop_assert_ne!(status, PaymentStatus::Succeeded);
                    prop_assert!(!invoice.was_paid() || change.invoice == invoice);
                    prop_assert_eq!(
                        change.refund_duplicate,
                        invoice.was_paid() && incoming == PaymentStatus::Succeeded
                    );
                    let after = PaymentContext {
                        payment: change.payment,
                        invoice: change.invoice,
                        overdue,
                    };
                    prop_assert_eq!(apply(after, incoming), None);
                }
                None => prop_assert!(
                    status == PaymentStatus::Succeeded || incoming != PaymentStatus::Succeeded
                ),
            }
        }
    }
}
