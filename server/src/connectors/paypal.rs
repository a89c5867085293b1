//! PayPal: an order, which the buyer approves on PayPal's page and we then capture.
//! <https://developer.paypal.com/docs/api/orders/v2/>
//!
//! An order takes no money by itself, and nobody can approve one whose link never reached us: a
//! lost answer to its creation means that nothing was or will be taken. Money moves at the capture,
//! whose key is our payment's id and which may therefore be repeated; how it went is read from the
//! order.

use super::amount::{decimal_string, from_decimal_string};
use super::client::{Answer, send, send_harmless};
use super::credentials::{self, BaseUrl};
use super::{
    CallError, Capabilities, Connector, Ctx, Known, NewPayment, NewRefund, News, PaymentUpdate,
    RefundOutcome, Webhook, WebhookError,
};
use crate::domain::Timing;
use async_trait::async_trait;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method as Verb, RequestBuilder};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, UnixTime};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use till_shared::money::{Currency, Money};
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::Verification;
use tokio::sync::Mutex;
use url::Url;

/// <https://developer.paypal.com/api/rest/reference/currency-codes/>
const CURRENCIES: &[&str] = &[
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "JPY",
    "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD",
];

/// Issues of a capture that are a no, not an error:
/// <https://developer.paypal.com/docs/api/orders/v2/#errors>
const ISSUES: &[(&str, DeclineCode)] = {
    use DeclineCode::*;
    &[
        ("COMPLIANCE_VIOLATION", FraudSuspected),
        ("INSTRUMENT_DECLINED", CardDeclined),
        ("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", LimitExceeded),
        ("ORDER_EXPIRED", VerificationAbandoned),
        ("PAYEE_BLOCKED_TRANSACTION", FraudSuspected),
        ("PAYER_ACCOUNT_LOCKED_OR_CLOSED", CardDeclined),
        ("PAYER_ACCOUNT_RESTRICTED", CardDeclined),
        ("PAYER_CANNOT_PAY", CardDeclined),
        ("PAYMENT_SOURCE_CANNOT_BE_USED", MethodUnavailable),
        ("PAYMENT_SOURCE_DECLINED_BY_PROCESSOR", CardDeclined),
        (
            "TRANSACTION_AMOUNT_EXCEEDS_MONTHLY_MAX_LIMIT",
            LimitExceeded,
        ),
        ("TRANSACTION_BLOCKED_BY_PAYEE", FraudSuspected),
        ("TRANSACTION_LIMIT_EXCEEDED", LimitExceeded),
        ("TRANSACTION_RECEIVING_LIMIT_EXCEEDED", LimitExceeded),
        ("TRANSACTION_REFUSED", CardDeclined),
    ]
};

/// `processor_response.response_code` of a card behind a PayPal account:
/// <https://developer.paypal.com/docs/api/orders/v2/#definition-processor_response>
const PROCESSOR: &[(&str, DeclineCode)] = {
    use DeclineCode::*;
    &[
        ("00N7", IncorrectCvc),
        ("0390", IncorrectNumber),
        ("0500", CardDeclined),
        ("0580", CardDeclined),
        ("0960", ProcessingError),
        ("0R00", VerificationAbandoned),
        ("1310", LimitExceeded),
        ("1320", MethodUnavailable),
        ("1330", IncorrectNumber),
        ("1380", ExpiredCard),
        ("1382", IncorrectCvc),
        ("5100", CardDeclined),
        ("5110", IncorrectCvc),
        ("5120", InsufficientFunds),
        ("5135", LimitExceeded),
        ("5140", CardDeclined),
        ("5170", CardDeclined),
        ("5180", CardDeclined),
        ("5200", ProcessingError),
        ("5400", ExpiredCard),
        ("5650", VerificationFailed),
        ("5700", MethodUnavailable),
        ("5710", LimitExceeded),
        ("5910", ProcessingError),
        ("5920", ProcessingError),
        ("6300", IncorrectNumber),
        ("7700", VerificationFailed),
        ("7710", VerificationFailed),
        ("7800", IncorrectNumber),
        ("8000", ProcessingError),
        ("8100", ProcessingError),
        ("8110", ProcessingError),
        ("8220", ProcessingError),
        ("9500", FraudSuspected),
        ("9510", FraudSuspected),
        ("9520", CardDeclined),
    ]
};

