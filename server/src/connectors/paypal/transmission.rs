//! The headers of PayPal's webhooks.
//! <https://developer.paypal.com/api/rest/webhooks/rest/#link-eventheaders>

use crate::connectors::error::SignatureError;
use crate::domain::Timing;
use axum::http::HeaderMap;

/// How old a webhook may be, in seconds. PayPal repeats a webhook for three days, with the time of
/// its first attempt.
const TOLERANCE: u64 = 3 * 86_400 + 300;

/// The headers of a webhook.
pub struct Transmission<'a> {
    pub id: &'a str,
    /// RFC 3339.
    pub time: &'a str,
    pub algorithm: &'a str,
    pub certificate_url: &'a str,
    /// In base64.
    pub signature: &'a str,
}

impl<'a> Transmission<'a> {
    /// Reads the headers. What needs no network call is checked here.
    pub fn read(headers: &'a HeaderMap, timing: Timing) -> Result<Self, SignatureError> {
        let header = |name: &str| {
            let value = headers.get(format!("paypal-{name}"));
            let value = value.and_then(|v| v.to_str().ok());
            value.ok_or(SignatureError::Missing)
        };
        let read = Self {
            id: header("transmission-id")?,
            time: header("transmission-time")?,
            algorithm: header("auth-algo")?,
            certificate_url: header("cert-url")?,
            signature: header("transmission-sig")?,
        };
        let sent: jiff::Timestamp = read.time.parse().map_err(|_| SignatureError::Malformed)?;
        if timing.now_seconds().abs_diff(sent.as_second()) > TOLERANCE {
            return Err(SignatureError::Expired);
        }
        if read.algorithm != "SHA256withRSA" {
            return Err(SignatureError::UnsupportedAlgorithm);
        }
        Ok(read)
    }
}
