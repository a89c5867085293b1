//! The Adyen connector with an account at a server whose responses the test chooses.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::LazyLock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use till_server::connectors::{
    Account, Cache, CallError, ClientInfo, Connector, Ctx, NewPayment, NewRefund, PaymentRef,
    PaymentUpdate, Reference, RefundOutcome, WebhookError, WebhookEvent, WebhookMessage, by_kind,
    http_client,
};
use till_server::domain::Timing;
use till_shared::buyer::Buyer;
use till_shared::id::{PaymentId, RefundId};
use till_shared::money::{Currency, Money};
use till_shared::payment::Method;
use till_shared::widget::{BrowserInfo, CardData};
use till_tests::providers::Message;
use till_tests::providers::adyen::webhooks::{KEY, MERCHANT};
use till_tests::providers::mock::header;
use tokio::net::TcpListener;

/// The unique part of the ids.
const UNIQUE: &str = "01a20f6cc88c704985832b4041dd32bf";
/// The time limit of the connector's calls.
const TIME_LIMIT: Duration = Duration::from_millis(500);

/// A response of the server.
#[derive(Clone)]
pub enum Reply {
    /// This status and body.
    Text(u16, String),
    /// None within the time limit.
    Late,
}

impl Reply {
    pub fn json(status: u16, body: Value) -> Self {
        Self::Text(status, body.to_string())
    }

    /// An error in Adyen's documented form.
    pub fn error(status: u16, code: &str) -> Self {
        let body = json!({
            "status": status, "errorCode": code, "message": "no", "errorType": "validation",
        });
        Self::json(status, body)
    }
}

/// A request that the server received.
#[derive(Clone, Debug)]
pub struct Request {
    pub path: String,
    pub key: String,
    pub body: Value,
}

#[derive(Default)]
struct Script {
    replies: VecDeque<Reply>,
    requests: Vec<Request>,
}

