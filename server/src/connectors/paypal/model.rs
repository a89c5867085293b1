//! PayPal's objects, as far as they are read. PayPal's description requires none of their fields.
//! <https://developer.paypal.com/docs/api/orders/v2/>

use crate::connectors::credentials::BaseUrl;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The query field of the return URL for a buyer who canceled on PayPal's page.
pub const CANCELED: (&str, &str) = ("paypal", "canceled");

/// An account's credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    pub client_id: String,
    pub client_secret: SecretString,
    pub webhook_id: String,
    #[serde(default = "live")]
    pub base_url: BaseUrl,
    /// The PEM certificate of an authority that webhooks may be signed under, besides the public
    /// ones. For tests.
    pub certificate_authority: Option<String>,
}

fn live() -> BaseUrl {
    BaseUrl::fixed("https://api-m.paypal.com")
}

/// An access token.
#[derive(Deserialize)]
pub struct Token {
    pub access_token: SecretString,
    /// In seconds.
    pub expires_in: u64,
}

/// An amount: a decimal string.
#[derive(Serialize, Deserialize)]
pub struct Amount {
    pub value: String,
    pub currency_code: String,
}

/// An order.
#[derive(Deserialize)]
pub struct Order {
    pub id: Option<String>,
    #[serde(default)]
    pub status: OrderStatus,
    #[serde(default)]
    pub purchase_units: Vec<Unit>,
    #[serde(default)]
    pub links: Vec<Link>,
}

/// An order's status.
#[derive(Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    Created,
    Saved,
    Approved,
    Voided,
    Completed,
    PayerActionRequired,
    #[default]
    #[serde(other)]
    Other,
}

/// What is bought. Every order has one.
#[derive(Deserialize)]
pub struct Unit {
    /// Our payment id.
    pub custom_id: Option<String>,
    pub payments: Option<Payments>,
}

/// The payments of a purchase unit.
#[derive(Deserialize)]
pub struct Payments {
    #[serde(default)]
    pub captures: Vec<Capture>,
}

/// A link to a page or an endpoint.
#[derive(Deserialize)]
pub struct Link {
    pub rel: String,
    pub href: String,
}

/// A capture: the charge of an order.
#[derive(Deserialize)]
pub struct Capture {
    pub id: Option<String>,
    #[serde(default)]
    pub status: CaptureStatus,
    pub amount: Option<Amount>,
    /// Our payment id.
    pub custom_id: Option<String>,
    #[serde(default)]
    pub processor_response: Value,
}

/// A capture's status.
#[derive(Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CaptureStatus {
    Completed,
    Declined,
    /// In webhooks only.
    Denied,
    PartiallyRefunded,
    Pending,
    Refunded,
    Failed,
    #[default]
    #[serde(other)]
    Other,
}

/// A refund.
#[derive(Deserialize)]
pub struct Refund {
    pub id: String,
    pub status: RefundStatus,
    /// Our refund id.
    pub custom_id: Option<String>,
}

/// A refund's status.
#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundStatus {
    Cancelled,
    Failed,
    Pending,
    Completed,
    #[serde(other)]
    Other,
}

/// The body of an error response.
#[derive(Deserialize)]
pub struct ErrorResponse {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub message: String,
    #[serde(default)]
    pub details: Vec<ErrorDetail>,
}

/// A detail of an error.
#[derive(Deserialize)]
pub struct ErrorDetail {
    #[serde(default)]
    pub issue: String,
}

/// A webhook's body.
#[derive(Deserialize)]
pub struct Event {
    pub id: String,
    pub event_type: EventType,
    pub resource: Value,
}

/// What happened to the resource of a webhook.
#[derive(Deserialize)]
pub enum EventType {
    #[serde(rename = "PAYMENT.CAPTURE.COMPLETED")]
    CaptureCompleted,
    #[serde(rename = "PAYMENT.CAPTURE.PENDING")]
    CapturePending,
    #[serde(rename = "PAYMENT.CAPTURE.DECLINED")]
    CaptureDeclined,
    #[serde(rename = "PAYMENT.CAPTURE.DENIED")]
    CaptureDenied,
    #[serde(rename = "PAYMENT.CAPTURE.REFUNDED")]
    CaptureRefunded,
    #[serde(rename = "PAYMENT.REFUND.PENDING")]
    RefundPending,
    #[serde(rename = "PAYMENT.REFUND.FAILED")]
    RefundFailed,
    #[serde(rename = "CHECKOUT.ORDER.APPROVED")]
    OrderApproved,
    #[serde(rename = "CHECKOUT.ORDER.COMPLETED")]
    OrderCompleted,
    #[serde(rename = "CHECKOUT.PAYMENT-APPROVAL.REVERSED")]
    ApprovalReversed,
    #[serde(other)]
    Other,
}

/// The resource of a webhook about an order.
#[derive(Deserialize)]
pub struct OrderResource {
    #[serde(default)]
    pub purchase_units: Vec<Unit>,
}
