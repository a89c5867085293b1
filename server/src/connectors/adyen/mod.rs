//! Adyen. A card that the buyer typed into our payment form, PayPal and iDEAL go to `/payments`,
//! with 3-D Secure by redirect; a card without data goes to a payment link, Adyen's own page.
//!
//! Adyen has no endpoint for a payment's state. It sends webhooks, and repeats them for weeks. If a
//! response is lost, the same request is sent once more with the same idempotency key, which Adyen
//! answers with the outcome of the first one (keys are valid for a week at least). If the outcome
//! is still unknown, the webhook decides.

mod api;
mod codes;
mod mapping;
mod model;
mod webhook;

use super::connector::{Capabilities, Connector};
use super::credentials;
use super::error::{CallError, Cause, InvalidCredentials, WebhookError};
use super::types::{
    Ctx, NewPayment, NewRefund, PaymentRef, PaymentUpdate, RefundOutcome, WebhookMessage,
};
use crate::domain::Timing;
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

/// The id of a payment's link, if that is its reference.
fn link_id<'a>(payment: &PaymentRef<'a>) -> Option<&'a str> {
    payment.reference.filter(|r| r.starts_with("PL"))
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
        let expected = "the strings api_key, merchant_account, hmac_key (hexadecimal) and base_url";
        credentials::check::<Credentials>(credentials, expected)?;
        let key = credentials["hmac_key"].as_str();
        match key.map(hex::decode) {
            Some(Ok(_)) => Ok(()),
            Some(Err(_)) | None => Err(InvalidCredentials { expected }),
        }
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
            Ok(payment) => Ok(payment.into()),
            Err(error) => mapping::declined(error),
        }
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        match link_id(payment) {
            Some(id) => Ok(Some(Api::new(ctx)?.link(id).await?.into())),
            None => Ok(Some(PaymentUpdate::unchanged())),
        }
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
        if details.is_empty() {
            return self.fetch(ctx, payment).await;
        }
        let payment = Api::new(ctx)?.submit_details(payment.id, details).await?;
        Ok(Some(payment.into()))
    }

    /// Until the buyer returns and `/payments/details` is called, Adyen has nothing to cancel but a
    /// link. If the buyer is charged all the same, the webhook reports it.
    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let Some(id) = link_id(payment) else {
            return Ok(Some(PaymentUpdate::status(PaymentStatus::Canceled)));
        };
        let api = Api::new(ctx)?;
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
