//! Adyen. A card that the buyer typed into our payment form, PayPal and iDEAL go to `/payments`,
//! with 3-D Secure by redirect; a card without data goes to a payment link, Adyen's own page.
//!
//! Adyen has no endpoint for a payment's state. It sends webhooks, and repeats them for weeks. If a
//! response is lost, the same request is sent once more with the same idempotency key, which Adyen
//! answers with the outcome of the first one (keys are valid for a week at least). If the outcome
//! is still unknown, the payment is canceled by our id, and the webhook reports whether there was
//! one.

mod api;
mod buyer;
mod codes;
mod dispute;
mod mapping;
mod model;
mod webhook;

use super::connector::{Capabilities, Connector};
use super::credentials;
use super::error::{CallError, Cause, InvalidCredentials, WebhookError};
use super::types::{
    Ctx, NewPayment, NewRefund, PaymentRef, PaymentUpdate, RefundOutcome, WebhookMessage,
};
use crate::clock;
use crate::domain::Timing;
use crate::domain::reference::ReferenceObject;
use api::Api;
use async_trait::async_trait;
use axum::http::HeaderMap;
use model::Credentials;
use serde_json::{Map, Value};
use till_shared::payment::{Method, PaymentStatus};

/// The query fields that `/payments/details` takes.
const DETAILS: [&str; 4] = ["redirectResult", "payload", "MD", "PaRes"];

/// The Adyen connector.
pub struct Adyen;

/// How long after its authorization Adyen cancels a payment by our id, in milliseconds.
/// <https://docs.adyen.com/online-payments/cancel>
const CANCEL_WINDOW_MS: i64 = 24 * 3_600_000;

/// The id of a payment's link. A page whose id is our own is not a link.
fn link_id<'a>(payment: &PaymentRef<'a>) -> Option<&'a str> {
    let reference = payment.reference?;
    match reference.object {
        ReferenceObject::Page if reference.id != payment.id.as_str() => Some(&reference.id),
        ReferenceObject::Page | ReferenceObject::Payment => None,
    }
}

/// Whether Adyen is to be asked if it has the payment: no response to its creation was received, and
/// none can come.
fn is_unanswered(payment: &PaymentRef<'_>) -> bool {
    let age_ms = clock::now_ms() - payment.created_at;
    payment.reference.is_none() && payment.calls_ended && age_ms < CANCEL_WINDOW_MS
}

fn valid_hmac_key(key: &Value) -> bool {
    key.as_str().is_some_and(|key| hex::decode(key).is_ok())
}

#[async_trait]
impl Connector for Adyen {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            methods: &[Method::Card, Method::Paypal, Method::Ideal],
            currencies: Some(codes::CURRENCIES),
            refunds: true,
            hosted_page: true,
            card_data: true,
        }
    }

    fn check_credentials(&self, credentials: &Value) -> Result<(), InvalidCredentials> {
        let expected = "the strings api_key, merchant_account, hmac_key (hexadecimal) and \
            base_url, and optionally hmac_key_previous (hexadecimal)";
        credentials::check::<Credentials>(credentials, expected)?;
        let previous = &credentials["hmac_key_previous"];
        if valid_hmac_key(&credentials["hmac_key"])
            && (previous.is_null() || valid_hmac_key(previous))
        {
            Ok(())
        } else {
            Err(InvalidCredentials { expected })
        }
    }

    /// The hosts of the test environment: <https://docs.adyen.com/development-resources/live-endpoints>
    fn is_test(&self, credentials: &Value) -> bool {
        let host = credentials::host(&credentials["base_url"]);
        host.is_some_and(|host| host.ends_with("-test.adyen.com"))
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        let api = Api::new(ctx)?;
        let method = match (new.method, new.card) {
            (Method::Card, Some(card)) => mapping::card_method(new, card),
            (Method::Card, None) => return Ok(api.create_link(new).await?.into()),
            (Method::Paypal | Method::Ideal, _) => mapping::plain_method(new.method),
            (Method::Bancontact | Method::Eps, _) => {
                return Err(CallError::NotSent(Cause::UnsupportedMethod(new.method)));
            }
        };
        match api.create_payment(new, method).await {
            Ok(payment) => Ok(mapping::created(payment, new.id)),
            Err(error) => mapping::declined(error),
        }
    }

    /// The state of a link. For a payment whose creation was not answered, Adyen is asked to cancel
    /// it by our id. Everything else is reported by webhook.
    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        if let Some(id) = link_id(payment) {
            return Ok(Some(Api::new(ctx)?.link(id).await?.into()));
        }
        if is_unanswered(payment) {
            let api = Api::new(ctx)?;
            api.cancel_payment(payment.id, "unanswered").await?;
        }
        Ok(Some(PaymentUpdate::unchanged()))
    }

    /// Submits what the buyer brought back, which Adyen needs to continue.
    async fn handle_return(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
        query: &[(String, String)],
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let details: Map<String, Value> = query
            .iter()
            .filter(|(name, _)| DETAILS.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let api = Api::new(ctx)?;
        if details.is_empty() {
            return Ok(Some(match link_id(payment) {
                Some(id) => api.link(id).await?.into(),
                None => PaymentUpdate::unchanged(),
            }));
        }
        match api.submit_details(payment.id, details).await {
            Ok(submitted) => Ok(Some(mapping::returned(submitted, payment.id))),
            // The payment may be authorized. The webhook reports it.
            Err(CallError::Unknown(cause)) => {
                tracing::warn!(%cause, "the outcome of the verification is unknown");
                Ok(Some(PaymentUpdate::status(PaymentStatus::Processing)))
            }
            Err(error) => Err(error),
        }
    }

    /// Expires a link. Any other payment is canceled by our id: Adyen reports the outcome by webhook
    /// only.
    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let api = Api::new(ctx)?;
        let Some(id) = link_id(payment) else {
            api.cancel_payment(payment.id, "cancel").await?;
            return Ok(Some(PaymentUpdate::status(PaymentStatus::Processing)));
        };
        let link = match api.expire_link(id).await? {
            Some(expired) => expired,
            None => api.link(id).await?,
        };
        Ok(Some(link.into()))
    }

    /// Adyen accepts a refund and reports its outcome by webhook only.
    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        if let Some(accepted) = new.refund_reference {
            return Ok(RefundOutcome::Pending(accepted.to_owned()));
        }
        let refund = Api::new(ctx)?.create_refund(new).await?;
        Ok(RefundOutcome::Pending(refund.psp_reference))
    }

    async fn check_login(&self, ctx: &Ctx<'_>) -> Result<(), CallError> {
        Api::new(ctx)?.payment_methods().await.map(|_| ())
    }

    fn webhook_response(&self) -> &'static str {
        "[accepted]"
    }

    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        _headers: &HeaderMap,
        body: &[u8],
        _timing: Timing,
    ) -> Result<Vec<WebhookMessage>, WebhookError> {
        webhook::parse(ctx, body)
    }
}
