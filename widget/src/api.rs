//! Calls to the server, same-origin, with the client token.

use crate::host::Page;
use backon::{ExponentialBuilder, Retryable};
use leptos::prelude::window;
use serde::de::DeserializeOwned;
use std::time::Duration;
use till_shared::id::PaymentId;
use till_shared::problem::{Problem, ProblemType};
use till_shared::widget::{BillingData, FixPayment, FixedPayment, WidgetState};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, Request, RequestInit, Response};

/// Why a call brought nothing.
#[derive(Debug, Clone)]
pub enum Failure {
    /// The server says why.
    Problem(Box<Problem>),
    /// No answer of use came: what became of the call is not known.
    Lost,
}

impl Failure {
    /// The problem's type.
    pub fn kind(&self) -> Option<ProblemType> {
        match self {
            Self::Problem(problem) => problem.kind(),
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

/// Billing data.
pub async fn billing_data(page: &Page) -> Result<BillingData> {
    again(3, || call(page, "GET", "", &[], None)).await
}

/// Payment fixation. `key` is the press of Pay: a lost answer is asked for again with the same
/// key, so that one press makes at most one payment.
pub async fn fix(page: &Page, key: &str, fix: &FixPayment) -> Result<FixedPayment> {
    let body = serde_json::to_string(fix).map_err(|_| Failure::Lost)?;
    let headers = [("idempotency-key", key)];
    again(5, || call(page, "POST", "/payments", &headers, Some(&body))).await
}

/// The buyer gave up the verification.
pub async fn cancel(page: &Page, payment: &PaymentId) -> Result<WidgetState> {
    call(
        page,
        "POST",
        &format!("/payments/{payment}/cancel"),
        &[],
        None,
    )
    .await
}

/// Asks again when no answer came, `times` times, with growing pauses.
async fn again<T, F: Future<Output = Result<T>>>(
    times: usize,
    call: impl FnMut() -> F,
) -> Result<T> {
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(400))
        .with_max_delay(Duration::from_secs(6))
        .with_max_times(times);
    call.retry(pauses)
        .sleep(gloo_timers::future::sleep)
        .when(Failure::passes)
        .await
}

async fn call<T: DeserializeOwned>(
    page: &Page,
    method: &str,
    rest: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> Result<T> {
    let response = send(page, method, rest, headers, body).await;
    let response = response.map_err(|_| Failure::Lost)?;
    let text = response.text().map_err(|_| Failure::Lost)?;
    let text = JsFuture::from(text).await.map_err(|_| Failure::Lost)?;
    let text = text.as_string().unwrap_or_default();
    if response.ok() {
        return serde_json::from_str(&text).map_err(|_| Failure::Lost);
    }
    Err(match serde_json::from_str(&text) {
        Ok(problem) => Failure::Problem(Box::new(problem)),
        Err(_) => Failure::Lost,
    })
}

/// Sends a call about the invoice.
pub async fn send(
    page: &Page,
    method: &str,
    rest: &str,
    headers: &[(&str, &str)],
    body: Option<&str>,
) -> std::result::Result<Response, JsValue> {
    let all = Headers::new()?;
    all.set("authorization", &format!("Bearer {}", page.token))?;
    for (name, value) in headers {
        all.set(name, value)?;
    }
    let init = RequestInit::new();
    init.set_method(method);
    if let Some(body) = body {
        all.set("content-type", "application/json")?;
        init.set_body(&JsValue::from_str(body));
    }
    init.set_headers(&all);
    let invoice = page.invoice.as_ref().map_or("", |id| id.as_str());
    let url = format!("/v1/widget/invoices/{invoice}{rest}");
    let request = Request::new_with_str_and_init(&url, &init)?;
    let response = JsFuture::from(window().fetch_with_request(&request)).await?;
    response.dyn_into()
}
