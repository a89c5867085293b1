//! The state that the shop's handlers share.

use secrecy::SecretString;
use standardwebhooks::Webhook;

use super::orders::Orders;
use super::till;

/// The configuration of the shop.
#[derive(Clone, Debug)]
pub struct ShopConfig {
    /// The base URL of Till's JSON API, as the shop's server reaches it.
    pub till_url: String,
    /// The origin from which the page loads `till.js`.
    pub widget_origin: String,
    /// The base URL of the shop, as browsers reach it.
    pub public_url: String,
    /// The project's publishable key, for the page.
    pub pk: String,
    /// The project's secret key (`sk_...`).
    pub secret_key: SecretString,
    /// The project's signing secret (`whsec_...`).
    pub signing_secret: SecretString,
    /// The base URL of the sandbox. If it is set, the page lists test cards.
    pub sandbox_url: Option<String>,
}

/// The state of a running shop.
pub(super) struct Shop {
    pub pk: String,
    pub widget_origin: String,
    pub sandbox_url: Option<String>,
    pub orders: Orders,
    pub till: till::Client,
    pub webhook: Webhook,
}
