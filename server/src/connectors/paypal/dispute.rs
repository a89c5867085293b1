//! PayPal's disputes. <https://developer.paypal.com/docs/api/customer-disputes/v1/>

use super::model::Amount;
use crate::connectors::types::{DisputeUpdate, PaymentKey};
use serde::Deserialize;
use till_shared::dispute::DisputeStatus;

/// A dispute.
#[derive(Deserialize)]
pub struct Dispute {
    pub dispute_id: String,
    #[serde(default)]
    pub disputed_transactions: Vec<Transaction>,
    pub reason: Option<String>,
    #[serde(default)]
    pub status: Status,
    #[serde(default)]
    pub dispute_life_cycle_stage: Stage,
    pub dispute_amount: Option<Amount>,
    pub dispute_outcome: Option<Outcome>,
    /// RFC 3339.
    pub seller_response_due_date: Option<String>,
}

/// A payment that is disputed.
#[derive(Deserialize)]
pub struct Transaction {
    /// The capture's id.
    pub seller_transaction_id: Option<String>,
    /// The capture's `custom_id`: our payment id. Not in every webhook.
    pub custom: Option<String>,
}

/// Who has to act.
#[derive(Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Open,
    WaitingForBuyerResponse,
    WaitingForSellerResponse,
    UnderReview,
    Resolved,
    #[default]
    #[serde(other)]
    Other,
}

/// The stage of a dispute.
#[derive(Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stage {
    /// Buyer and project talk. Nobody decides yet.
    Inquiry,
    /// A claim, which PayPal or the card's bank decides.
    Chargeback,
    #[default]
    #[serde(other)]
    Other,
}

/// How a dispute ended.
#[derive(Deserialize)]
pub struct Outcome {
    #[serde(default)]
    pub outcome_code: OutcomeCode,
}

/// Whose favor a dispute ended in.
#[derive(Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutcomeCode {
    ResolvedBuyerFavour,
    ResolvedSellerFavour,
    /// PayPal pays for it.
    ResolvedWithPayout,
    CanceledByBuyer,
    /// The buyer's claim was accepted.
    Accepted,
    /// The buyer's claim was denied.
    Denied,
    /// Closed without a decision.
    None,
    #[default]
    #[serde(other)]
    Other,
}

impl Dispute {
    fn status(&self) -> DisputeStatus {
        let outcome = self.dispute_outcome.as_ref().map(|o| &o.outcome_code);
        match (&self.status, &self.dispute_life_cycle_stage) {
            (Status::Resolved, _) => match outcome {
                Some(OutcomeCode::ResolvedBuyerFavour | OutcomeCode::Accepted) => {
                    DisputeStatus::Lost
                }
                Some(
                    OutcomeCode::ResolvedSellerFavour
                    | OutcomeCode::ResolvedWithPayout
                    | OutcomeCode::CanceledByBuyer
                    | OutcomeCode::Denied
                    | OutcomeCode::None,
                ) => DisputeStatus::Won,
                Some(OutcomeCode::Other) | None => DisputeStatus::UnderReview,
            },
            (Status::WaitingForSellerResponse, _)
            | (Status::Open, Stage::Inquiry | Stage::Chargeback)
            | (Status::WaitingForBuyerResponse, Stage::Inquiry) => DisputeStatus::NeedsResponse,
            (
                Status::Open
                | Status::WaitingForBuyerResponse
                | Status::UnderReview
                | Status::Other,
                _,
            ) => DisputeStatus::UnderReview,
        }
    }

    /// The state of the dispute, for each payment that it is about.
    pub fn updates(self) -> Vec<(PaymentKey, DisputeUpdate)> {
        let due = self.seller_response_due_date.as_deref();
        let due: Option<jiff::Timestamp> = due.and_then(|time| time.parse().ok());
        let amount = self.dispute_amount.as_ref().and_then(Amount::money);
        let status = self.status();
        // The amount is that of all payments together.
        let money = amount.filter(|_| self.disputed_transactions.len() == 1);
        let update = || DisputeUpdate {
            reference: self.dispute_id.clone(),
            status,
            money,
            reason: self.reason.clone(),
            respond_by: due.map(|time| time.as_millisecond()),
        };
        let keys = self
            .disputed_transactions
            .iter()
            .filter_map(Transaction::key);
        keys.map(|key| (key, update())).collect()
    }
}

