//! The one call the shop makes: an invoice for an order.

use super::orders::{CURRENCY, Order, PRICE, PRODUCT};
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;

/// A client of the JSON API.
pub struct Client {
    http: reqwest::Client,
    invoices: String,
    thanks: String,
    secret_key: String,
}

/// What the shop reads of an invoice.
#[derive(Debug, Deserialize)]
pub struct Invoice {
    /// Its id.
    pub id: String,
    /// What the widget needs; good for this invoice only.
    pub client_token: String,
    /// The hosted page.
    pub payment_url: String,
}

/// Why there is no invoice.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No usable answer.
    #[error("the payment service could not be reached: {0}")]
    Unreachable(String),
    /// An answer, and it says no.
    #[error("the payment service refused the order (HTTP {status}): {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its own words.
        detail: String,
    },
}

#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
}

impl Client {
    /// A client for the API at `till_url`, for a shop at `public_url`.
    pub fn new(till_url: &str, public_url: &str, secret_key: String) -> anyhow::Result<Self> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // An error means that another thread was faster, which is as good.
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
            invoices: format!("{till_url}/v1/invoices"),
            thanks: format!("{public_url}/thanks"),
            secret_key,
        })
    }

    /// Makes the invoice for an order. A lost answer is asked for once more: the key makes sure
    /// that there is one invoice all the same.
    pub async fn invoice(&self, order: &Order) -> Result<Invoice, Error> {
        let mut body = json!({
            "order_id": order.id,
            "amount": order.amount,
            "currency": CURRENCY,
            "description": format!("{} × {PRODUCT}", order.quantity),
            "items": [{"name": PRODUCT, "quantity": order.quantity, "amount": PRICE}],
            "success_url": self.thanks,
            "failure_url": self.thanks,
            "metadata": {"shop": "print-shop", "way": order.way.as_str()},
        });
        if let Some(email) = &order.email {
            body["buyer"] = json!({"email": email});
        }
        match self.send(&order.id, &body).await {
            Err(Error::Unreachable(_)) => self.send(&order.id, &body).await,
            answer => answer,
        }
    }

    async fn send(&self, key: &str, body: &serde_json::Value) -> Result<Invoice, Error> {
        let lost = |e: reqwest::Error| Error::Unreachable(e.without_url().to_string());
        let answer = self
            .http
            .post(&self.invoices)
            .bearer_auth(&self.secret_key)
            .header("idempotency-key", key)
            .json(body)
            .send()
            .await
            .map_err(lost)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(lost)?;
        if status.is_success() {
            return serde_json::from_slice(&bytes)
                .map_err(|e| Error::Unreachable(format!("unreadable answer: {e}")));
        }
        if status.is_server_error() {
            return Err(Error::Unreachable(format!("HTTP {status}")));
        }
        let detail = serde_json::from_slice::<Problem>(&bytes)
            .ok()
            .and_then(|p| p.detail.or(p.title))
            .unwrap_or_else(|| "no reason given".to_owned());
        Err(Error::Refused {
            status: status.as_u16(),
            detail,
        })
    }
}
