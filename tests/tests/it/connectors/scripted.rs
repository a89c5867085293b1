//! A payment system that answers as a test says, and a connector that calls it.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method as Verb, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use till_server::connectors::{
    Account, Cache, CallError, Carrier, ClientInfo, Connector, Ctx, KnownPayments, NewPayment,
    NewRefund, PaymentRef, PaymentUpdate, Postponed, Reference, RefundOutcome, Subject,
    WebhookError, WebhookEvent, by_kind, http_client,
};
use till_server::domain::Timing;
use till_shared::buyer::Buyer;
use till_shared::id::{PaymentId, RefundId};
use till_shared::money::{Currency, Money};
use till_shared::payment::Method;
use till_shared::widget::CardData;
use till_tests::providers::{Message, now};
use tokio::net::TcpListener;

/// A request that was received.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method, path and query.
    pub call: String,
    /// The header `Idempotency-Key`.
    pub key: String,
    /// The body.
    pub body: String,
}

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<(u16, String)>>,
    received: Mutex<Vec<Received>>,
}

/// A payment system that answers as a test says, with a connector and an account.
pub struct Scripted {
    script: Arc<Script>,
    /// The connector.
    pub connector: Arc<dyn Connector>,
    account: Account,
    http: reqwest::Client,
    cache: Cache,
    euro: Currency,
    /// The payment's id.
    pub payment: PaymentId,
    /// The refund's id.
    pub refund: RefundId,
    /// Whether this server has the payments that webhooks name.
    pub known: bool,
}

struct Known(bool);

impl KnownPayments for Known {
    fn carrier<'a, 'b, 'c, 'd>(
        &'a self,
        _: &'b Account,
        _: &'c Subject,
    ) -> Pin<Box<dyn Future<Output = Result<Carrier, Postponed>> + Send + 'd>>
    where
        'a: 'd,
        'b: 'd,
        'c: 'd,
        Self: 'd,
    {
        let carrier = if self.0 {
            Carrier::ThisAccount
        } else {
            Carrier::Unknown
        };
        Box::pin(std::future::ready(Ok(carrier)))
    }