impl Transaction {
    fn key(&self) -> Option<PaymentKey> {
        let ours = self.custom.as_deref().and_then(|id| id.parse().ok());
        let theirs = || self.seller_transaction_id.clone().map(PaymentKey::Theirs);
        ours.map(PaymentKey::Ours).or_else(theirs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn updates(change: Value) -> Vec<(PaymentKey, DisputeUpdate)> {
        let mut dispute = json!({
            "dispute_id": "PP-000-042-663-135", "status": "OPEN",
            "dispute_life_cycle_stage": "INQUIRY",
            "disputed_transactions": [{ "seller_transaction_id": "00D10444LD479031K" }],
        });
        for (name, value) in change.as_object().unwrap() {
            dispute[name] = value.clone();
        }
        let dispute: Dispute = serde_json::from_value(dispute).unwrap();
        dispute.updates()
    }

    #[test]
    fn a_status_depends_on_the_stage_and_the_outcome() {
        for (status, stage, expected) in [
            ("OPEN", "INQUIRY", DisputeStatus::NeedsResponse),
            ("OPEN", "CHARGEBACK", DisputeStatus::NeedsResponse),
            ("OPEN", "ARBITRATION", DisputeStatus::UnderReview),
            (
                "WAITING_FOR_SELLER_RESPONSE",
                "PRE_ARBITRATION",
                DisputeStatus::NeedsResponse,
            ),
            (
                "WAITING_FOR_BUYER_RESPONSE",
                "INQUIRY",
                DisputeStatus::NeedsResponse,
            ),
            (
                "WAITING_FOR_BUYER_RESPONSE",
                "CHARGEBACK",
                DisputeStatus::UnderReview,
            ),
            ("UNDER_REVIEW", "CHARGEBACK", DisputeStatus::UnderReview),
            ("OTHER", "INQUIRY", DisputeStatus::UnderReview),
            // Without an outcome, nobody has decided.
            ("RESOLVED", "CHARGEBACK", DisputeStatus::UnderReview),
        ] {
            let change = json!({ "status": status, "dispute_life_cycle_stage": stage });
            assert_eq!(updates(change)[0].1.status, expected, "{status} {stage}");
        }
        for (outcome, expected) in [
            ("RESOLVED_BUYER_FAVOUR", DisputeStatus::Lost),
            ("ACCEPTED", DisputeStatus::Lost),
            ("RESOLVED_SELLER_FAVOUR", DisputeStatus::Won),
            ("RESOLVED_WITH_PAYOUT", DisputeStatus::Won),
            ("CANCELED_BY_BUYER", DisputeStatus::Won),
            ("DENIED", DisputeStatus::Won),
            ("NONE", DisputeStatus::Won),
            ("SOMETHING_NEW", DisputeStatus::UnderReview),
        ] {
            let outcome_code = json!({ "outcome_code": outcome });
            let change = json!({ "status": "RESOLVED", "dispute_outcome": outcome_code });
            assert_eq!(updates(change)[0].1.status, expected, "{outcome}");
        }
    }

    #[test]
    fn details_are_read_and_several_payments_have_no_amount_of_their_own() {
        let amount = json!({ "currency_code": "USD", "value": "3.00" });
        let one = updates(json!({
            "dispute_amount": amount, "reason": "UNAUTHORISED",
            "seller_response_due_date": "2026-01-01T00:00:00.000Z",
        }));
        let (key, update) = &one[0];
        assert_eq!(*key, PaymentKey::Theirs("00D10444LD479031K".into()));
        assert_eq!(update.money.unwrap().amount, 300);
        assert_eq!(update.reason.as_deref(), Some("UNAUTHORISED"));
        assert_eq!(update.respond_by, Some(1_767_225_600_000));
        let two = updates(json!({ "dispute_amount": amount, "disputed_transactions": [
            { "seller_transaction_id": "A" }, { "custom": "pay_1", "seller_transaction_id": "B" },
        ] }));
        assert!(two.iter().all(|(_, update)| update.money.is_none()));
        assert_eq!(two[1].0, PaymentKey::Ours("pay_1".parse().unwrap()));
    }
}
