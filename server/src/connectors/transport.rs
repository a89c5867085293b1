//! HTTP calls to payment systems: time limits, retries, and which failures leave the outcome
//! unknown.

use super::error::{CallError, Cause};
use super::json;
use backon::{ExponentialBuilder, Retryable};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How often a request that was answered with HTTP 429 is sent again.
const RETRIES: usize = 3;
/// The delay before the first retry; it doubles each time.
const MIN_DELAY: Duration = Duration::from_millis(250);
/// The longest delay, even if `Retry-After` is longer: a buyer is waiting.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// The HTTP client for calls to payment systems and projects: no redirects, no proxy from the
/// environment, and `timeout` for a whole call.
///
/// # Errors
/// When the TLS library cannot be initialized.
pub fn http_client(timeout: Duration) -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout.min(Duration::from_secs(5)))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("Till/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// A payment system's error body.
pub trait ErrorBody: DeserializeOwned {
    /// The statuses that mean that the requested object does not exist.
    const NOT_FOUND: &'static [StatusCode] = &[StatusCode::NOT_FOUND];

    /// What the error means for the call.
    fn into_call_error(self, status: StatusCode) -> CallError;

    /// What an error response means whose body is not in the payment system's format. It may come
    /// from a proxy on the way, so by default the outcome is unknown.
    fn unreadable(status: StatusCode) -> CallError {
        CallError::Unknown(Cause::Status(status))
    }
}

/// Why a request brought no result.
pub enum ApiError<E> {
    /// There is no usable response.
    Call(CallError),
    /// The payment system answered with an error status.
    Response {
        /// The HTTP status.
        status: StatusCode,
        /// The body, if it is in the payment system's format.
        body: Option<E>,
    },
}

impl<E> From<CallError> for ApiError<E> {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl<E: ErrorBody> From<ApiError<E>> for CallError {
    fn from(error: ApiError<E>) -> Self {
        match error {
            ApiError::Call(error) => error,
            ApiError::Response { status, body } => match body {
                Some(body) => body.into_call_error(status),
                None => E::unreadable(status),
            },
        }
    }
}

/// A response, read to the end. Its status is below 500.
pub struct Response {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// The body of a successful response as `T`, or the error.
    pub fn into_result<T: DeserializeOwned, E: ErrorBody>(self) -> Result<T, ApiError<E>> {
        let status = self.status;
        if !status.is_success() {
            let body = json::from_slice(&self.body).ok();
            return Err(ApiError::Response { status, body });
        }
        json::from_slice(&self.body)
            .map_err(|error| CallError::Unknown(Cause::UnreadableResponse { status, error }).into())
    }

    /// Like [`Self::into_result`], but `None` if the payment system says that the object does not
    /// exist. A 404 that is not in the payment system's format proves nothing.
    pub fn into_option<T: DeserializeOwned, E: ErrorBody>(self) -> Result<Option<T>, ApiError<E>> {
        match self.into_result() {
            Ok(found) => Ok(Some(found)),
            Err(ApiError::Response {
                status,
                body: Some(_),
            }) if E::NOT_FOUND.contains(&status) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Why a request brought no response below HTTP 500.
enum Failure {
    /// HTTP 429: the request was not processed. With the delay of `Retry-After`.
    RateLimited(Option<Duration>),
    /// HTTP 503.
    ServiceUnavailable,
    Call(CallError),
}

/// Sends a request that may charge the buyer. HTTP 5xx, timeouts and broken connections leave the
/// outcome unknown; a connection that was never established is [`CallError::NotSent`]. HTTP 429 is
/// retried with backoff, and [`CallError::NotSent`] if it persists.
pub async fn send(request: RequestBuilder) -> Result<Response, CallError> {
    classify(send_with_retry(&request).await, CallError::Unknown)
}

/// Sends a request that never charges the buyer by itself, however often it is processed: a read,
/// or the creation of a page that no buyer has the URL of yet. Like [`send`], but HTTP 503 is
/// [`CallError::NotSent`].
pub async fn send_idempotent(request: RequestBuilder) -> Result<Response, CallError> {
    classify(send_with_retry(&request).await, CallError::NotSent)
}

fn classify(
    result: Result<Response, Failure>,
    unavailable: fn(Cause) -> CallError,
) -> Result<Response, CallError> {
    result.map_err(|failure| match failure {
        Failure::RateLimited(_) => CallError::NotSent(Cause::RateLimited),
        Failure::ServiceUnavailable => unavailable(Cause::Status(StatusCode::SERVICE_UNAVAILABLE)),
        Failure::Call(error) => error,
    })
}

async fn send_with_retry(request: &RequestBuilder) -> Result<Response, Failure> {
    let attempt = || async {
        let request = request.try_clone();
        let request = request.ok_or(Failure::Call(CallError::NotSent(Cause::RequestBody)))?;
        send_once(request).await
    };
    let backoff = ExponentialBuilder::new()
        .with_min_delay(MIN_DELAY)
        .with_max_delay(MAX_DELAY)
        .with_max_times(RETRIES)
        .with_jitter();
    attempt
        .retry(backoff)
        .when(|failure| matches!(failure, Failure::RateLimited(_)))
        .adjust(|failure, delay| match failure {
            Failure::RateLimited(Some(retry_after)) => {
                delay.map(|delay| delay.max(*retry_after).min(MAX_DELAY))
            }
            Failure::RateLimited(None) | Failure::ServiceUnavailable | Failure::Call(_) => delay,
        })
        .await
}

async fn send_once(request: RequestBuilder) -> Result<Response, Failure> {
    let response = request.send().await.map_err(|error| {
        let not_sent = error.is_connect() || error.is_builder();
        let cause = Cause::Connection(error.without_url());
        Failure::Call(if not_sent {
            CallError::NotSent(cause)
        } else {
            CallError::Unknown(cause)
        })
    })?;
    let status = response.status();
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            return Err(Failure::RateLimited(retry_after(response.headers())));
        }
        StatusCode::SERVICE_UNAVAILABLE => return Err(Failure::ServiceUnavailable),
        _ if status.is_server_error() => {
            return Err(Failure::Call(CallError::Unknown(Cause::Status(status))));
        }
        _ => {}
    }
    let body = response.bytes().await.map_err(|error| {
        let cause = Cause::Connection(error.without_url());
        Failure::Call(CallError::Unknown(cause))
    })?;
    Ok(Response {
        status,
        body: body.into(),
    })
}

/// The delay of `Retry-After` in its form of seconds. A date is ignored.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
