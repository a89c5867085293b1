//! Refunds and disputes.

use serde::Deserialize;
use serde_json::Value;

/// A Refund.
#[derive(Deserialize)]
pub struct Refund {
    pub id: String,
    pub status: Option<RefundStatus>,
    pub amount: i64,
    pub currency: String,
    pub payment_intent: Option<String>,
    pub failure_reason: Option<String>,
    #[serde(default)]
    pub metadata: Value,
}

/// A Refund's status.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    Pending,
    RequiresAction,
    Succeeded,
    Failed,
    Canceled,
    #[serde(other)]
    Other,
}

/// A Dispute.
#[derive(Deserialize)]
pub struct Dispute {
    pub id: String,
    pub status: DisputeStatus,
    pub amount: i64,
    pub currency: String,
    pub reason: Option<String>,
    pub payment_intent: Option<String>,
    pub evidence_details: Option<EvidenceDetails>,
}

/// A Dispute's status. The first three are of an inquiry, which takes no money yet.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    WarningNeedsResponse,
    WarningUnderReview,
    WarningClosed,
    NeedsResponse,
    UnderReview,
    AppealNeedsResponse,
    AppealUnderReview,
    ChargeRefunded,
    Prevented,
    Won,
    Lost,
    #[serde(other)]
    Other,
}

/// What Stripe knows of the project's response to a Dispute.
#[derive(Deserialize)]
pub struct EvidenceDetails {
    /// In seconds since 1970-01-01 UTC.
    pub due_by: Option<i64>,
}
