//! Adyen's messages about disputes. All messages about a dispute have the same `pspReference`, which
//! is the dispute's id. <https://docs.adyen.com/risk-management/disputes-api/dispute-notifications>

use super::model::Item;
use crate::connectors::types::{DisputeUpdate, WebhookEvent};
use jiff::Timestamp;
use till_shared::dispute::DisputeStatus;

/// The stage of the dispute, in Adyen's words. It is not part of every message.
pub fn stage(item: &Item) -> Option<&str> {
    item.additional_data["disputeStatus"].as_str()
}

/// The state of a dispute; `None` if the message is about something else.
pub fn event(item: Item) -> Option<WebhookEvent> {
    let payment = item.payment_key()?;
    let update = DisputeUpdate {
        status: status(&item)?,
        money: item.money(),
        reason: reason(&item),
        respond_by: respond_by(&item),
        reference: item.psp_reference,
    };
    Some(WebhookEvent::Dispute(payment, update))
}

/// A message reports an event, and most also report the dispute's stage at that time.
fn status(item: &Item) -> Option<DisputeStatus> {
    use DisputeStatus::{Lost, UnderReview, Won};
    let stage = stage(item).unwrap_or_default();
    Some(match (item.event_code.as_str(), stage) {
        // No money moves. If the request is not answered, a chargeback may follow.
        ("REQUEST_FOR_INFORMATION", "Responded" | "Expired") => UnderReview,
        ("REQUEST_FOR_INFORMATION", _) => open(item),
        (
            "NOTIFICATION_OF_CHARGEBACK"
            | "DISPUTE_OPENED_WITH_CHARGEBACK"
            | "CHARGEBACK"
            | "PREARBITRATION_OPEN",
            stage,
        ) => decided(stage).unwrap_or_else(|| open(item)),
        ("INFORMATION_SUPPLIED", stage) => decided(stage).unwrap_or(UnderReview),
        // The buyer's bank can still present the chargeback again.
        ("CHARGEBACK_REVERSED", "Pending") => UnderReview,
        ("CHARGEBACK_REVERSED", stage) => decided(stage).unwrap_or(Won),
        ("PREARBITRATION_DECLINED" | "SCHEME_ARBITRATION", _) => UnderReview,
        (
            "ISSUER_RESPONSE_TIMEFRAME_EXPIRED"
            | "PREARBITRATION_WON"
            | "PREARBITRATION_ISSUER_WITHDRAWN"
            | "SCHEME_ARBITRATION_WON",
            _,
        ) => Won,
        (
            "DISPUTE_DEFENSE_PERIOD_ENDED"
            | "SECOND_CHARGEBACK"
            | "PREARBITRATION_ACCEPTED"
            | "PREARBITRATION_LOST"
            | "SCHEME_ARBITRATION_LOST",
            _,
        ) => Lost,
        _ => return None,
    })
}

/// The end that a stage means.
fn decided(stage: &str) -> Option<DisputeStatus> {
    match stage {
        "Won" => Some(DisputeStatus::Won),
        "Lost" | "Accepted" | "Expired" => Some(DisputeStatus::Lost),
        _ => None,
    }
}

/// The status of an open dispute.
fn open(item: &Item) -> DisputeStatus {
    let is = |field: &str, value: &str| item.additional_data[field].as_str() == Some(value);
    if stage(item) == Some("Pending") || is("autoDefended", "true") || is("defendable", "false") {
        DisputeStatus::UnderReview
    } else {
        DisputeStatus::NeedsResponse
    }
}

fn reason(item: &Item) -> Option<String> {
    let code = item.additional_data["chargebackReasonCode"].as_str();
    let given = [item.reason.as_deref(), code.map(str::trim)];
    let mut given = given.into_iter().flatten();
    given.find(|reason| !reason.is_empty()).map(str::to_owned)
}

fn respond_by(item: &Item) -> Option<i64> {
    let end = item.additional_data["defensePeriodEndsAt"].as_str()?;
    let end: Timestamp = end.parse().ok()?;
    Some(end.as_millisecond())
}