/// What our return URL says when the buyer turned back on PayPal's page.
const TURNED_BACK: (&str, &str) = ("paypal", "canceled");
/// How old a webhook may be, in seconds: PayPal repeats itself for three days, with the time of the
/// first attempt. <https://developer.paypal.com/api/rest/webhooks/>
const TOLERANCE: u64 = 3 * 86_400 + 300;
/// PayPal's hosts that may serve the certificate a webhook is signed with.
const CERTIFICATE_HOSTS: [&str; 4] = [
    "api.paypal.com",
    "api-m.paypal.com",
    "api.sandbox.paypal.com",
    "api-m.sandbox.paypal.com",
];
/// The names such a certificate is for end so.
const CERTIFICATE_NAME: &str = ".paypal.com";
/// How many certificates are kept.
const MOST_CERTIFICATES: usize = 32;
/// A token is renewed so long before it ends.
const TOKEN_MARGIN: Duration = Duration::from_secs(60);

/// Access tokens, by base URL, client and a fingerprint of its secret.
static TOKENS: LazyLock<Mutex<HashMap<String, (SecretString, Instant)>>> =
    LazyLock::new(Mutex::default);
/// Certificates by their URL, in PEM as they were served.
static CERTIFICATES: LazyLock<Mutex<HashMap<String, Vec<u8>>>> = LazyLock::new(Mutex::default);

/// The connector.
pub struct PayPal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    client_id: String,
    client_secret: SecretString,
    webhook_id: String,
    #[serde(default = "live")]
    base_url: BaseUrl,
    /// A certificate authority in PEM to trust for webhooks beside the public ones, for tests.
    certificate_authority: Option<String>,
}

fn live() -> BaseUrl {
    BaseUrl::fixed("https://api-m.paypal.com")
}

#[derive(Deserialize)]
struct Token {
    access_token: SecretString,
    expires_in: u64,
}

#[derive(Deserialize)]
struct Amount {
    value: String,
    currency_code: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum OrderStatus {
    Created,
    Saved,
    Approved,
    Voided,
    Completed,
    PayerActionRequired,
    #[default]
    #[serde(other)]
    Other,
}

/// PayPal's description calls none of its fields required.
#[derive(Deserialize)]
struct Order {
    id: Option<String>,
    #[serde(default)]
    status: OrderStatus,
    #[serde(default)]
    purchase_units: Vec<Unit>,
    #[serde(default)]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Unit {
    custom_id: Option<String>,
    payments: Option<Payments>,
}

#[derive(Deserialize)]
struct Payments {
    #[serde(default)]
    captures: Vec<Capture>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
    href: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum CaptureStatus {
    Completed,
    Declined,
    /// Of webhooks only.
    Denied,
    PartiallyRefunded,
    Pending,
    Refunded,
    Failed,
    #[default]
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Capture {
    id: Option<String>,
    #[serde(default)]
    status: CaptureStatus,
    amount: Option<Amount>,
    custom_id: Option<String>,
    #[serde(default)]
    processor_response: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum RefundStatus {
    Cancelled,
    Failed,
    Pending,
    Completed,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Refund {
    id: String,
    status: RefundStatus,
    custom_id: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    name: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default)]
    issue: String,
}

#[derive(Deserialize)]
struct Event {
    id: String,
    event_type: String,
    resource: Value,
}

/// PayPal takes no decimals of HUF and TWD.
fn decimals(currency: Currency) -> u32 {
    match currency.code() {
        "HUF" | "TWD" => 0,
        _ => currency.exponent(),
    }
}

fn amount(money: Money) -> Result<Value, CallError> {
    let value = decimal_string(money, decimals(money.currency))?;
    Ok(json!({ "value": value, "currency_code": money.currency }))
}

impl Amount {
    fn money(&self) -> Option<Money> {
        from_decimal_string(&self.value, self.currency_code.parse().ok()?)
    }
}

impl From<Capture> for PaymentUpdate {
    fn from(capture: Capture) -> Self {
        let code = capture.processor_response["response_code"].as_str();
        let code = PROCESSOR.iter().find(|(known, _)| code == Some(known));
        let declined = Self::declined(code.map_or(DeclineCode::CardDeclined, |(_, ours)| *ours));
        let update = match capture.status {
            CaptureStatus::Completed
            | CaptureStatus::PartiallyRefunded
            | CaptureStatus::Refunded => Self {
                reference: capture.id,
                ..Self::status(PaymentStatus::Succeeded)
            },
            CaptureStatus::Declined | CaptureStatus::Denied | CaptureStatus::Failed => declined,
            CaptureStatus::Pending | CaptureStatus::Other => {
                Self::status(PaymentStatus::Processing)
            }
        };
        update.over(capture.amount.and_then(|a| a.money()))
    }
}

impl From<Order> for PaymentUpdate {
    fn from(order: Order) -> Self {
        let form = order
            .links
            .into_iter()
            .find(|link| ["payer-action", "approve"].contains(&&link.rel[..]));
        let units = order.purchase_units.into_iter();
        let capture = units
            .filter_map(|unit| unit.payments)
            .flat_map(|p| p.captures)
            .next();
        let update = match order.status {
            OrderStatus::Created | OrderStatus::Saved | OrderStatus::PayerActionRequired => Self {
                verification: form.map_or(Verification::None, |f| Verification::Redirect {
                    url: f.href,
                }),
                ..Self::status(PaymentStatus::RequiresVerification)
            },
            OrderStatus::Voided => Self::status(PaymentStatus::Canceled),
            OrderStatus::Completed if capture.is_some() => match capture {
                Some(capture) => capture.into(),
                None => Self::status(PaymentStatus::Processing),
            },
            OrderStatus::Approved | OrderStatus::Completed | OrderStatus::Other => {
                Self::status(PaymentStatus::Processing)
            }
        };
        Self {
            reference: update.reference.clone().or(order.id),
            ..update
        }
    }
}

impl From<Refund> for RefundOutcome {
    fn from(refund: Refund) -> Self {
        match refund.status {
            RefundStatus::Completed => Self::Succeeded(refund.id),
            RefundStatus::Pending | RefundStatus::Other => Self::Pending(refund.id),
            RefundStatus::Failed => Self::Refused("failed".into()),
            RefundStatus::Cancelled => Self::Refused("cancelled".into()),
        }
    }
}

struct Api<'a> {
    ctx: &'a Ctx<'a>,
    own: Credentials,
}

impl<'a> Api<'a> {
    fn new(ctx: &'a Ctx<'a>) -> Result<Self, CallError> {
        let own = credentials::read(ctx)?;
        Ok(Self { ctx, own })
    }

