//! The client of Till's JSON API. The shop makes one call: it creates an invoice.

use super::orders::{CURRENCY, Order, PRICE, PRODUCT};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// A client of the JSON API.
pub struct Client {
    http: reqwest::Client,
    invoices_url: String,
    thanks_url: String,
    secret_key: SecretString,
}

/// The fields of an invoice that the shop reads.
#[derive(Debug, Deserialize)]
pub struct Invoice {
    /// The invoice's id.
    pub id: String,
    /// The token that lets the widget open this invoice.
    pub client_token: String,
    /// The hosted payment page.
    pub payment_url: String,
}

/// Why no invoice was created.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No valid response was received. The invoice may exist.
    #[error("The payment service is unavailable: {0}")]
    Unavailable(String),
    /// The API rejected the request.
    #[error("The payment service rejected the order (HTTP {status}): {detail}")]
    Rejected {
        /// The HTTP status code.
        status: u16,
        /// The problem document's detail or title.
        detail: String,
    },
}

#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

impl Client {
    /// Creates a client for the API at `till_url`. Buyers return to the shop at `public_url`.
    pub fn new(till_url: &str, public_url: &str, secret_key: SecretString) -> anyhow::Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // An error means that another thread has installed a provider.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("till-demo-shop/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            http,
            invoices_url: format!("{till_url}/v1/invoices"),
            thanks_url: format!("{public_url}/thanks"),
            secret_key,
        })
    }

    /// Creates the invoice for an order. If the response is lost, the call is retried once with the
    /// same idempotency key, so no second invoice is created.
    pub async fn create_invoice(&self, order: &Order) -> Result<Invoice, Error> {
        let mut body = json!({
            "order_id": order.id,
            "amount": order.amount,
            "currency": CURRENCY,
            "description": format!("{} × {PRODUCT}", order.quantity),
            "items": [{"name": PRODUCT, "quantity": order.quantity, "amount": PRICE}],
            "success_url": self.thanks_url,
            "failure_url": self.thanks_url,
            "metadata": {"shop": "print-shop", "way": order.way.as_str()},
        });
        if let Some(email) = &order.email {
            body["buyer"] = json!({"email": email});
        }
        match self.send(&order.id, &body).await {
            Err(Error::Unavailable(_)) => self.send(&order.id, &body).await,
            result => result,
        }
    }

    async fn send(&self, key: &str, body: &serde_json::Value) -> Result<Invoice, Error> {
        let lost = |e: reqwest::Error| Error::Unavailable(e.without_url().to_string());
        let response = self
            .http
            .post(&self.invoices_url)
            .bearer_auth(self.secret_key.expose_secret())
            .header("idempotency-key", key)
            .json(body)
            .send()
            .await
            .map_err(lost)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(lost)?;
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|e| Error::Unavailable(format!("invalid response: {e}")));
        }
        if status.is_server_error() {
            return Err(Error::Unavailable(format!("HTTP {status}")));
        }
        let detail = serde_json::from_slice::<Problem>(&bytes)
            .ok()
            .and_then(|p| p.detail.or(p.title))
            .unwrap_or_else(|| "no details".to_owned());
        Err(Error::Rejected {
            status: status.as_u16(),
            detail,
        })
    }
}
