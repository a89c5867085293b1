//! Stripe's objects, as far as they are read. <https://docs.stripe.com/api>

use crate::connectors::credentials::BaseUrl;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

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

/// A PaymentMethod.
#[derive(Deserialize)]
pub struct PaymentMethod {
    pub id: String,
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
    pub last_payment_error: Option<Error>,
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
    pub payment_intent: Option<String>,
    pub amount_total: Option<i64>,
    pub currency: Option<String>,
    pub url: Option<String>,
    #[serde(default)]
    pub metadata: Value,
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

/// A Refund.
#[derive(Deserialize)]
pub struct Refund {
    pub id: String,
    pub status: RefundStatus,
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

/// A page of a list.
#[derive(Deserialize)]
pub struct List<T> {
    pub data: Vec<T>,
    #[serde(default)]
    pub has_more: bool,
}

/// The body of an error response.
#[derive(Deserialize)]
pub struct ErrorResponse {
    pub error: Error,
}

/// An error, or why an attempt to pay failed.
#[derive(Deserialize)]
pub struct Error {
    #[serde(default)]
    pub r#type: String,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    #[serde(default)]
    pub message: String,
    pub payment_intent: Option<Box<Intent>>,
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
    #[serde(other)]
    Other,
}