    /// Until there is a token nothing was asked for: every failure is [`CallError::NotSent`].
    async fn token(&self, used_up: Option<&str>) -> Result<SecretString, CallError> {
        let own = &self.own;
        let secret = own.client_secret.expose_secret();
        let print = crate::crypto::key_hash(secret);
        let place = format!("{} {} {print}", own.base_url, own.client_id);
        let mut tokens = TOKENS.lock().await;
        if let Some((token, until)) = tokens.get(&place)
            && *until > Instant::now()
            && used_up != Some(token.expose_secret())
        {
            return Ok(token.clone());
        }
        let request = self
            .ctx
            .http
            .post(format!("{}/v1/oauth2/token", own.base_url));
        let request = request
            .basic_auth(&own.client_id, Some(secret))
            .form(&[("grant_type", "client_credentials")]);
        let not_sent = |e: CallError| CallError::NotSent(format!("no access token: {e}"));
        let answer = send(request).await.map_err(not_sent)?;
        if !answer.status.is_success() {
            let why = format!("no access token: HTTP {}", answer.status);
            return Err(CallError::NotSent(why));
        }
        let token: Token = answer.json().map_err(not_sent)?;
        let life = Duration::from_secs(token.expires_in).saturating_sub(TOKEN_MARGIN);
        let until = Instant::now() + life;
        tokens.insert(place, (token.access_token.clone(), until));
        Ok(token.access_token)
    }

