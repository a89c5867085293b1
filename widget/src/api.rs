//! Calls to the server.

use crate::{clock, host, json};
use backon::{ExponentialBuilder, Retryable};
use gloo_net::http::{Method, RequestBuilder, Response};
use std::cell::{Cell, RefCell};
use std::time::Duration;
use till_shared::id::{InvoiceId, PaymentId};
use till_shared::message::InvoiceAndToken;
use till_shared::payment::ShownPayment;
use till_shared::problem::{ProblemType, Reason};
use till_shared::widget::{Bill, FixPayment, FixedPayment, WidgetState};

/// The part of the billing data that the widget shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Billing {
    /// What does not change.
    pub bill: Bill,
    /// The state of the invoice.
    pub state: State,
}

/// The state of an invoice.
pub type State = WidgetState<ShownPayment>;
/// The response to payment fixation.
pub type Fixed = FixedPayment<ShownPayment>;

/// Why a request failed.
pub enum Failure {
    /// The server responded with a problem document.
    Problem(Reason),
    /// There was no valid response: the outcome of the request is unknown.
    NoResponse,
    /// The response cannot be read: the server is newer.
    Unreadable,
}

impl Failure {
    /// Returns the type of the problem.
    pub fn kind(&self) -> Option<ProblemType> {
        match self {
            Self::Problem(problem) => problem.kind(),
            Self::NoResponse | Self::Unreadable => None,
        }
    }

    /// Returns what the server says about the problem, in English.
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Problem(problem) => Some(problem.detail.clone()),
            Self::NoResponse | Self::Unreadable => None,
        }
    }

    /// Returns whether to retry the same request, with the same idempotency key.
    fn is_transient(&self) -> bool {
        match self {
            Self::NoResponse => true,
            Self::Unreadable => false,
            Self::Problem(problem) => matches!(
                problem.kind(),
                None | Some(
                    ProblemType::IdempotencyKeyInUse
                        | ProblemType::Unavailable
                        | ProblemType::Internal
                )
            ),
        }
    }
}

type Result<T> = std::result::Result<T, Failure>;

thread_local! {
    /// The invoice that the calls are about, once it is known.
    static INVOICE: RefCell<Option<InvoiceAndToken>> = const { RefCell::new(None) };
}

/// Sets the invoice that the calls are about.
pub fn set_invoice(access: Option<InvoiceAndToken>) {
    INVOICE.set(access);
}

/// Returns the invoice that the calls are about.
pub fn invoice() -> Option<InvoiceId> {
    INVOICE.with_borrow(|access| Some(access.as_ref()?.invoice.clone()))
}

/// Starts a request about the invoice. The server checks that it is of the project whose page this is:
/// a site that embeds this page must not show another project's invoices in it.
pub fn request(path: &str) -> RequestBuilder {
    let (url, bearer) = INVOICE.with_borrow(|access| match access {
        Some(InvoiceAndToken { invoice, token }) => (
            ["/v1/widget/invoices/", invoice.as_str(), path].concat(),
            ["Bearer ", token].concat(),
        ),
        None => (String::new(), String::new()),
    });
    RequestBuilder::new(&url)
        .header("authorization", &bearer)
        .header("till-project", &host::project())
}

/// A call to the server.
struct Call<'a> {
    method: Method,
    path: &'a str,
    body: Option<String>,
    key: Option<&'a str>,
    /// Whether the page has sent the first request already.
    early: Cell<bool>,
    /// How often to try again while there is no response.
    retries: usize,
}

impl Call<'_> {
    /// Returns the text of the response. It is retried with exponential backoff.
    async fn send(&self) -> Result<String> {
        let backoff = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(400))
            .with_max_delay(Duration::from_secs(6))
            .with_max_times(self.retries);
        let attempt = || self.attempt();
        attempt
            .retry(backoff)
            .sleep(gloo_timers::future::sleep)
            .when(Failure::is_transient)
            .await
    }

    async fn attempt(&self) -> Result<String> {
        let sent = match invoice().filter(|_| self.early.take()) {
            Some(invoice) => host::early_billing(&invoice).await,
            None => None,
        };
        let response = match sent {
            Some(response) => response,
            None => self.request().await.map_err(|_| Failure::NoResponse)?,
        };
        let text = response.text().await.map_err(|_| Failure::NoResponse)?;
        if !response.ok() {
            return Err(json::read(&text).map_or(Failure::NoResponse, Failure::Problem));
        }
        if let Some(date) = response.headers().get("date") {
            clock::set(&date);
        }
        Ok(text)
    }

    async fn request(&self) -> std::result::Result<Response, gloo_net::Error> {
        let mut request = request(self.path).method(self.method.clone());
        if let Some(key) = self.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = &self.body {
            let request = request.header("content-type", "application/json");
            return request.body(body)?.send().await;
        }
        request.send().await
    }
}

/// Loads the billing data. `early`: the page has sent the request already.
pub async fn billing(early: bool) -> Result<Billing> {
    let call = Call {
        method: Method::GET,
        path: "",
        body: None,
        key: None,
        early: Cell::new(early),
        retries: 3,
    };
    let text = call.send().await?;
    let bill = json::read(&text).ok_or(Failure::Unreadable)?;
    let state = json::read(&text).ok_or(Failure::Unreadable)?;
    host::set_card_key(&text);
    Ok(Billing { bill, state })
}

/// Submits a payment. `key` is the idempotency key of one press of Pay: retries use the same key, so
/// that one press creates at most one payment. The card is encrypted. If the server can't decrypt it, the
/// key of this page is too old, and the card is encrypted once more, to a new one.
pub async fn fix(key: &str, fix: &FixPayment) -> Result<Fixed> {
    let plain = json::write(fix).ok_or(Failure::Unreadable)?;
    let mut again = true;
    loop {
        let body = host::with_encrypted_card(&plain).await;
        let call = Call {
            method: Method::POST,
            path: "/payments",
            body: Some(body.ok_or(Failure::Unreadable)?),
            key: Some(key),
            early: Cell::new(false),
            retries: 5,
        };
        match call.send().await {
            Ok(text) => return json::read(&text).ok_or(Failure::Unreadable),
            Err(Failure::Problem(problem)) if again && problem.is_about_encryption() => {
                again = false;
                if problem
                    .errors
                    .iter()
                    .any(|error| error.code == "unknown_field")
                {
                    // A server of an older version, while a newer one is installed.
                    host::set_card_key("{}");
                } else {
                    billing(false).await?;
                }
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// Cancels a payment that waits for verification.
pub async fn cancel(payment: &PaymentId) -> Result<State> {
    let call = Call {
        method: Method::POST,
        path: &["/payments/", payment.as_str(), "/cancel"].concat(),
        body: None,
        key: None,
        early: Cell::new(false),
        retries: 0,
    };
    json::read(&call.send().await?).ok_or(Failure::Unreadable)
}
