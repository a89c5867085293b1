//! The sandbox payment system. Spoken to over HTTP like any other; see `/sandbox` there for its
//! test cards.

use super::client::{Answer, send};
use super::{
    CallError, Capabilities, Connector, Ctx, Known, NewPayment, NewRefund, News, PaymentUpdate,
    RefundOutcome, Webhook, WebhookError, credentials, timestamped,
};
use crate::domain::Timing;
use async_trait::async_trait;
use axum::http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use till_shared::card::CardSummary;
use till_shared::id::PaymentId;
use till_shared::money::{Currency, Money};
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::Verification;

/// The connector.
pub struct Sandbox;

#[derive(Deserialize)]
struct Credentials {
    base_url: String,
    api_key: SecretString,
    webhook_secret: SecretString,
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

fn refusal(answer: &Answer) -> CallError {
    match answer.json::<Failure>() {
        Ok(failure) => {
            CallError::Refused(format!("{}: {}", failure.error.code, failure.error.message))
        }
        // A refusal that is not in its own words may be anybody's on the way.
        Err(unknown) => unknown,
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
            card_data: true,
        }
    }

    fn check_credentials(&self, credentials: &serde_json::Value) -> Result<(), String> {
        let expected = "base_url, api_key and webhook_secret, each a text";
        credentials::check::<Credentials>(credentials, expected)
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        let own = credentials::read::<Credentials>(ctx)?;
        let request = ctx
            .http
            .post(format!("{}/v1/payments", own.base_url))
            .bearer_auth(own.api_key.expose_secret())
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
        let own = credentials::read::<Credentials>(ctx)?;
        let request = match payment.reference {
            Some(reference) => ctx
                .http
                .get(format!("{}/v1/payments/{reference}", own.base_url)),
            None => ctx.http.get(format!(
                "{}/v1/payments?reference={}",
                own.base_url, payment.id
            )),
        };
        let answer = send(request.bearer_auth(own.api_key.expose_secret())).await?;
        if answer.status == 404 {
            // Not there, in its own words: anybody on the way may say 404.
            return answer.json::<Failure>().map(|_| None);
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
            let own = credentials::read::<Credentials>(ctx)?;
            let request = ctx
                .http
                .post(format!("{}/v1/payments/{reference}/cancel", own.base_url))
                .bearer_auth(own.api_key.expose_secret());
            let answer = send(request).await?;
            if answer.status.is_success() {
                return Ok(Some(answer.json::<Payment>()?.into()));
            }
        }
        // Too late to call off, or never heard of: how it stands decides.
        self.fetch(ctx, payment).await
    }

    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        let own = credentials::read::<Credentials>(ctx)?;
        let request = ctx
            .http
            .post(format!(
                "{}/v1/payments/{}/refunds",
                own.base_url, new.reference
            ))
            .bearer_auth(own.api_key.expose_secret())
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
        let own = credentials::read::<Credentials>(ctx)
            .map_err(|_| WebhookError::Forged("no credentials to check it by"))?;
        let secret = own.webhook_secret.expose_secret().as_bytes();
        timestamped::verify(headers, "sandbox-signature", body, secret, timing)?;
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