    /// Asks with a token, and with a new one where PayPal does not take the old one any more:
    /// nothing was carried out then.
    async fn ask(
        &self,
        harmless: bool,
        request: impl Fn(&reqwest::Client, &BaseUrl) -> RequestBuilder + Send + Sync,
    ) -> Result<Answer, CallError> {
        let mut token = self.token(None).await?;
        let with = |token: &SecretString| {
            request(self.ctx.http, &self.own.base_url)
                .bearer_auth(token.expose_secret())
                // Whole objects in every answer.
                .header("prefer", "return=representation")
        };
        let mut answer = match harmless {
            true => send_harmless(with(&token)).await?,
            false => send(with(&token)).await?,
        };
        if answer.status == 401 {
            token = self.token(Some(token.expose_secret())).await?;
            answer = send(with(&token)).await?;
        }
        Ok(answer)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, CallError> {
        let request =
            |http: &reqwest::Client, base: &BaseUrl| http.get(format!("{base}/v2/{path}"));
        let answer = self.ask(true, request).await?;
        match answer.status.as_u16() {
            200 => answer.json().map(Some),
            // Not there, in its own words: anybody on the way may say 404.
            404 => answer.json::<Failure>().map(|_| None),
            _ => Err(failure(&answer).1),
        }
    }

    async fn post(
        &self,
        harmless: bool,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Result<Answer, CallError> {
        let request = |http: &reqwest::Client, base: &BaseUrl| {
            let request = http.request(Verb::POST, format!("{base}/v2/{path}"));
            request.header("paypal-request-id", key).json(body)
        };
        self.ask(harmless, request).await
    }

    async fn order(&self, id: &str) -> Result<Option<Order>, CallError> {
        self.get(&format!("checkout/orders/{id}")).await
    }

    /// Takes the money of an order that the buyer has approved.
    async fn capture(&self, payment: &Known<'_>, order: &str) -> Result<PaymentUpdate, CallError> {
        let key = format!("{}-capture", payment.id);
        let path = format!("checkout/orders/{order}/capture");
        let answer = self.post(false, &path, &key, &json!({})).await?;
        if answer.status.is_success() {
            return Ok(answer.json::<Order>()?.into());
        }
        let (issue, error) = failure(&answer);
        if let Some((_, code)) = ISSUES.iter().find(|(known, _)| *known == issue) {
            return Ok(PaymentUpdate::declined(*code));
        }
        // Captured before, or not ripe: the order says.
        match self.order(order).await? {
            Some(order) if !matches!(order.status, OrderStatus::Approved) => Ok(order.into()),
            Some(_) | None => Err(error),
        }
    }
}

/// The issue that PayPal names, and what it means for the call.
fn failure(answer: &Answer) -> (String, CallError) {
    let (issue, why) = match answer.json::<Failure>() {
        Ok(f) => {
            let issue = f.details.into_iter().next().map(|d| d.issue);
            let issue = issue.unwrap_or_default();
            let why = format!("{} {issue} {}", f.name, f.message);
            (issue, why)
        }
        // A refusal that is not in its own words may be anybody's on the way.
        Err(unknown) => return (String::new(), unknown),
    };
    match answer.status.as_u16() {
        // A call before this one is under way.
        409 => (issue, CallError::Unknown(why)),
        _ => (issue, CallError::Refused(why)),
    }
}

#[async_trait]
impl Connector for PayPal {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            methods: &[Method::Paypal],
            currencies: Some(CURRENCIES),
            refunds: true,
            own_form: true,
            card_data: false,
        }
    }

    fn check_credentials(&self, credentials: &Value) -> Result<(), String> {
        let expected = "client_id, client_secret and webhook_id, each a text, and base_url if it \
                        is not PayPal's own";
        credentials::check::<Credentials>(credentials, expected)
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        let api = Api::new(ctx)?;
        let (name, value) = TURNED_BACK;
        let mut unit = json!({
            "custom_id": new.id,
            // PayPal takes money for an invoice id once, whatever else goes wrong.
            "invoice_id": new.id,
            "amount": amount(new.money)?,
        });
        if let Some(description) = new.description {
            unit["description"] = description.chars().take(127).collect::<String>().into();
        }
        let body = json!({
            "intent": "CAPTURE",
            "purchase_units": [unit],
            "payment_source": { "paypal": { "experience_context": {
                "return_url": new.return_url,
                "cancel_url": format!("{}&{name}={value}", new.return_url),
                "user_action": "PAY_NOW",
                "shipping_preference": "NO_SHIPPING",
            } } },
        });
        let answer = api
            .post(true, "checkout/orders", new.id.as_str(), &body)
            .await?;
        match answer.status.is_success() {
            true => Ok(answer.json::<Order>()?.into()),
            false => Err(failure(&answer).1),
        }
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let Some(id) = payment.reference else {
            return Ok(None);
        };
        let api = Api::new(ctx)?;
        match api.order(id).await? {
            Some(order) if matches!(order.status, OrderStatus::Approved) => {
                api.capture(payment, id).await.map(Some)
            }
            order => Ok(order.map(Into::into)),
        }
    }

