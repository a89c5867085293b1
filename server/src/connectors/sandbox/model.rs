//! The sandbox's objects.

use secrecy::SecretString;
use serde::Deserialize;
use till_shared::card::CardSummary;
use till_shared::money::Currency;
use till_shared::payment::DeclineCode;

/// An account's credentials.
#[derive(Deserialize)]
pub struct Credentials {
    pub base_url: String,
    pub api_key: SecretString,
    pub webhook_secret: SecretString,
}

/// A payment.
#[derive(Deserialize)]
pub struct Payment {
    pub id: String,
    /// Our payment id.
    pub reference: String,
    pub amount: i64,
    pub currency: Currency,
    pub status: Status,
    pub decline_code: Option<DeclineCode>,
    pub verification: Option<Verification>,
    pub card: Option<CardSummary>,
}

/// A payment's status.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    RequiresVerification,
    Processing,
    Succeeded,
    Declined,
    Canceled,
}

/// The verification form.
#[derive(Deserialize)]
pub struct Verification {
    pub url: String,
    /// Whether it may be shown in a frame.
    pub framable: bool,
}

/// A list of payments.
#[derive(Deserialize)]
pub struct Payments {
    pub data: Vec<Payment>,
}

/// A refund.
#[derive(Deserialize)]
pub struct Refund {
    pub id: String,
    /// Our refund id; `None` if the refund was made in the dashboard.
    pub reference: Option<String>,
    pub amount: i64,
    pub currency: Currency,
    pub status: RefundStatus,
}

/// A refund's status.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    Pending,
    Succeeded,
    Failed,
}

/// A dispute.
#[derive(Deserialize)]
pub struct Dispute {
    pub id: String,
    pub amount: i64,
    pub currency: Currency,
    pub reason: Option<String>,
    pub status: DisputeStatus,
    /// RFC 3339.
    pub respond_by: Option<jiff::Timestamp>,
}

/// A dispute's status.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    NeedsResponse,
    UnderReview,
    Won,
    Lost,
}

/// Money that was taken back without a dispute.
#[derive(Deserialize)]
pub struct Reversal {
    pub id: String,
    pub amount: i64,
    pub currency: Currency,
}

/// The body of an error response.
#[derive(Deserialize)]
pub struct ErrorResponse {
    pub error: Error,
}

/// What an error response says.
#[derive(Deserialize)]
pub struct Error {
    pub code: String,
    pub message: String,
}

/// A webhook's body.
#[derive(Deserialize)]
pub struct Event {
    pub id: String,
    pub data: EventData,
}

/// The objects that a webhook is about: the payment, and what happened to it, if it is not the
/// payment that changed.
#[derive(Deserialize)]
pub struct EventData {
    pub payment: Payment,
    pub refund: Option<Refund>,
    pub dispute: Option<Dispute>,
    pub reversal: Option<Reversal>,
}
