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
mod webhook;

use super::connector::{Capabilities, Connector};
use super::error::{CallError, Cause, InvalidCredentials, WebhookError};
use super::transport::ApiError;
use super::types::{
    Ctx, NewPayment, NewRefund, PaymentRef, PaymentUpdate, RefundOutcome, WebhookMessage,
};
use super::{credentials, metadata};
use crate::domain::Timing;
use api::Api;
use async_trait::async_trait;
use axum::http::HeaderMap;
use model::{Credentials, Intent, Session};
use serde::de::DeserializeOwned;
use serde_json::Value;
use till_shared::id::PaymentId;
use till_shared::payment::Method;
use till_shared::widget::CardData;

/// The largest difference between our clock and Stripe's, including the duration of a call, in
/// seconds.
const CLOCK_SKEW: i64 = 300;
/// How many pages of a hundred are searched for a lost payment.
const MAX_PAGES: usize = 50;

/// The Stripe connector.
pub struct Stripe;

/// An object in one of the lists that are searched for a lost payment.
trait Listed: DeserializeOwned {
    /// The list's path.
    const LIST: &'static str;
    fn id(&self) -> &str;
    fn metadata(&self) -> &Value;
}

impl Listed for Intent {
    const LIST: &'static str = "payment_intents";

    fn id(&self) -> &str {
        &self.id
    }

    fn metadata(&self) -> &Value {
        &self.metadata
    }
}

impl Listed for Session {
    const LIST: &'static str = "checkout/sessions";

    fn id(&self) -> &str {
        &self.id
    }

    fn metadata(&self) -> &Value {
        &self.metadata
    }
}

/// Searches a list for the object of our payment.
async fn find<T: Listed>(api: &Api<'_>, payment: &PaymentRef<'_>) -> Result<Option<T>, CallError> {
    let created = payment.created_at.div_euclid(1000);
    let span = (created - CLOCK_SKEW, created + CLOCK_SKEW);
    let mut last = None;
    for _ in 0..MAX_PAGES {
        let page = api.list::<T>(T::LIST, span, last.as_deref()).await?;
        let Some(page) = page else { return Ok(None) };
        last = page.data.last().map(|object| object.id().to_owned());
        let is_ours = |object: &T| {
            metadata::id::<PaymentId>(object.metadata(), metadata::PAYMENT).as_ref()
                == Some(payment.id)
        };
        if let Some(found) = page.data.into_iter().find(is_ours) {
            return Ok(Some(found));
        }
        if last.is_none() || !page.has_more {
            return Ok(None);
        }
    }
    Err(CallError::Unknown(Cause::TooManyPages))
}

/// Creates a PaymentIntent. The card is sent to Stripe first, which charges nothing: a failure of
/// that call is always [`CallError::NotSent`].
async fn charge_card(
    api: &Api<'_>,
    new: &NewPayment<'_>,
    card: &CardData,
) -> Result<PaymentUpdate, CallError> {
    // Before the card leaves this server.
    mapping::units(new.money)?;
    let method = match api.create_payment_method(new, card).await {
        Ok(method) => method,
        Err(ApiError::Call(error)) => return Err(CallError::NotSent(error.into_cause())),
        Err(error) => return mapping::declined(error),
    };
    match api.create_payment_intent(new, method).await {
        Ok(intent) => Ok(intent.into()),
        Err(error) => mapping::declined(error),
    }
}

fn is_session(reference: &str) -> bool {
    reference.starts_with("cs_")
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

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        let api = Api::new(ctx)?;
        if let (Method::Card, Some(card)) = (new.method, new.card) {
            return charge_card(&api, new, card).await;
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
            Some(id) if is_session(id) => Ok(api.session(id).await?.map(Into::into)),
            Some(id) => Ok(api.payment_intent(id).await?.map(Into::into)),
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
        let canceled = match payment.reference {
            Some(id) if is_session(id) => api.expire_session(id).await?.map(Into::into),
            Some(id) => api.cancel_payment_intent(id).await?.map(Into::into),
            None => None,
        };
        match canceled {
            Some(update) => Ok(Some(update)),
            // The payment is final or unknown: its state decides.
            None => self.fetch(ctx, payment).await,
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
        let earlier = api.refunds(new.payment_reference).await?;
        let earlier = earlier.into_iter().flat_map(|list| list.data);
        for refund in earlier {
            if metadata::id(&refund.metadata, metadata::REFUND).as_ref() == Some(new.id) {
                return Ok(refund.into());
            }
        }
        Ok(api.create_refund(new).await?.into())
    }

    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        headers: &HeaderMap,
        body: &[u8],
        timing: Timing,
    ) -> Result<Vec<WebhookMessage>, WebhookError> {
        webhook::parse(ctx, headers, body, timing)
    }
}
