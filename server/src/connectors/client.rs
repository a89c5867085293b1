//! Calls to payment systems: time limits, and which failures leave a payment's fate unknown.

use super::CallError;
use backon::{ExponentialBuilder, Retryable};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How often a call that was turned away (HTTP 429) is made again.
const TRIES: usize = 3;
/// The first delay then; it doubles.
const FIRST_DELAY: Duration = Duration::from_millis(250);
/// The longest, whatever `Retry-After` says: a buyer waits for the answer.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

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
    pub status: StatusCode,
    body: Vec<u8>,
}

impl Answer {
    /// The body as JSON. What can't be read leaves the fate unknown.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        serde_json::from_slice(&self.body).map_err(|e| {
            CallError::Unknown(format!("unreadable answer, HTTP {}: {e}", self.status))
        })
    }

    /// The body as it came.
    pub fn bytes(&self) -> &[u8] {
        &self.body
    }
}

/// Why a request brought no answer.
enum Failure {
    /// HTTP 429: turned away before it was looked at, so that it may come again.
    Busy(Option<Duration>),
    /// HTTP 503.
    Maintenance,
    Call(CallError),
}

/// Sends a request. An answer of 5xx, a time-out and a cut connection are [`CallError::Unknown`]; a
/// connection that never came about is [`CallError::NotSent`]. HTTP 429 was not carried out: it is
/// sent again with back-off, and is `NotSent` in the end. The errors name no URL: it may hold
/// credentials.
pub async fn send(request: reqwest::RequestBuilder) -> Result<Answer, CallError> {
    persist(&request).await.map_err(|failure| match failure {
        Failure::Busy(_) => CallError::NotSent("HTTP 429, again and again".into()),
        Failure::Maintenance => CallError::Unknown("HTTP 503".into()),
        Failure::Call(error) => error,
    })
}

/// [`send`] for a call that by itself takes no money, such as the one for a form whose address
/// nobody has yet: there "down for maintenance" (HTTP 503) means that nothing was taken.
pub async fn send_harmless(request: reqwest::RequestBuilder) -> Result<Answer, CallError> {
    persist(&request).await.map_err(|failure| match failure {
        Failure::Busy(_) => CallError::NotSent("HTTP 429, again and again".into()),
        Failure::Maintenance => CallError::NotSent("HTTP 503, down for maintenance".into()),
        Failure::Call(error) => error,
    })
}

async fn persist(request: &reqwest::RequestBuilder) -> Result<Answer, Failure> {
    let attempt = || async {
        let copy = request.try_clone();
        let copy = copy.ok_or_else(|| CallError::NotSent("a body that can't be sent".into()));
        once(copy.map_err(Failure::Call)?).await
    };
    let pace = ExponentialBuilder::new()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_max_times(TRIES)
        .with_jitter();
    attempt
        .retry(pace)
        .when(|failure| matches!(failure, Failure::Busy(_)))
        .adjust(|failure, delay| match failure {
            Failure::Busy(Some(asked)) => delay.map(|d| d.max(*asked).min(LONGEST_DELAY)),
            Failure::Busy(None) | Failure::Maintenance | Failure::Call(_) => delay,
        })
        .await
}

async fn once(request: reqwest::RequestBuilder) -> Result<Answer, Failure> {
    let failed = |e: reqwest::Error| {
        let not_sent = e.is_connect() || e.is_builder();
        let text = e.without_url().to_string();
        Failure::Call(match not_sent {
            true => CallError::NotSent(text),
            false => CallError::Unknown(text),
        })
    };
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    match status {
        StatusCode::TOO_MANY_REQUESTS => return Err(Failure::Busy(asked(response.headers()))),
        StatusCode::SERVICE_UNAVAILABLE => return Err(Failure::Maintenance),
        _ if status.is_server_error() => {
            return Err(Failure::Call(CallError::Unknown(format!("HTTP {status}"))));
        }
        _ => {}
    }
    let body = response.bytes().await.map_err(|e| {
        let text = e.without_url().to_string();
        Failure::Call(CallError::Unknown(text))
    })?;
    Ok(Answer {
        status,
        body: body.to_vec(),
    })
}

/// `Retry-After` in seconds; its other form, a date, is left to the ordinary back-off.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
