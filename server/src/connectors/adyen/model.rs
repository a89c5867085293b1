//! Adyen's objects, as far as they are read.
//! <https://docs.adyen.com/api-explorer/Checkout/71/overview>

use crate::connectors::credentials::BaseUrl;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An account's credentials.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    pub api_key: SecretString,
    pub merchant_account: String,
    /// Hexadecimal.
    pub hmac_key: SecretString,
    /// The key that Adyen signed with before, hexadecimal. It is accepted while the key changes.
    pub hmac_key_previous: Option<SecretString>,
    /// Each merchant has an own one.
    pub base_url: BaseUrl,
}

/// An amount.
#[derive(Serialize, Deserialize)]
pub struct Amount {
    pub value: i64,
    pub currency: String,
}

/// The response to `/payments` and `/payments/details`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payment {
    pub psp_reference: Option<String>,
    /// Our payment id. `/payments/details` may leave it out.
    pub merchant_reference: Option<String>,
    pub result_code: Option<ResultCode>,
    pub refusal_reason: Option<String>,
    pub refusal_reason_code: Option<String>,
    pub amount: Option<Amount>,
    pub action: Option<Action>,
}

/// A payment's status.
#[derive(Deserialize, Default)]
pub enum ResultCode {
    AuthenticationFinished,
    AuthenticationNotRequired,
    Authorised,
    Cancelled,
    ChallengeShopper,
    Error,
    IdentifyShopper,
    PartiallyAuthorised,
    Pending,
    PresentToShopper,
    Received,
    RedirectShopper,
    Refused,
    Success,
    #[default]
    #[serde(other)]
    Other,
}

/// What the buyer has to do.
#[derive(Deserialize)]
pub struct Action {
    pub r#type: String,
    pub method: Option<String>,
    pub url: Option<String>,
}

/// A payment link.
#[derive(Deserialize)]
pub struct PaymentLink {
    pub id: String,
    pub status: LinkStatus,
    pub url: String,
}

/// A payment link's status.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LinkStatus {
    Active,
    Completed,
    Expired,
    Paid,
    PaymentPending,
    #[serde(other)]
    Other,
}

/// The response to a request to refund or to cancel a payment. The outcome follows by webhook.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Modification {
    pub psp_reference: String,
}

/// The response to `/paymentMethods`.
#[derive(Deserialize)]
pub struct PaymentMethods {}

/// The body of an error response, with the fields that every documented one has. A body without
/// them is not Adyen's.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorResponse {
    pub error_code: String,
    #[serde(rename = "errorType")]
    _error_type: String,
    pub message: String,
}

/// A webhook's body. Each item is parsed by itself.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    pub notification_items: Vec<Value>,
}

/// Wraps one message of a webhook.
#[derive(Deserialize)]
pub struct NotificationItem {
    #[serde(rename = "NotificationRequestItem")]
    pub item: Item,
}

/// One message of a webhook.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Item {
    #[serde(default)]
    pub additional_data: Value,
    pub amount: Option<Amount>,
    pub event_code: String,
    pub merchant_account_code: String,
    pub merchant_reference: Option<String>,
    pub original_reference: Option<String>,
    pub psp_reference: String,
    pub reason: Option<String>,
    pub success: String,
}
