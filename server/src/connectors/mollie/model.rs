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
    pub amount_charged_back: Option<Amount>,
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

impl Payment {
    /// Whether it has chargebacks, which are fetched separately: a payment embeds one kind of object
    /// only.
    pub fn has_chargebacks(&self) -> bool {
        self.links.chargebacks.is_some() || self.amount_charged_back.is_some()
    }
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
    /// The payment's chargebacks, if there are any.
    pub chargebacks: Option<Link>,
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
    #[serde(default)]
    pub chargebacks: Vec<Chargeback>,
}

/// A page of a list of payments or chargebacks.
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
    pub amount: Amount,
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

/// A chargeback.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Chargeback {
    pub id: String,
    pub amount: Amount,
    pub reason: Option<ChargebackReason>,
    /// When it was reversed, if it was.
    pub reversed_at: Option<String>,
}

/// Why a bank charged back. Mollie has it for direct debits only.
#[derive(Deserialize)]
pub struct ChargebackReason {
    pub description: String,
}

/// The body of an error response. All of these fields are in every error of Mollie's; without the
/// link it may be a proxy's (RFC 9457 has the others too).
/// <https://docs.mollie.com/reference/error-handling>
#[derive(Deserialize)]
pub struct ErrorResponse {
    pub status: u16,
    pub title: String,
    pub detail: String,
    /// The field of the request that caused the error.
    pub field: Option<String>,
    #[serde(rename = "_links")]
    pub links: ErrorLinks,
}

/// An error's links.
#[derive(Deserialize)]
pub struct ErrorLinks {
    pub documentation: Link,
}

/// A webhook's body.
#[derive(Deserialize)]
pub struct Notification {
    /// The id of the payment that changed.
    pub id: String,
}
