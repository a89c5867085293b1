//! The sandbox payment system. Spoken to over HTTP like any other; see `/sandbox` there for its
//! test cards.

use super::client::{Answer, send};
use super::{
    CallError, Capabilities, Connector, Ctx, Known, NewPayment, NewRefund, News, PaymentUpdate,
    RefundOutcome, Webhook, WebhookError,
};
use crate::crypto::hmac_sha256;
use crate::domain::Timing;
use async_trait::async_trait;
use axum::http::HeaderMap;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;
use subtle::ConstantTimeEq;
use till_shared::card::CardSummary;
use till_shared::id::PaymentId;
use till_shared::money::{Currency, Money};
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::Verification;

/// How old a signed webhook may be, in seconds; the tolerance of Stripe's libraries.
const TOLERANCE: i64 = 300;

/// The connector.
pub struct Sandbox;

#[derive(Deserialize)]
struct Credentials {
    base_url: String,
    api_key: String,
    webhook_secret: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    RequiresVerification,
    Processing,
    Succeeded,
    Declined,
    Canceled,
}

#[derive(Deserialize)]
struct Form {
    url: String,
    framable: bool,
}

#[derive(Deserialize)]
struct Payment {
    id: String,
    reference: String,
    amount: i64,
    currency: Currency,
    status: Status,
    decline_code: Option<DeclineCode>,
    verification: Option<Form>,
    card: Option<CardSummary>,
}

#[derive(Deserialize)]
struct Payments {
    data: Vec<Payment>,
}

#[derive(Deserialize)]
struct Failure {
    error: FailureText,
}

#[derive(Deserialize)]
struct FailureText {
    code: String,
    message: String,
}

#[derive(Deserialize)]
struct Refund {
    id: String,
}

#[derive(Deserialize)]
struct Message {
    id: String,
    data: MessageData,
}

#[derive(Deserialize)]
struct MessageData {
    payment: Payment,
}

impl From<Payment> for PaymentUpdate {
    fn from(payment: Payment) -> Self {
        let status = match payment.status {
            Status::RequiresVerification => PaymentStatus::RequiresVerification,
            Status::Processing => PaymentStatus::Processing,
            Status::Succeeded => PaymentStatus::Succeeded,
            Status::Declined => PaymentStatus::Declined,
            Status::Canceled => PaymentStatus::Canceled,
        };
        let verification = match payment.verification {
            Some(form) if form.framable => Verification::Frame { url: form.url },
            Some(form) => Verification::Redirect { url: form.url },
            None => Verification::None,
        };
        Self {
            reference: Some(payment.id),
            status,
            decline: payment.decline_code,
            verification,
            money: Some(Money {
                amount: payment.amount,
                currency: payment.currency,
            }),
            card: payment.card,
        }
    }
}

fn credentials(ctx: &Ctx<'_>) -> Result<Credentials, CallError> {
    serde_json::from_str(ctx.account.credentials.expose_secret())
        .map_err(|_| CallError::NotSent("the account's credentials are not as expected".into()))
}

fn refusal(answer: &Answer) -> CallError {
    match answer.json::<Failure>() {
        Ok(failure) => {
            CallError::Refused(format!("{}: {}", failure.error.code, failure.error.message))
        }
        Err(_) => CallError::Refused(format!("HTTP {}", answer.status)),
    }
}

