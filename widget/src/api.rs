//! Calls to the server.

use crate::browser;
use crate::wire::{Billing, Json, Payment, Problem, State, Verification};
use backon::{ExponentialBuilder, Retryable};
use std::cell::Cell;
use std::time::Duration;
use till_shared::problem::ProblemType;
use wasm_bindgen::JsValue;

/// Why a request failed.
pub enum Failure {
    /// The server responded with a problem document.
    Problem(Problem),
    /// There was no valid response: the outcome of the request is unknown.
    NoResponse,
}

impl Failure {
    /// Returns the type of the problem.
    pub fn kind(&self) -> Option<ProblemType> {
        match self {
            Self::Problem(problem) => problem.kind,
            Self::NoResponse => None,
        }
    }

    /// Returns whether to retry the same request, with the same idempotency key.
    fn is_transient(&self) -> bool {
        match self.kind() {
            Some(kind) => matches!(
                kind,
                ProblemType::IdempotencyKeyInUse | ProblemType::Unavailable | ProblemType::Internal
            ),
            None => true,
        }
    }
}

type Result<T> = std::result::Result<T, Failure>;

/// A request that is retried with exponential backoff while there is no response.
struct Call<'a> {
    method: &'static str,
    path: &'a str,
    body: Option<&'a str>,
    key: Option<&'a str>,
    /// Whether `start.js` has already sent the first attempt.
    sent: Cell<bool>,
}

impl Call<'_> {
    async fn send(&self, times: usize) -> Result<Json> {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(400))
            .with_max_delay(Duration::from_secs(6))
            .with_max_times(times);
        let attempt = || async {
            read(if self.sent.take() {
                browser::initial_billing().await
            } else {
                browser::call(self.method, self.path, self.body, self.key).await
            })
        };
        attempt
            .retry(backoff)
            .sleep(gloo_timers::future::sleep)
            .when(Failure::is_transient)
            .await
    }
}

fn read(answer: std::result::Result<JsValue, JsValue>) -> Result<Json> {
    let answer = Json::of(answer.map_err(|_| Failure::NoResponse)?);
    let body = answer.get("body");
    if answer.is("ok") {
        Ok(body)
    } else {
        Err(Failure::Problem(Problem::read(&body)))
    }
}

/// Loads the billing data. `sent`: `start.js` has already sent the request.
pub async fn billing(sent: bool) -> Result<Billing> {
    let call = Call {
        method: "GET",
        path: "",
        body: None,
        key: None,
        sent: Cell::new(sent),
    };
    Billing::read(&call.send(3).await?).ok_or(Failure::NoResponse)
}

/// Submits a payment. `key` is the idempotency key of one press of Pay: retries use the same key, so
/// that one press creates at most one payment.
pub async fn fix(key: &str, body: &str) -> Result<(Payment, Verification)> {
    let call = Call {
        method: "POST",
        path: "/payments",
        body: Some(body),
        key: Some(key),
        sent: Cell::new(false),
    };
    let fixed = call.send(5).await?;
    let payment = Payment::read(&fixed.get("payment")).ok_or(Failure::NoResponse)?;
    Ok((payment, Verification::read(&fixed.get("verification"))))
}

/// Cancels a payment that waits for verification.
pub async fn cancel(payment: &str) -> Result<State> {
    let path = ["/payments/", payment, "/cancel"].concat();
    let answer = browser::call("POST", &path, None, None).await;
    State::read(&read(answer)?).ok_or(Failure::NoResponse)
}