    fn may_call(&self, _: &Subject) -> bool {
        true
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn respond(
    State(script): State<Arc<Script>>,
    verb: Verb,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let key = headers.get("idempotency-key").and_then(|v| v.to_str().ok());
    lock(&script.received).push(Received {
        call: format!("{verb} {}", uri.path_and_query().map_or("", |p| p.as_str())),
        key: key.unwrap_or_default().to_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let answer = lock(&script.answers).pop_front();
    let (status, body) = answer.unwrap_or((500, "unexpected call".into()));
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, body).into_response()
}

impl Scripted {
    /// Starts the payment system. `credentials` get its URL.
    pub async fn start(kind: &str, mut credentials: Value) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        credentials["base_url"] = format!("http://{}", listener.local_addr()?).into();
        let scripted = Self::at(kind, &credentials)?;
        let router = Router::new().fallback(respond);
        let router = router.with_state(scripted.script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(scripted)
    }

    /// A connector that calls another payment system.
    pub fn at(kind: &str, credentials: &Value) -> Result<Self> {
        till_tests::client::install_crypto_provider();
        Ok(Self {
            script: Arc::default(),
            connector: by_kind(kind).context("no connector")?,
            account: Account {
                kind: kind.to_owned(),
                id: "main".into(),
                credentials: credentials.to_string().into(),
            },
            http: http_client(Duration::from_secs(5))?,
            cache: Cache::default(),
            euro: "EUR".parse()?,
            payment: PaymentId::from_unique("01a20f6cc88c704985832b4041dd32bf"),
            refund: RefundId::from_unique("01a20f6cc88c704985832b4041dd32c0"),
            known: true,
        })
    }

    /// Adds the answer to a call.
    pub fn answer(&self, status: u16, body: &Value) {
        self.answer_text(status, &body.to_string());
    }

    /// Adds the answer to a call, which need not be JSON.
    pub fn answer_text(&self, status: u16, body: &str) {
        lock(&self.script.answers).push_back((status, body.to_owned()));
    }

    /// Returns the requests since the last call of this function.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.script.answers).clear();
        std::mem::take(&mut *lock(&self.script.received))
    }

    /// Returns an amount in EUR.
    pub fn money(&self, amount: i64) -> Money {
        Money {
            amount,
            currency: self.euro,
        }
    }

    fn ctx<'a>(&'a self, known: &'a Known) -> Ctx<'a> {
        Ctx {
            http: &self.http,
            cache: &self.cache,
            account: &self.account,
            known: Some(known),
        }
    }

    fn payment_ref<'a>(&'a self, reference: Option<&'a Reference>) -> PaymentRef<'a> {
        PaymentRef {
            id: &self.payment,
            reference,
            created_at: 1_800_000_000_000,
            calls_ended: true,
        }
    }

    /// Creates a payment of 19.99 EUR, by card with a card number.
    pub async fn create(&self, method: Method, buyer: &Buyer) -> Result<PaymentUpdate, CallError> {
        let card = CardData {
            number: "4242424242424242".into(),
            exp_month: 3,
            exp_year: 2030,
            cvc: "737".into(),
            holder: None,
        };
        let client = ClientInfo {
            ip: Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7))),
            user_agent: Some("Mozilla/5.0 (test)".into()),
            origin: Some("https://shop.example".into()),
            ..ClientInfo::default()
        };
        let new = NewPayment {
            id: &self.payment,
            method,
            money: self.money(1999),
            card: (method == Method::Card).then_some(&card),
            order_id: "42",
            description: None,
            buyer,
            locale: Some("de-AT"),
            return_url: "https://till.example/pay/inv_1/return",
            webhook_url: "https://till.example/v1/connectors/kind/main/webhooks",
            client: &client,
        };
        self.connector
            .create(&self.ctx(&Known(self.known)), &new)
            .await
    }

    /// Fetches the payment.
    pub async fn fetch(
        &self,
        reference: Option<&Reference>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let known = Known(self.known);
        let payment = self.payment_ref(reference);
        self.connector.fetch(&self.ctx(&known), &payment).await
    }

    /// Cancels the payment.
    pub async fn cancel(
        &self,
        reference: Option<&Reference>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let known = Known(self.known);
        let payment = self.payment_ref(reference);
        self.connector.cancel(&self.ctx(&known), &payment).await
    }

    /// Refunds 5 EUR of the payment; `known` is the refund's id, if the payment system has it.
    pub async fn refund(
        &self,
        payment_reference: &str,
        refund_reference: Option<&str>,
    ) -> Result<RefundOutcome, CallError> {
        let new = NewRefund {
            id: &self.refund,
            refund_reference,
            payment_reference,
            money: self.money(500),
        };
        self.connector
            .refund(&self.ctx(&Known(self.known)), &new)
            .await
    }

    /// Checks the account's credentials.
    pub async fn check_login(&self) -> Result<(), CallError> {
        self.connector
            .check_login(&self.ctx(&Known(self.known)))
            .await
    }

    /// Returns what a webhook reports.
    pub async fn webhook(&self, message: &Message) -> Result<Vec<WebhookEvent>, WebhookError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &message.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let known = Known(self.known);
        let (ctx, timing) = (self.ctx(&known), Timing::at(now() * 1000));
        let body = message.body.as_bytes();
        let messages = self
            .connector
            .parse_webhook(&ctx, &headers, body, timing)
            .await?;
        Ok(messages.into_iter().flat_map(|m| m.events).collect())
    }
}

/// Names what an error means for a payment.
pub fn class<T>(result: &Result<T, CallError>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(CallError::NotSent(_)) => "not sent",
        Err(CallError::Refused(_)) => "refused",
        Err(CallError::Unknown(_)) => "unknown",
    }
}