/// The connector.
pub struct Fixture {
    pub payment: PaymentId,
    pub credentials: Value,
    script: Arc<Mutex<Script>>,
    connector: Arc<dyn Connector>,
    http: reqwest::Client,
    cache: Cache,
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fixture {
    /// Starts a server that gives these responses in order, and HTTP 500 then.
    pub async fn new(replies: &[Reply]) -> Result<Self> {
        let script = Arc::new(Mutex::new(Script::default()));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let router = Router::new().fallback(reply).with_state(script.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let credentials = json!({
            "api_key": "key", "merchant_account": MERCHANT, "hmac_key": KEY, "base_url": base,
        });
        let fixture = Self {
            script,
            ..Self::at(credentials)?
        };
        fixture.script(replies);
        Ok(fixture)
    }

    /// The connector with these credentials.
    pub fn at(credentials: Value) -> Result<Self> {
        till_tests::client::install_crypto_provider();
        let connector = by_kind("adyen").context("no connector")?;
        connector.check_credentials(&credentials)?;
        Ok(Self {
            payment: PaymentId::from_unique(UNIQUE),
            credentials,
            script: Arc::default(),
            connector,
            http: http_client(TIME_LIMIT)?,
            cache: Cache::default(),
        })
    }

    /// Sets the next responses and forgets the requests.
    pub fn script(&self, replies: &[Reply]) {
        *lock(&self.script) = Script {
            replies: replies.iter().cloned().collect(),
            requests: vec![],
        };
    }

    /// The received requests.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.script).requests.clone()
    }

    fn account(&self) -> Account {
        Account {
            kind: "adyen".into(),
            id: "main".into(),
            credentials: self.credentials.to_string().into(),
        }
    }

    fn ctx<'a>(&'a self, account: &'a Account) -> Ctx<'a> {
        Ctx {
            http: &self.http,
            cache: &self.cache,
            account,
            known: None,
        }
    }

    /// Creates a payment by card.
    pub async fn create(&self) -> Result<PaymentUpdate, CallError> {
        self.create_as(Method::Card, Some(&card()), &client(), None)
            .await
    }

    /// Creates a payment.
    pub async fn create_as(
        &self,
        method: Method,
        card: Option<&CardData>,
        client: &ClientInfo,
        description: Option<&str>,
    ) -> Result<PaymentUpdate, CallError> {
        let new = NewPayment {
            id: &self.payment,
            method,
            money: money(1999),
            card,
            order_id: "42",
            description,
            buyer: &Buyer {
                email: Some("buyer@shop.example".into()),
                phone: Some("+49 30 123456".into()),
                ..Buyer::default()
            },
            locale: Some("de-DE"),
            return_url: "https://till.example/pay/inv_1/return?payment=pay_1&state=abc",
            webhook_url: "https://till.example/v1/connectors/adyen/main/webhooks",
            client,
        };
        self.connector
            .create(&self.ctx(&self.account()), &new)
            .await
    }

    /// The payment.
    pub fn payment_ref<'a>(&'a self, reference: Option<&'a Reference>) -> PaymentRef<'a> {
        PaymentRef {
            id: &self.payment,
            reference,
            created_at: till_tests::providers::now() * 1000 - 60_000,
            calls_ended: true,
        }
    }

    pub async fn fetch(
        &self,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let account = self.account();
        self.connector.fetch(&self.ctx(&account), payment).await
    }

    pub async fn cancel(
        &self,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let account = self.account();
        self.connector.cancel(&self.ctx(&account), payment).await
    }

    /// The buyer returns with this result.
    pub async fn handle_return(&self, result: &str) -> Result<Option<PaymentUpdate>, CallError> {
        let account = self.account();
        let query = [("redirectResult".to_owned(), result.to_owned())];
        let payment = self.payment_ref(None);
        self.connector
            .handle_return(&self.ctx(&account), &payment, &query)
            .await
    }

    pub async fn refund(&self) -> Result<RefundOutcome, CallError> {
        let account = self.account();
        let new = NewRefund {
            id: &RefundId::from_unique(UNIQUE),
            refund_reference: None,
            payment_reference: "QFQTPCQ8HXSKGK82",
            money: money(500),
        };
        self.connector.refund(&self.ctx(&account), &new).await
    }

    pub async fn check_login(&self) -> Result<(), CallError> {
        let account = self.account();
        self.connector.check_login(&self.ctx(&account)).await
    }

    /// Parses a webhook.
    pub async fn parse(&self, message: &Message) -> Result<Vec<WebhookMessage>, WebhookError> {
        let account = self.account();
        let body = message.body.as_bytes();
        self.connector
            .parse_webhook(&self.ctx(&account), &HeaderMap::new(), body, Timing::at(0))
            .await
    }

    /// The events of a webhook.
    pub async fn events(&self, message: &Message) -> Result<Vec<WebhookEvent>> {
        let messages = self.parse(message).await?;
        Ok(messages.into_iter().flat_map(|m| m.events).collect())
    }
}

#[expect(clippy::unwrap_used, reason = "EUR is a currency")]
static EURO: LazyLock<Currency> = LazyLock::new(|| "EUR".parse().unwrap());

pub fn money(amount: i64) -> Money {
    Money {
        amount,
        currency: *EURO,
    }
}

pub fn card() -> CardData {
    CardData {
        number: "4111111111111111".into(),
        exp_month: 3,
        exp_year: 2030,
        cvc: "737".into(),
        holder: None,
    }
}

/// A buyer's client.
pub fn client() -> ClientInfo {
    ClientInfo {
        ip: Some([192, 0, 2, 1].into()),
        user_agent: Some("Mozilla/5.0 (header)".into()),
        accept: Some("application/json".into()),
        origin: Some("https://till.example".into()),
        browser: Some(BrowserInfo {
            user_agent: "Mozilla/5.0".into(),
            language: "de-DE".into(),
            color_depth: 25,
            screen_width: 1280,
            screen_height: 800,
            time_zone_offset: -60,
            java_enabled: false,
        }),
    }
}

async fn reply(
    State(script): State<Arc<Mutex<Script>>>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> (StatusCode, [(&'static str, HeaderValue); 1], String) {
    let json = [("content-type", HeaderValue::from_static("application/json"))];
    let next = {
        let mut script = lock(&script);
        script.requests.push(Request {
            path: uri.path().to_owned(),
            key: header(&headers, "idempotency-key"),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        });
        script.replies.pop_front()
    };
    match next {
        Some(Reply::Text(status, text)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
            (status, json, text)
        }
        Some(Reply::Late) => {
            tokio::time::sleep(4 * TIME_LIMIT).await;
            (StatusCode::OK, json, "{}".to_owned())
        }
        None => (StatusCode::INTERNAL_SERVER_ERROR, json, String::new()),
    }
}
