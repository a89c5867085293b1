//! Mollie. Every payment goes to Mollie's own page; a webhook carries an id and nothing else, so
//! that what it means is asked of Mollie. <https://docs.mollie.com/reference/overview>
//!
//! After a lost answer the payment is looked for in Mollie's list, by the id of ours that its
//! metadata carry: Mollie keeps idempotency keys for an hour only.

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
use reqwest::{Method as Verb, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use till_shared::money::{Currency, Money};
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::Verification;

/// Where our ids stand in Mollie's metadata.
const PAYMENT: &str = "till_payment";
const REFUND: &str = "till_refund";
/// How far our clock and Mollie's may differ, in milliseconds.
const CLOCKS: i64 = 300_000;
/// How many pages of 250 are looked through for a lost payment.
const PAGES: usize = 20;

/// <https://docs.mollie.com/docs/multicurrency>
#[rustfmt::skip]
const CURRENCIES: &[&str] = &[
    "AED", "AUD", "BGN", "BRL", "CAD", "CHF", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "ISK",
    "JPY", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "RON", "SEK", "SGD", "THB", "TWD", "USD", "ZAR",
];

/// `details.failureReason`: <https://docs.mollie.com/reference/get-payment>
const FAILURES: &[(&str, DeclineCode)] = {
    use DeclineCode::*;
    &[
        ("authentication_abandoned", VerificationAbandoned),
        ("authentication_failed", VerificationFailed),
        ("authentication_required", VerificationFailed),
        ("authentication_unavailable_acs", VerificationFailed),
        ("card_declined", CardDeclined),
        ("card_expired", ExpiredCard),
        ("inactive_card", CardDeclined),
        ("insufficient_funds", InsufficientFunds),
        ("invalid_cvv", IncorrectCvc),
        ("invalid_card_holder_name", CardDeclined),
        ("invalid_card_number", IncorrectNumber),
        ("invalid_card_type", MethodUnavailable),
        ("possible_fraud", FraudSuspected),
        ("refused_by_issuer", CardDeclined),
        ("unknown_reason", CardDeclined),
    ]
};

/// The connector.
pub struct Mollie;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credentials {
    api_key: SecretString,
    #[serde(default = "live")]
    base_url: BaseUrl,
}

fn live() -> BaseUrl {
    BaseUrl::fixed("https://api.mollie.com")
}

#[derive(Deserialize)]
struct Amount {
    value: String,
    currency: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Open,
    Pending,
    Authorized,
    Paid,
    Canceled,
    Expired,
    Failed,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payment {
    id: String,
    status: Status,
    amount: Amount,
    created_at: Option<jiff::Timestamp>,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    details: Value,
    #[serde(rename = "_links")]
    links: Links,
    #[serde(rename = "_embedded", default)]
    embedded: Embedded,
}

#[derive(Deserialize)]
struct Links {
    checkout: Option<Href>,
}

#[derive(Deserialize)]
struct Href {
    href: String,
}

#[derive(Deserialize, Default)]
struct Embedded {
    #[serde(default)]
    payments: Vec<Payment>,
    #[serde(default)]
    refunds: Vec<Refund>,
}

#[derive(Deserialize)]
struct List {
    #[serde(rename = "_embedded")]
    embedded: Embedded,
    #[serde(rename = "_links")]
    links: ListLinks,
}

#[derive(Deserialize)]
struct ListLinks {
    next: Option<Href>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundStatus {
    Queued,
    Pending,
    Processing,
    Refunded,
    Failed,
    Canceled,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Refund {
    id: String,
    status: RefundStatus,
    #[serde(default)]
    metadata: Value,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

#[derive(Deserialize)]
struct Ping {
    id: String,
}

/// "The exact number of decimals" of ISO 4217; ISK and JPY have none here either.
fn amount(money: Money) -> Result<Value, CallError> {
    let value = decimal_string(money, money.currency.exponent())?;
    Ok(json!({ "value": value, "currency": money.currency }))
}

impl Amount {
    fn money(&self) -> Option<Money> {
        let currency: Currency = self.currency.parse().ok()?;
        from_decimal_string(&self.value, currency)
    }
}

impl From<Payment> for PaymentUpdate {
    fn from(payment: Payment) -> Self {
        let abandoned = Self::declined(DeclineCode::VerificationAbandoned);
        let update = match payment.status {
            Status::Open => Self::status(PaymentStatus::RequiresVerification),
            Status::Pending | Status::Authorized | Status::Other => {
                Self::status(PaymentStatus::Processing)
            }
            Status::Paid => Self::status(PaymentStatus::Succeeded),
            Status::Canceled | Status::Expired => abandoned,
            Status::Failed => {
                let reason = payment.details["failureReason"].as_str();
                let row = FAILURES.iter().find(|(word, _)| reason == Some(word));
                Self::declined(row.map_or(DeclineCode::CardDeclined, |(_, code)| *code))
            }
        };
        let form = payment.links.checkout.filter(|_| update.status.is_live());
        let money = payment.amount.money();
        Self {
            reference: Some(payment.id),
            verification: form.map_or(Verification::None, |f| Verification::Redirect {
                url: f.href,
            }),
            ..update
        }
        .over(money)
    }
}

impl From<Refund> for RefundOutcome {
    fn from(refund: Refund) -> Self {
        match refund.status {
            RefundStatus::Queued
            | RefundStatus::Pending
            | RefundStatus::Processing
            | RefundStatus::Other => Self::Pending(refund.id),
            RefundStatus::Refunded => Self::Succeeded(refund.id),
            RefundStatus::Failed => Self::Refused("failed".into()),
            RefundStatus::Canceled => Self::Refused("canceled".into()),
        }
    }
}

fn failure(answer: &Answer) -> CallError {
    let why = match answer.json::<Failure>() {
        Ok(f) => format!("{}: {}", f.title, f.detail),
        // A refusal that is not in its own words may be anybody's on the way.
        Err(unknown) => return unknown,
    };
    match answer.status.as_u16() {
        // Another call with the same key, or about the same money, is under way.
        409 => CallError::Unknown(why),
        _ => CallError::Refused(why),
    }
}

fn is_ours(metadata: &Value, key: &str, id: &str) -> bool {
    metadata.get(key).and_then(Value::as_str) == Some(id)
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

    fn request(&self, verb: Verb, path: &str) -> RequestBuilder {
        self.ctx
            .http
            .request(verb, format!("{}/v2/{path}", self.own.base_url))
            .bearer_auth(self.own.api_key.expose_secret())
    }

    async fn payment(&self, id: &str) -> Result<Option<Payment>, CallError> {
        let path = format!("payments/{id}?embed=refunds");
        let answer = send(self.request(Verb::GET, &path)).await?;
        match answer.status.as_u16() {
            200 => answer.json().map(Some),
            // Not there, in its own words: anybody on the way may say 404.
            404 | 410 => answer.json::<Failure>().map(|_| None),
            _ => Err(failure(&answer)),
        }
    }

    /// The payment of ours whose answer was lost, in the list that begins with the newest.
    async fn look_for(&self, payment: &Known<'_>) -> Result<Option<Payment>, CallError> {
        let mut path = "payments?limit=250".to_owned();
        for _ in 0..PAGES {
            let answer = send(self.request(Verb::GET, &path)).await?;
            if !answer.status.is_success() {
                return Err(failure(&answer));
            }
            let list: List = answer.json()?;
            let payments = list.embedded.payments;
            let last = payments.last().map(|p| (p.id.clone(), p.created_at));
            let mine = |p: &Payment| is_ours(&p.metadata, PAYMENT, payment.id.as_str());
            if let Some(found) = payments.into_iter().find(mine) {
                return Ok(Some(found));
            }
            let Some((id, at)) = last.filter(|_| list.links.next.is_some()) else {
                return Ok(None);
            };
            if at.is_some_and(|at| at.as_millisecond() < payment.created_at - CLOCKS) {
                return Ok(None);
            }
            path = format!("payments?limit=250&from={id}");
        }
        Err(CallError::Unknown(
            "too many payments to look through".into(),
        ))
    }
}

#[async_trait]
impl Connector for Mollie {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            methods: Method::ALL,
            currencies: Some(CURRENCIES),
            refunds: true,
            own_form: true,
            card_data: false,
        }
    }

    fn check_credentials(&self, credentials: &Value) -> Result<(), String> {
        let expected = "api_key, a text, and base_url if it is not Mollie's own";
        credentials::check::<Credentials>(credentials, expected)
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        let api = Api::new(ctx)?;
        let method = match new.method {
            Method::Card => "creditcard",
            Method::Paypal => "paypal",
            Method::Ideal => "ideal",
            Method::Bancontact => "bancontact",
            Method::Eps => "eps",
        };
        let body = json!({
            "amount": amount(new.money)?,
            "description": new.description.unwrap_or(new.order_id),
            "redirectUrl": new.return_url,
            "webhookUrl": new.webhook_url,
            "method": method,
            "metadata": { PAYMENT: new.id, "order_id": new.order_id },
        });
        let request = api.request(Verb::POST, "payments");
        let request = request
            .header("idempotency-key", new.id.as_str())
            .json(&body);
        // Nobody can pay before we pass Mollie's link on.
        let answer = send_harmless(request).await?;
        match answer.status.is_success() {
            true => Ok(answer.json::<Payment>()?.into()),
            false => Err(failure(&answer)),
        }
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let api = Api::new(ctx)?;
        let found = match payment.reference {
            Some(id) => api.payment(id).await?,
            None => api.look_for(payment).await?,
        };
        Ok(found.map(Into::into))
    }

    /// Mollie calls off what it can. What it can't (a bank's page that is open) is given up here:
    /// should the buyer pay all the same, the webhook tells.
    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        if let Some(id) = payment.reference {
            let api = Api::new(ctx)?;
            send(api.request(Verb::DELETE, &format!("payments/{id}"))).await?;
        }
        let standing = self.fetch(ctx, payment).await?;
        Ok(
            standing.map(|update| match (update.status, update.decline) {
                (PaymentStatus::RequiresVerification, _)
                | (PaymentStatus::Declined, Some(DeclineCode::VerificationAbandoned)) => {
                    PaymentUpdate::status(PaymentStatus::Canceled)
                }
                _ => update,
            }),
        )
    }

    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        let api = Api::new(ctx)?;
        let gone = || CallError::Unknown("the payment is not there any more".into());
        let payment = api.payment(new.reference).await?.ok_or_else(gone)?;
        let mine = |r: &Refund| is_ours(&r.metadata, REFUND, new.id.as_str());
        if let Some(refund) = payment.embedded.refunds.into_iter().find(mine) {
            return Ok(refund.into());
        }
        let body = json!({
            "amount": amount(new.money)?,
            "description": format!("Refund {}", new.id),
            "metadata": { REFUND: new.id },
        });
        let path = format!("payments/{}/refunds", new.reference);
        let request = api.request(Verb::POST, &path);
        let request = request
            .header("idempotency-key", new.id.as_str())
            .json(&body);
        let answer = send(request).await?;
        match answer.status.is_success() {
            true => Ok(answer.json::<Refund>()?.into()),
            false => Err(failure(&answer)),
        }
    }

    /// Anybody may call this with any id. It proves nothing, and nothing is believed but what
    /// Mollie answers to our own key.
    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        _headers: &HeaderMap,
        body: &[u8],
        _timing: Timing,
    ) -> Result<Vec<Webhook>, WebhookError> {
        let malformed = |_| WebhookError::Malformed("no id".into());
        let ping: Ping = serde_urlencoded::from_bytes(body).map_err(malformed)?;
        let unique = ping.id.strip_prefix("tr_").unwrap_or_default();
        if unique.is_empty() || !unique.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(WebhookError::Forged("not the id of a payment"));
        }
        let payment = Api::new(ctx)?.payment(&ping.id).await?;
        let mut payment = payment.ok_or(WebhookError::Forged("no payment of this account"))?;
        let ours = |metadata: &Value, key: &str| {
            let id = metadata.get(key).and_then(Value::as_str);
            id.map(str::to_owned)
        };
        let refunds = std::mem::take(&mut payment.embedded.refunds);
        let refunds = refunds.into_iter().filter_map(|refund| {
            let id = ours(&refund.metadata, REFUND)?.parse().ok()?;
            Some(News::Refund(id, refund.into()))
        });
        let id = ours(&payment.metadata, PAYMENT).and_then(|id| id.parse().ok());
        let update = PaymentUpdate::from(payment);
        // There is no id of the message: what it says stands in for one.
        let event_id = format!(
            "{} {} {}",
            ping.id,
            update.status,
            refunds.size_hint().1.unwrap_or(0)
        );
        let news = id
            .map(|id| News::Payment(id, update))
            .into_iter()
            .chain(refunds);
        Ok(vec![Webhook {
            event_id,
            news: news.collect(),
        }])
    }
}
