//! Stripe's objects, as far as they are read. <https://docs.stripe.com/api>

use crate::connectors::credentials::BaseUrl;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

mod refunds;

pub use refunds::{Dispute, DisputeStatus, Refund, RefundStatus};

/// An account's credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    pub secret_key: SecretString,
    pub webhook_secret: SecretString,
    #[serde(default = "live")]
    pub base_url: BaseUrl,
}

fn live() -> BaseUrl {
    BaseUrl::fixed("https://api.stripe.com")
}

/// A PaymentIntent.
#[derive(Deserialize)]
pub struct Intent {
    pub id: String,
    pub status: IntentStatus,
    pub amount: i64,
    pub amount_received: Option<i64>,
    pub currency: String,
    #[serde(default)]
    pub metadata: Value,
    pub last_payment_error: Option<AttemptError>,
    pub next_action: Option<NextAction>,
}

/// A PaymentIntent's status.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentStatus {
    RequiresPaymentMethod,
    RequiresConfirmation,
    RequiresAction,
    Processing,
    RequiresCapture,
    Canceled,
    Succeeded,
    #[serde(other)]
    Other,
}

/// What the buyer has to do.
#[derive(Deserialize)]
pub struct NextAction {
    pub redirect_to_url: Option<Redirect>,
}

/// The page to send the buyer to.
#[derive(Deserialize)]
pub struct Redirect {
    pub url: String,
}

/// A Checkout Session.
#[derive(Deserialize)]
pub struct Session {
    pub id: String,
    pub status: SessionStatus,
    pub payment_status: SessionPaymentStatus,
    pub payment_intent: Option<SessionIntent>,
    pub amount_total: Option<i64>,
    pub currency: Option<String>,
    pub url: Option<String>,
    #[serde(default)]
    pub metadata: Value,
}

/// The PaymentIntent of a Checkout Session: its id, or the object if the request asks for it.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum SessionIntent {
    Id(String),
    Object(Box<Intent>),
}

/// A Checkout Session's status.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    Open,
    Complete,
    Expired,
    #[serde(other)]
    Other,
}

/// Whether a Checkout Session is paid.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionPaymentStatus {
    Paid,
    Unpaid,
    NoPaymentRequired,
    #[serde(other)]
    Other,
}

/// A Charge: one attempt to pay a PaymentIntent.
#[derive(Deserialize)]
pub struct Charge {
    pub payment_intent: Option<String>,
    /// Webhooks of API versions before 2022-11-15 have them.
    pub refunds: Option<List<Refund>>,
}

/// A page of a list.
#[derive(Deserialize)]
pub struct List<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

/// The body of an error response. A body whose type is not documented is not Stripe's.
/// <https://docs.stripe.com/api/errors>
#[derive(Deserialize)]
pub struct ErrorResponse {
    pub error: Error,
}

/// An error.
#[derive(Deserialize)]
pub struct Error {
    pub r#type: ErrorType,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    #[serde(default)]
    pub message: String,
    pub payment_intent: Option<Identified>,
}

/// The documented types of errors.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
pub enum ErrorType {
    #[serde(rename = "api_error")]
    Api,
    #[serde(rename = "card_error")]
    Card,
    #[serde(rename = "idempotency_error")]
    Idempotency,
    #[serde(rename = "invalid_request_error")]
    InvalidRequest,
}

/// An object of which only the id is read.
#[derive(Deserialize)]
pub struct Identified {
    pub id: String,
}

/// Why the last attempt to pay a PaymentIntent failed.
#[derive(Deserialize)]
pub struct AttemptError {
    pub code: Option<String>,
    pub decline_code: Option<String>,
}

/// A webhook's body.
#[derive(Deserialize)]
pub struct Event {
    pub id: String,
    pub r#type: String,
    pub data: EventData,
}

/// The object that a webhook is about.
#[derive(Deserialize)]
pub struct EventData {
    pub object: Object,
}

/// An object of a type that is read here, or any other.
#[derive(Deserialize)]
#[serde(tag = "object")]
pub enum Object {
    #[serde(rename = "payment_intent")]
    Intent(Box<Intent>),
    #[serde(rename = "checkout.session")]
    Session(Box<Session>),
    #[serde(rename = "refund")]
    Refund(Refund),
    #[serde(rename = "charge")]
    Charge(Charge),
    #[serde(rename = "dispute")]
    Dispute(Dispute),
    #[serde(other)]
    Other,
}
