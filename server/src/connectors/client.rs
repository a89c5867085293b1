//! Calls to payment systems: time limits, and which failures leave a payment's fate unknown.

use super::CallError;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The client for payment systems and order checks: no redirects, no proxy of the environment,
/// `limit` for a whole call.
///
/// # Errors
/// When the TLS library can't be set up.
pub fn http_client(limit: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(limit)
        .connect_timeout(limit.min(Duration::from_secs(5)))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("Till/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// An answer with its status, read to the end.
pub struct Answer {
    /// The HTTP status.
    pub status: reqwest::StatusCode,
    body: Vec<u8>,
}

impl Answer {
    /// The body as JSON. What can't be read leaves the fate unknown.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(|e| {
            CallError::Unknown(format!("unreadable answer, HTTP {}: {e}", self.status))
        })
    }
}

/// Sends a request. An answer of 5xx or 429, a time-out and a cut connection are
/// [`CallError::Unknown`]; a connection that never came about is [`CallError::NotSent`]. The errors
/// name no URL: it may hold credentials.
pub async fn send(request: reqwest::RequestBuilder) -> Result<Answer, CallError> {
    let failed = |e: reqwest::Error| {
        let not_sent = e.is_connect() || e.is_builder();
        let text = e.without_url().to_string();
        if not_sent {
            CallError::NotSent(text)
        } else {
            CallError::Unknown(text)
        }
    };
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(CallError::Unknown(format!("HTTP {status}")));
    }
    let body = response
        .bytes()
        .await
        .map_err(|e| CallError::Unknown(e.without_url().to_string()))?;
    Ok(Answer {
        status,
        body: body.to_vec(),
    })
}
