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
    #[serde(default)]
    pub shipping_preference: ShippingPreference,
    /// The PEM certificate of an authority that webhooks may be signed under, besides the public
    /// ones. For tests.
    pub certificate_authority: Option<String>,
}

fn live() -> BaseUrl {
    BaseUrl::fixed("https://api-m.paypal.com")
}

/// Whether PayPal asks the buyer for a shipping address. An address of the order itself is not
/// supported.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ShippingPreference {
    /// PayPal asks for none.
    #[default]
    NoShipping,
    /// The buyer chooses one of the addresses in the PayPal account.
    GetFromFile,
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
#[derive(Deserialize, Default)]
pub struct Payments {
    #[serde(default)]
    pub captures: Vec<Capture>,
    #[serde(default)]
    pub refunds: Vec<Refund>,
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
    #[serde(default)]
    pub supplementary_data: Value,
    #[serde(default)]
    pub links: Vec<Link>,
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

/// A refund, or a reversal, which PayPal describes in the same way.
#[derive(Deserialize)]
pub struct Refund {
    pub id: Option<String>,
    #[serde(default)]
    pub status: RefundStatus,
    #[serde(default)]
    pub status_details: Value,
    pub amount: Option<Amount>,
    /// Our refund id; of a refund made in PayPal's dashboard, nothing or the capture's.
    pub custom_id: Option<String>,
    /// Our refund id.
    pub invoice_id: Option<String>,
    #[serde(default)]
    pub links: Vec<Link>,
}

/// A refund's status.
#[derive(Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RefundStatus {
    Cancelled,
    Failed,
    Pending,
    Completed,
    #[default]
    #[serde(other)]
    Other,
}

/// The body of an error response. Anything else is not from PayPal.
/// <https://developer.paypal.com/api/rest/responses/>
#[derive(Deserialize)]
#[serde(untagged)]
pub enum ErrorResponse {
    /// About the request.
    Request {
        name: String,
        message: String,
        /// PayPal's id of the response.
        debug_id: String,
        #[serde(default)]
        details: Vec<ErrorDetail>,
    },
    /// About the client's credentials or its access token.
    Login {
        error: String,
        error_description: String,
    },
}

/// A detail of an error.
#[derive(Deserialize)]
pub struct ErrorDetail {
    #[serde(default)]
    pub issue: String,
}

/// The answer to whether PayPal signed a webhook.
#[derive(Deserialize)]
pub struct Verification {
    pub verification_status: String,
}
