//! The life cycle of a refund and its effect on an invoice.

use till_shared::event::EventType;
use till_shared::invoice::InvoiceStatus;
use till_shared::refund::{RefundSource, RefundStatus};

/// The effect of a report about a refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundChange {
    /// The refund's new status.
    pub status: RefundStatus,
    /// The event for the project.
    pub event: EventType,
}

/// Decides what a reported status changes; `None` if nothing. A refund that succeeded may still
/// fail, when the bank sends the money back. One that failed stays failed: a success that is
/// reported then is older.
pub const fn apply(
    current: RefundStatus,
    incoming: RefundStatus,
    source: RefundSource,
) -> Option<RefundChange> {
    let event = match (current, incoming) {
        (RefundStatus::Pending, RefundStatus::Succeeded) => match source {
            RefundSource::Duplicate => EventType::PaymentDuplicateRefunded,
            RefundSource::Project | RefundSource::PaymentSystem => EventType::RefundSucceeded,
        },
        (RefundStatus::Pending | RefundStatus::Succeeded, RefundStatus::Failed) => {
            EventType::RefundFailed
        }
        (RefundStatus::Succeeded, RefundStatus::Pending | RefundStatus::Succeeded)
        | (RefundStatus::Pending, RefundStatus::Pending)
        | (RefundStatus::Failed, _) => return None,
    };
    Some(RefundChange {
        status: incoming,
        event,
    })
}

/// Whether a payment system's refusal ends a refund. After a call whose outcome is unknown it does
/// not: that call may have been the one that refunded.
pub const fn refusal_ends(sent_before: bool) -> bool {
    !sent_before
}

/// The invoice's status once `refunded` of its `amount` is given back. Both are minor units.
pub const fn invoice_status(current: InvoiceStatus, amount: i64, refunded: i64) -> InvoiceStatus {
    match current {
        InvoiceStatus::Paid | InvoiceStatus::PartiallyRefunded | InvoiceStatus::Refunded => {
            if refunded >= amount {
                InvoiceStatus::Refunded
            } else if refunded > 0 {
                InvoiceStatus::PartiallyRefunded
            } else {
                InvoiceStatus::Paid
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
    use proptest::prelude::*;

    fn any_status() -> impl Strategy<Value = RefundStatus> {
        prop::sample::select(RefundStatus::ALL)
    }

    fn any_source() -> impl Strategy<Value = RefundSource> {
        prop::sample::select(RefundSource::ALL)
    }

    fn end(reports: &[RefundStatus]) -> RefundStatus {
        let project = RefundSource::Project;
        reports
            .iter()
            .fold(RefundStatus::Pending, |status, report| {
                apply(status, *report, project).map_or(status, |change| change.status)
            })
    }

    #[test]
    fn refunds_change_a_paid_invoice_only() {
        use InvoiceStatus::{Open, Paid, PartiallyRefunded, Refunded};
        assert_eq!(invoice_status(Paid, 100, 0), Paid);
        assert_eq!(invoice_status(Paid, 100, 1), PartiallyRefunded);
        assert_eq!(invoice_status(PartiallyRefunded, 100, 100), Refunded);
        assert_eq!(invoice_status(Open, 100, 100), Open);
    }

    #[test]
    fn a_refund_that_came_back_gives_the_invoice_its_status_again() {
        use InvoiceStatus::{Paid, PartiallyRefunded, Refunded};
        assert_eq!(invoice_status(Refunded, 100, 40), PartiallyRefunded);
        assert_eq!(invoice_status(PartiallyRefunded, 100, 0), Paid);
    }

    proptest! {
        /// The same reports in any order and number end the same: a failure is newer than a success.
        #[test]
        fn order_and_repetition_do_not_matter(
            reports in prop::collection::vec(any_status(), 1..8),
            seed: usize,
        ) {
            let mut shuffled = [&reports[..], &reports[..]].concat();
            let by = seed % shuffled.len();
            shuffled.rotate_left(by);
            shuffled.reverse();
            prop_assert_eq!(end(&reports), end(&shuffled));
        }

        #[test]
        fn each_end_is_told_once(
            current in any_status(),
            incoming in any_status(),
            source in any_source(),
        ) {
            if let Some(change) = apply(current, incoming, source) {
                prop_assert_eq!(change.status, incoming);
                prop_assert_eq!(apply(incoming, incoming, source), None);
            }
        }
    }
}
