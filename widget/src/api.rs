//! Calls to the server.

use crate::browser;
use crate::wire::{Billing, Json, Payment, Problem, State, Verification};
use backon::{ExponentialBuilder, Retryable};
use std::cell::Cell;
use std::time::Duration;
use till_shared::problem::ProblemType;
use wasm_bindgen::JsValue;

/// Why a call brought nothing.
pub enum Failure {
    /// The server says why.
    Problem(Problem),
    /// No answer of use came: what became of the call is not known.
    Lost,
}

impl Failure {
    /// The problem's type.
    pub fn kind(&self) -> Option<ProblemType> {
        match self {
            Self::Problem(problem) => problem.kind,
            Self::Lost => None,
        }
    }

    /// Whether the same call, with the same key, may fare better in a moment.
    fn passes(&self) -> bool {
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

/// A call that is made again, with growing pauses, for as long as no answer comes.
struct Call<'a> {
    method: &'static str,
    rest: &'a str,
    body: Option<&'a str>,
    key: Option<&'a str>,
    /// The page has made it once already, before this code arrived.
    begun: Cell<bool>,
}

impl Call<'_> {
    async fn made(&self, times: usize) -> Result<Json> {
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(400))
            .with_max_delay(Duration::from_secs(6))
            .with_max_times(times);
        let once = || async {
            let answer = match self.begun.take() {
                true => browser::first().await,
                false => browser::call(self.method, self.rest, self.body, self.key).await,
            };
            read(answer)
        };
        once.retry(pauses)
            .sleep(gloo_timers::future::sleep)
            .when(Failure::passes)
            .await
    }
}

fn read(answer: std::result::Result<JsValue, JsValue>) -> Result<Json> {
    let answer = Json::of(answer.map_err(|_| Failure::Lost)?);
    let body = answer.get("body");
    match answer.is("ok") {
        true => Ok(body),
        false => Err(Failure::Problem(Problem::read(&body))),
    }
}

/// Billing data; `begun` takes the answer to the page's own first question.
pub async fn billing(begun: bool) -> Result<Billing> {
    let call = Call {
        method: "GET",
        rest: "",
        body: None,
        key: None,
        begun: Cell::new(begun),
    };
    Billing::read(&call.made(3).await?).ok_or(Failure::Lost)
}

/// Payment fixation. `key` is the press of Pay: a lost answer is asked for again with the same
/// key, so that one press makes at most one payment.
pub async fn fix(key: &str, body: &str) -> Result<(Payment, Verification)> {
    let call = Call {
        method: "POST",
        rest: "/payments",
        body: Some(body),
        key: Some(key),
        begun: Cell::new(false),
    };
    let fixed = call.made(5).await?;
    let payment = Payment::read(&fixed.get("payment")).ok_or(Failure::Lost)?;
    Ok((payment, Verification::read(&fixed.get("verification"))))
}

/// The buyer gave up the verification.
pub async fn cancel(payment: &str) -> Result<State> {
    let rest = ["/payments/", payment, "/cancel"].concat();
    let answer = browser::call("POST", &rest, None, None).await;
    State::read(&read(answer)?).ok_or(Failure::Lost)
}
