//! The life cycle of a dispute.

use till_shared::dispute::DisputeStatus;
use till_shared::event::EventType;

/// The effect of a report about a dispute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisputeChange {
    /// The dispute's new status.
    pub status: DisputeStatus,
    /// The events for the project, in this order.
    pub events: Vec<EventType>,
}

/// Decides what a reported status changes; `None` if nothing. `current` is absent for a dispute that
/// was not known. `details_changed` says whether the report has another amount, reason or deadline.
///
/// The order of the statuses is `needs_response`, `under_review`, `won`, `lost`: a report that is
/// older than the newest one changes nothing, and a dispute that was won can still be lost in a
/// second round.
pub fn apply(
    current: Option<DisputeStatus>,
    incoming: DisputeStatus,
    details_changed: bool,
) -> Option<DisputeChange> {
    let status = current.map_or(incoming, |current| current.max(incoming));
    let mut events = vec![];
    if current.is_none() {
        events.push(EventType::DisputeOpened);
    }
    if current != Some(status) && status.is_closed() {
        events.push(EventType::DisputeClosed);
    } else if current.is_some_and(|current| current != status || details_changed) {
        events.push(EventType::DisputeUpdated);
    }
    (!events.is_empty()).then_some(DisputeChange { status, events })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_status() -> impl Strategy<Value = DisputeStatus> {
        prop::sample::select(DisputeStatus::ALL)
    }

    fn end(reports: &[DisputeStatus]) -> (Option<DisputeStatus>, Vec<EventType>) {
        let mut told = vec![];
        let mut current = None;
        for report in reports {
            if let Some(change) = apply(current, *report, false) {
                current = Some(change.status);
                told.extend(change.events);
            }
        }
        (current, told)
    }

    #[test]
    fn a_dispute_that_is_decided_when_it_becomes_known_is_opened_and_closed() {
        let change = apply(None, DisputeStatus::Lost, false).unwrap();
        assert_eq!(
            change.events,
            [EventType::DisputeOpened, EventType::DisputeClosed]
        );
    }

    proptest! {
        #[test]
        fn order_and_repetition_do_not_matter(
            reports in prop::collection::vec(any_status(), 1..8),
            seed: usize,
        ) {
            let mut shuffled = [&reports[..], &reports[..]].concat();
            let by = seed % shuffled.len();
            shuffled.rotate_left(by);
            shuffled.reverse();
            prop_assert_eq!(end(&reports).0, end(&shuffled).0);
        }

        #[test]
        fn it_is_opened_once_and_first(reports in prop::collection::vec(any_status(), 1..8)) {
            let (status, told) = end(&reports);
            prop_assert_eq!(told.first(), Some(&EventType::DisputeOpened));
            prop_assert_eq!(told.iter().filter(|e| **e == EventType::DisputeOpened).count(), 1);
            let closed = status.is_some_and(DisputeStatus::is_closed);
            prop_assert_eq!(told.last() == Some(&EventType::DisputeClosed), closed);
        }

        #[test]
        fn the_same_report_again_changes_nothing(current in any_status(), incoming in any_status()) {
            if let Some(change) = apply(Some(current), incoming, false) {
                prop_assert_eq!(apply(Some(change.status), incoming, false), None);
            }
        }
    }
}
