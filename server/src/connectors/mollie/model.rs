//! Mollie's objects, as far as they are read. <https://docs.mollie.com/reference/overview>

use crate::connectors::credentials::BaseUrl;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An account's credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    pub api_key: SecretString,
    #[serde(default = "live")]
    pub base_url: BaseUrl,
}

fn live() -> BaseUrl {
    BaseUrl::fixed("https://api.mollie.com")
}

/// An amount: a decimal string.
#[derive(Serialize, Deserialize)]
pub struct Amount {
    pub value: String,
    pub currency: String,
}

/// A payment.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    pub id: String,
    pub status: Status,
    pub amount: Amount,
    pub created_at: Option<jiff::Timestamp>,
    #[serde(default)]
    pub metadata: Value,
    #[serde(default)]
    pub details: Value,
    #[serde(rename = "_links")]
    pub links: Links,
    #[serde(rename = "_embedded", default)]
    pub embedded: Embedded,
}

/// A payment's status.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Open,
    Pending,
    Authorized,
    Paid,
    Canceled,
    Expired,
    Failed,
    #[serde(other)]
    Other,
}

/// A payment's links.
#[derive(Deserialize)]
pub struct Links {
    /// The page on which the buyer pays.
    pub checkout: Option<Link>,
}

/// A link.
#[derive(Deserialize)]
pub struct Link {
    pub href: String,
}

/// The objects inside another one.
#[derive(Deserialize, Default)]
pub struct Embedded {
    #[serde(default)]
    pub payments: Vec<Payment>,
    #[serde(default)]
    pub refunds: Vec<Refund>,
}

/// A page of the list of payments.
#[derive(Deserialize)]
pub struct List {
    #[serde(rename = "_embedded")]
    pub embedded: Embedded,
    #[serde(rename = "_links")]
    pub links: ListLinks,
}

/// A list's links.
#[derive(Deserialize)]
pub struct ListLinks {
    pub next: Option<Link>,
}

/// A refund.
#[derive(Deserialize)]
pub struct Refund {
    pub id: String,
    pub status: RefundStatus,
    #[serde(default)]
    pub metadata: Value,
}

/// A refund's status.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    Queued,
    Pending,
    Processing,
    Refunded,
    Failed,
    Canceled,
    #[serde(other)]
    Other,
}

/// The body of an error response.
#[derive(Deserialize)]
pub struct ErrorResponse {
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub detail: String,
}

/// A webhook's body.
#[derive(Deserialize)]
pub struct Notification {
    /// The id of the payment that changed.
    pub id: String,
}