#[async_trait]
impl Connector for Sandbox {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            methods: &[Method::Card],
            currencies: None,
            refunds: true,
            own_form: true,
        }
    }

    fn check_credentials(&self, credentials: &serde_json::Value) -> Result<(), String> {
        Credentials::deserialize(credentials)
            .map(|_| ())
            .map_err(|_| "base_url, api_key and webhook_secret, each a text".into())
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        let own = credentials(ctx)?;
        let request = ctx
            .http
            .post(format!("{}/v1/payments", own.base_url))
            .bearer_auth(&own.api_key)
            .header("idempotency-key", new.id.as_str())
            .json(&json!({
                "amount": new.money.amount,
                "currency": new.money.currency,
                "reference": new.id,
                "card": new.card,
                "return_url": new.return_url,
                "webhook_url": new.webhook_url,
            }));
        let answer = send(request).await?;
        if answer.status.is_success() {
            return Ok(answer.json::<Payment>()?.into());
        }
        Err(refusal(&answer))
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let own = credentials(ctx)?;
        let request = match payment.reference {
            Some(reference) => ctx
                .http
                .get(format!("{}/v1/payments/{reference}", own.base_url)),
            None => ctx.http.get(format!(
                "{}/v1/payments?reference={}",
                own.base_url, payment.id
            )),
        };
        let answer = send(request.bearer_auth(&own.api_key)).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        if !answer.status.is_success() {
            return Err(refusal(&answer));
        }
        let found = match payment.reference {
            Some(_) => Some(answer.json::<Payment>()?),
            None => answer.json::<Payments>()?.data.into_iter().next(),
        };
        Ok(found.map(PaymentUpdate::from))
    }

    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        if let Some(reference) = payment.reference {
            let own = credentials(ctx)?;
            let request = ctx
                .http
                .post(format!("{}/v1/payments/{reference}/cancel", own.base_url))
                .bearer_auth(&own.api_key);
            let answer = send(request).await?;
            if answer.status.is_success() {
                return Ok(Some(answer.json::<Payment>()?.into()));
            }
        }
        // Too late to call off, or never heard of: how it stands decides.
        self.fetch(ctx, payment).await
    }

    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        let own = credentials(ctx)?;
        let request = ctx
            .http
            .post(format!(
                "{}/v1/payments/{}/refunds",
                own.base_url, new.reference
            ))
            .bearer_auth(&own.api_key)
            .header("idempotency-key", new.id.as_str())
            .json(&json!({ "amount": new.money.amount, "reference": new.id }));
        let answer = send(request).await?;
        if answer.status.is_success() {
            return Ok(RefundOutcome::Succeeded(answer.json::<Refund>()?.id));
        }
        Err(refusal(&answer))
    }

    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        headers: &HeaderMap,
        body: &[u8],
        timing: Timing,
    ) -> Result<Vec<Webhook>, WebhookError> {
        let own =
            credentials(ctx).map_err(|_| WebhookError::Forged("no credentials to check it by"))?;
        verify(headers, body, own.webhook_secret.as_bytes(), timing)?;
        let message: Message =
            serde_json::from_slice(body).map_err(|e| WebhookError::Malformed(e.to_string()))?;
        let payment = message.data.payment;
        let id: PaymentId = payment.reference.parse().map_err(|_| {
            WebhookError::Malformed("the reference is no payment id of ours".into())
        })?;
        Ok(vec![Webhook {
            event_id: message.id,
            news: vec![News::Payment(id, payment.into())],
        }])
    }
}

/// Checks `sandbox-signature: t=<seconds>,v1=<hex HMAC-SHA256 of "t.body">`.
fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secret: &[u8],
    timing: Timing,
) -> Result<(), WebhookError> {
    let header = headers
        .get("sandbox-signature")
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    let part = |name: &str| {
        header
            .split(',')
            .find_map(|part| part.split_once('=').filter(|(k, _)| *k == name))
    };
    let (Some((_, at)), Some((_, signature))) = (part("t"), part("v1")) else {
        return Err(WebhookError::Forged("no signature"));
    };
    let seconds: i64 = at.parse().map_err(|_| WebhookError::Forged("no time"))?;
    if timing.now_seconds().abs_diff(seconds) > TOLERANCE.unsigned_abs() {
        return Err(WebhookError::Forged("too old"));
    }
    let expected = hex::encode(hmac_sha256(secret, &[at.as_bytes(), b".", body]));
    if bool::from(expected.as_bytes().ct_eq(signature.as_bytes())) {
        Ok(())
    } else {
        Err(WebhookError::Forged("wrong"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: &str, now_seconds: i64) -> Result<(), WebhookError> {
        let mut headers = HeaderMap::new();
        headers.insert("sandbox-signature", header.parse().unwrap());
        verify(&headers, b"{}", b"secret", Timing::at(now_seconds * 1000))
    }

    #[test]
    fn only_a_fresh_signature_over_this_body_verifies() {
        let good = hex::encode(hmac_sha256(b"secret", &[b"1000", b".", b"{}"]));
        assert!(check(&format!("t=1000,v1={good}"), 1000).is_ok());
        assert!(check(&format!("t=1000,v1={good}"), 1301).is_err());
        assert!(check(&format!("t=1001,v1={good}"), 1000).is_err());
        assert!(check(&format!("t=1000,v1={}", &good[1..]), 1000).is_err());
        for garbage in ["", "t=,v1=", "v1=ab", "t=x,v1=ab", "t=1000"] {
            assert!(check(garbage, 1000).is_err(), "{garbage}");
        }
    }
}
