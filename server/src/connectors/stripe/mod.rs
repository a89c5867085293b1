//! Stripe. A card that the buyer typed into our payment form becomes a PaymentIntent; everything
//! else goes to Stripe's own page, a Checkout Session.
//!
//! If the response to a creation is lost, the payment is searched for in Stripe's lists by our id in
//! its metadata. Repeating the request with the same idempotency key would need the card again,
//! which is not stored. Stripe's search is eventually consistent, so "not found" would prove
//! nothing there; the lists are consistent after a write.

mod api;
mod codes;
mod mapping;
mod model;
mod search;
mod webhook;

use super::connector::{Capabilities, Connector};
use super::error::{CallError, Cause, InvalidCredentials, WebhookError};
use super::types::{
    Ctx, NewPayment, NewRefund, PaymentRef, PaymentUpdate, RefundOutcome, WebhookMessage,
};
use super::{credentials, metadata};
use crate::domain::Timing;
use crate::domain::reference::{Reference, ReferenceObject};
use api::Api;
use async_trait::async_trait;
use axum::http::HeaderMap;
use model::{Credentials, Intent, Session};
use search::find;
use serde_json::Value;
use till_shared::id::PaymentId;
use till_shared::payment::Method;

/// The Stripe connector.
pub struct Stripe;

/// The state of the object with this reference.
///
/// # Errors
/// Also when the object is another payment's.
async fn fetch_object(
    api: &Api<'_>,
    payment: &PaymentId,
    reference: &Reference,
) -> Result<Option<PaymentUpdate>, CallError> {
    let id = &reference.id;
    let (metadata, update) = match reference.object {
        ReferenceObject::Payment => match api.payment_intent(id).await? {
            Some(mut intent) => (intent.metadata.take(), intent.into()),
            None => return Ok(None),
        },
        ReferenceObject::Page => match api.session(id).await? {
            Some(mut session) => (session.metadata.take(), session.into()),
            None => return Ok(None),
        },
    };
    metadata::check_payment(&metadata, payment)?;
    Ok(Some(update))
}

#[async_trait]
impl Connector for Stripe {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            methods: &[Method::Card, Method::Ideal, Method::Bancontact, Method::Eps],
            currencies: Some(codes::CURRENCIES),
            refunds: true,
            hosted_page: true,
            card_data: true,
        }
    }

    fn check_credentials(&self, credentials: &Value) -> Result<(), InvalidCredentials> {
        let expected = "the strings secret_key and webhook_secret, and optionally base_url";
        credentials::check::<Credentials>(credentials, expected)
    }

    /// The prefixes of keys in test mode: <https://docs.stripe.com/keys>
    fn is_test(&self, credentials: &Value) -> bool {
        let key = credentials["secret_key"].as_str().unwrap_or_default();
        key.starts_with("sk_test_") || key.starts_with("rk_test_")
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        let api = Api::new(ctx)?;
        if let (Method::Card, Some(card)) = (new.method, new.card) {
            return match api.create_payment_intent(new, card).await {
                Ok(intent) => Ok(intent.into()),
                Err(error) => mapping::declined_card(error),
            };
        }
        match api.create_session(new).await {
            Ok(session) => Ok(session.into()),
            Err(error) => mapping::declined(error),
        }
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let api = Api::new(ctx)?;
        match payment.reference {
            Some(reference) => fetch_object(&api, payment.id, reference).await,
            None => match find::<Intent>(&api, payment).await? {
                Some(intent) => Ok(Some(intent.into())),
                None => Ok(find::<Session>(&api, payment).await?.map(Into::into)),
            },
        }
    }

    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let api = Api::new(ctx)?;
        let reference = match payment.reference {
            Some(reference) => reference.clone(),
            None => match self.fetch(ctx, payment).await? {
                Some(PaymentUpdate {
                    reference: Some(reference),
                    status,
                    ..
                }) if status.is_live() => reference,
                ended => return Ok(ended),
            },
        };
        let id = &reference.id;
        let canceled = match reference.object {
            ReferenceObject::Payment => api.cancel_payment_intent(id).await?.map(Into::into),
            ReferenceObject::Page => api.expire_session(id).await?.map(Into::into),
        };
        match canceled {
            Some(update) => Ok(Some(update)),
            // The payment is final, or the buyer is paying: its state decides.
            None => fetch_object(&api, payment.id, &reference).await,
        }
    }

    /// Stripe forgets idempotency keys after a day or more, and a refund may be retried for longer:
    /// the payment's refunds are searched first.
    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        let api = Api::new(ctx)?;
        if let Some(id) = new.refund_reference {
            let found = api.refund(id).await?.map(Into::into);
            return found.ok_or(CallError::Unknown(Cause::Missing));
        }
        for refund in api.refunds(new.payment_reference).await? {
            if metadata::id(&refund.metadata, metadata::REFUND).as_ref() == Some(new.id) {
                return Ok(refund.into());
            }
        }
        Ok(api.create_refund(new).await?.into())
    }

    async fn check_login(&self, ctx: &Ctx<'_>) -> Result<(), CallError> {
        Ok(Api::new(ctx)?.balance().await?)
    }

    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        headers: &HeaderMap,
        body: &[u8],
        timing: Timing,
    ) -> Result<Vec<WebhookMessage>, WebhookError> {
        webhook::parse(ctx, headers, body, timing).await
    }
}