    async fn returned(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
        query: &[(String, String)],
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let (name, value) = TURNED_BACK;
        if !query.iter().any(|(n, v)| n == name && v == value) {
            return self.fetch(ctx, payment).await;
        }
        let called_off = self.cancel(ctx, payment).await?;
        Ok(called_off.map(|update| match update.status {
            PaymentStatus::Canceled => PaymentUpdate::declined(DeclineCode::VerificationAbandoned),
            _ => update,
        }))
    }

    /// An order can't be called off; one that we never capture takes nothing.
    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let canceled = PaymentUpdate::status(PaymentStatus::Canceled);
        let Some(id) = payment.reference else {
            return Ok(Some(canceled));
        };
        let order = Api::new(ctx)?.order(id).await?;
        Ok(Some(match order {
            Some(order) if matches!(order.status, OrderStatus::Completed) => order.into(),
            Some(_) | None => canceled,
        }))
    }

    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        let api = Api::new(ctx)?;
        if let Some(id) = new.known {
            let found: Option<Refund> = api.get(&format!("payments/refunds/{id}")).await?;
            let gone = || CallError::Unknown("the refund is not there any more".into());
            return found.map(Into::into).ok_or_else(gone);
        }
        let path = format!("payments/captures/{}/refund", new.reference);
        let body = json!({ "amount": amount(new.money)?, "custom_id": new.id });
        let answer = api.post(false, &path, new.id.as_str(), &body).await?;
        match answer.status.is_success() {
            true => Ok(answer.json::<Refund>()?.into()),
            false => Err(failure(&answer).1),
        }
    }

    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        headers: &HeaderMap,
        body: &[u8],
        timing: Timing,
    ) -> Result<Vec<Webhook>, WebhookError> {
        let own: Credentials = credentials::read(ctx)?;
        verify(ctx, &own, headers, body, timing).await?;
        let malformed = |e: serde_json::Error| WebhookError::Malformed(e.to_string());
        let event: Event = serde_json::from_slice(body).map_err(malformed)?;
        let resource = event.resource;
        let news = match event.event_type.as_str() {
            "PAYMENT.CAPTURE.COMPLETED"
            | "PAYMENT.CAPTURE.PENDING"
            | "PAYMENT.CAPTURE.DECLINED"
            | "PAYMENT.CAPTURE.DENIED" => {
                let capture: Capture = serde_json::from_value(resource).map_err(malformed)?;
                let id = capture.custom_id.as_deref().and_then(|id| id.parse().ok());
                id.map(|id| News::Payment(id, capture.into()))
            }
            "PAYMENT.CAPTURE.REFUNDED" | "PAYMENT.REFUND.PENDING" | "PAYMENT.REFUND.FAILED" => {
                let refund: Refund = serde_json::from_value(resource).map_err(malformed)?;
                let id = refund.custom_id.as_deref().and_then(|id| id.parse().ok());
                id.map(|id| News::Refund(id, refund.into()))
            }
            // Approved: to be captured, if the payment has not been given up since.
            "CHECKOUT.ORDER.APPROVED"
            | "CHECKOUT.ORDER.COMPLETED"
            | "CHECKOUT.PAYMENT-APPROVAL.REVERSED" => {
                let units = resource.get("purchase_units").cloned().unwrap_or(json!([]));
                let units: Vec<Unit> = serde_json::from_value(units).map_err(malformed)?;
                let mut ids = units.into_iter().filter_map(|unit| unit.custom_id);
                ids.find_map(|id| id.parse().ok()).map(News::Ask)
            }
            _ => None,
        };
        Ok(vec![Webhook {
            event_id: event.id,
            news: news.into_iter().collect(),
        }])
    }
}

