//! A payment system that answers as a test says, and the calls of a connector to it.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use till_server::connectors::{
    Account, Cache, CallError, ClientInfo, Connector, Ctx, NewPayment, NewRefund, PaymentRef,
    PaymentUpdate, Reference, RefundOutcome, by_kind, http_client,
};
use till_shared::buyer::Buyer;
use till_shared::id::{PaymentId, RefundId};
use till_shared::money::Money;
use till_shared::payment::Method as PaymentMethod;
use tokio::net::TcpListener;

/// Our payment.
pub const PAYMENT: &str = "pay_01a20f6cc88c704985832b4041dd32bf";
/// Our refund.
pub const REFUND: &str = "rfd_01a20f6cc88c704985832b4041dd32c0";

/// A request that was received.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method and the path, for example `GET /v1/payments`.
    pub call: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; null if it is not JSON.
    pub body: Value,
}

#[derive(Default)]
struct Script {
    /// The answers by method and path. The last one is repeated.
    answers: HashMap<String, VecDeque<(u16, String)>>,
    seen: Vec<Request>,
}

/// A connector with an account at a payment system that answers as scripted.
pub struct Scripted {
    /// The base URL.
    pub base: String,
    connector: Arc<dyn Connector>,
    account: Account,
    http: reqwest::Client,
    cache: Cache,
    payment: PaymentId,
    refund: RefundId,
    script: Arc<Mutex<Script>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let call = format!("{method} {}", uri.path());
    let mut script = lock(&script);
    script.seen.push(Request {
        call: call.clone(),
        headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    let answer = script.answers.get_mut(&call).and_then(|answers| {
        if answers.len() > 1 {
            answers.pop_front()
        } else {
            answers.front().cloned()
        }
    });
    let (status, body) = answer.unwrap_or((404, "nothing is scripted".into()));
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, body).into_response()
}

impl Scripted {
    /// Starts a payment system. `credentials` gets its base URL.
    pub async fn start(kind: &str, credentials: impl FnOnce(&str) -> Value) -> Result<Self> {
        till_tests::client::install_crypto_provider();
        let script = Arc::<Mutex<Script>>::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(answer).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let account = Account {
            kind: kind.to_owned(),
            id: "main".into(),
            credentials: credentials(&base).to_string().into(),
        };
        Ok(Self {
            base,
            connector: by_kind(kind).context("no connector")?,
            account,
            http: http_client(Duration::from_secs(5))?,
            cache: Cache::default(),
            payment: PAYMENT.parse()?,
            refund: REFUND.parse()?,
            script,
        })
    }

    /// Sets the answers to a call, in this order. The last one is repeated.
    pub fn answers(&self, call: &str, answers: &[(u16, &Value)]) {
        let text = |body: &Value| {
            body.as_str()
                .map_or_else(|| body.to_string(), str::to_owned)
        };
        let answers = answers.iter().map(|(status, body)| (*status, text(body)));
        let answers = answers.collect();
        lock(&self.script).answers.insert(call.to_owned(), answers);
    }

    /// Returns the received requests and forgets them.
    pub fn seen(&self) -> Vec<Request> {
        std::mem::take(&mut lock(&self.script).seen)
    }

    /// What a call needs.
    pub fn ctx(&self) -> Ctx<'_> {
        Ctx {
            http: &self.http,
            cache: &self.cache,
            account: &self.account,
            known: None,
        }
    }

    /// The connector.
    pub fn connector(&self) -> &dyn Connector {
        self.connector.as_ref()
    }

    fn payment_ref<'a>(&'a self, reference: &'a Reference, calls_ended: bool) -> PaymentRef<'a> {
        PaymentRef {
            id: &self.payment,
            reference: Some(reference),
            created_at: 0,
            calls_ended,
        }
    }

    /// Creates a payment of 19.99 EUR.
    pub async fn create(&self, method: PaymentMethod) -> Result<PaymentUpdate, CallError> {
        let buyer = Buyer {
            email: Some("buyer@shop.example".into()),
            country: Some("AT".into()),
            ..Buyer::default()
        };
        let new = NewPayment {
            id: &self.payment,
            method,
            money: money(1999)?,
            card: None,
            order_id: "42",
            description: Some("A print"),
            buyer: &buyer,
            locale: Some("de"),
            return_url: "https://till.example/pay/inv_1/return?payment=pay_1&state=abc",
            webhook_url: "https://till.example/v1/connectors/kind/main/webhooks",
            client: &ClientInfo::default(),
        };
        self.connector.create(&self.ctx(), &new).await
    }

    /// Fetches the payment. `calls_ended` as in [`PaymentRef`].
    pub async fn fetch(
        &self,
        reference: &Reference,
        calls_ended: bool,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let payment = self.payment_ref(reference, calls_ended);
        self.connector.fetch(&self.ctx(), &payment).await
    }

    /// Cancels the payment.
    pub async fn cancel(&self, reference: &Reference) -> Result<Option<PaymentUpdate>, CallError> {
        let payment = self.payment_ref(reference, false);
        self.connector.cancel(&self.ctx(), &payment).await
    }

    /// Handles the buyer's return with this query.
    pub async fn handle_return(
        &self,
        reference: &Reference,
        query: &[(&str, &str)],
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let payment = self.payment_ref(reference, false);
        let query: Vec<_> = query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.connector
            .handle_return(&self.ctx(), &payment, &query)
            .await
    }

    /// Refunds 5.00 EUR of a payment.
    pub async fn refund(&self, payment: &str) -> Result<RefundOutcome, CallError> {
        let new = NewRefund {
            id: &self.refund,
            refund_reference: None,
            payment_reference: payment,
            money: money(500)?,
        };
        self.connector.refund(&self.ctx(), &new).await
    }
}

fn money(amount: i64) -> Result<Money, CallError> {
    let currency = "EUR".parse();
    let currency =
        currency.map_err(|_| CallError::NotSent(till_server::connectors::Cause::Credentials))?;
    Ok(Money { amount, currency })
}

/// What a call's result means for the payment.
pub fn meaning<T>(result: &Result<T, CallError>) -> &'static str {
    match result {
        Ok(_) => "answered",
        Err(CallError::NotSent(_)) => "not sent",
        Err(CallError::Refused(_)) => "refused",
        Err(CallError::Unknown(_)) => "unknown",
    }
}

/// Bodies of error responses that a payment system did not write.
pub fn foreign_bodies() -> [Value; 3] {
    [
        json!("<html><h1>Forbidden</h1></html>"),
        json!({ "message": "Forbidden" }),
        json!({}),
    ]
}