/// <https://developer.paypal.com/api/rest/webhooks/rest/#link-messagesignature>
async fn verify(
    ctx: &Ctx<'_>,
    own: &Credentials,
    headers: &HeaderMap,
    body: &[u8],
    timing: Timing,
) -> Result<(), WebhookError> {
    let header = |name: &str| {
        let value = headers.get(format!("paypal-{name}"));
        let value = value.and_then(|v| v.to_str().ok());
        value.ok_or(WebhookError::Forged("a header is missing"))
    };
    let (id, time) = (header("transmission-id")?, header("transmission-time")?);
    let sent: jiff::Timestamp = time.parse().map_err(|_| WebhookError::Forged("no time"))?;
    if timing.now_seconds().abs_diff(sent.as_second()) > TOLERANCE {
        return Err(WebhookError::Forged("too old"));
    }
    if header("auth-algo")? != "SHA256withRSA" {
        return Err(WebhookError::Forged("not the algorithm that PayPal uses"));
    }
    let signature = STANDARD.decode(header("transmission-sig")?);
    let signature = signature.map_err(|_| WebhookError::Forged("not base64"))?;
    let signed = format!("{id}|{time}|{}|{}", own.webhook_id, crc32fast::hash(body));
    let pem = certificate(ctx, own, header("cert-url")?).await?;
    check_signature(&pem, own, signed.as_bytes(), &signature, timing)
}

/// The certificate, from PayPal's hosts alone.
async fn certificate(ctx: &Ctx<'_>, own: &Credentials, url: &str) -> Result<Vec<u8>, WebhookError> {
    let parsed = Url::parse(url).map_err(|_| WebhookError::Forged("no certificate's address"))?;
    let host = parsed.host_str().unwrap_or_default();
    let pinned = parsed.scheme() == "https" && CERTIFICATE_HOSTS.contains(&host);
    let base = Url::parse(&own.base_url.to_string()).map(|u| u.origin());
    if !pinned && base.ok() != Some(parsed.origin()) {
        return Err(WebhookError::Forged(
            "the certificate is not PayPal's to give",
        ));
    }
    if let Some(pem) = CERTIFICATES.lock().await.get(url) {
        return Ok(pem.clone());
    }
    let answer = send(ctx.http.get(parsed)).await?;
    if !answer.status.is_success() {
        return Err(WebhookError::Forged("there is no such certificate"));
    }
    let pem = answer.bytes().to_vec();
    let mut kept = CERTIFICATES.lock().await;
    if kept.len() >= MOST_CERTIFICATES {
        kept.clear();
    }
    kept.insert(url.to_owned(), pem.clone());
    Ok(pem)
}

fn check_signature(
    pem: &[u8],
    own: &Credentials,
    signed: &[u8],
    signature: &[u8],
    timing: Timing,
) -> Result<(), WebhookError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|_| WebhookError::Forged("the certificate can't be read"))?;
    let (leaf, intermediates) = chain
        .split_first()
        .ok_or(WebhookError::Forged("no certificate"))?;
    let leaf = webpki::EndEntityCert::try_from(leaf)
        .map_err(|_| WebhookError::Forged("the certificate can't be read"))?;
    let extra = own.certificate_authority.as_ref();
    let extra = extra.and_then(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).ok());
    let extra = extra
        .as_ref()
        .and_then(|c| webpki::anchor_from_trusted_cert(c).ok());
    let anchors: Vec<_> = webpki_roots::TLS_SERVER_ROOTS
        .iter()
        .cloned()
        .chain(extra)
        .collect();
    let seconds = u64::try_from(timing.now_seconds()).unwrap_or(0);
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        intermediates,
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        webpki::KeyUsage::server_auth(),
        None,
        None,
    )
    .map_err(|_| WebhookError::Forged("nobody we trust vouches for the certificate"))?;
    if !leaf
        .valid_dns_names()
        .any(|name| name.ends_with(CERTIFICATE_NAME))
    {
        return Err(WebhookError::Forged("the certificate is not PayPal's"));
    }
    leaf.verify_signature(webpki::ring::RSA_PKCS1_2048_8192_SHA256, signed, signature)
        .map_err(|_| WebhookError::Forged("wrong"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_that_paypal_takes() {
        let value = |amount: i64, code: &str| {
            let currency = code.parse().unwrap();
            let amount = super::amount(Money { amount, currency }).ok()?;
            amount["value"].as_str().map(str::to_owned)
        };
        assert_eq!(value(1999, "EUR").as_deref(), Some("19.99"));
        assert_eq!(value(500, "JPY").as_deref(), Some("500"));
        assert_eq!(value(50000, "HUF").as_deref(), Some("500"));
        assert_eq!(value(50050, "TWD"), None);
    }
}
