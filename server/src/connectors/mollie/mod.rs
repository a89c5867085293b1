//! Mollie. Every payment goes to Mollie's own page. A webhook contains nothing but an id, so the
//! state is fetched.
//!
//! If the response to a creation is lost, the payment is searched for in Mollie's list by our id in
//! its metadata: Mollie's idempotency keys are valid for an hour only.

mod api;
mod codes;
mod mapping;
mod model;
mod webhook;

use super::connector::{Capabilities, Connector};
use super::error::{CallError, Cause, InvalidCredentials, WebhookError};
use super::types::{
    Ctx, NewPayment, NewRefund, PaymentRef, PaymentUpdate, RefundOutcome, WebhookMessage,
};
use super::{credentials, metadata};
use crate::domain::Timing;
use crate::domain::reference::Reference;
use api::Api;
use async_trait::async_trait;
use axum::http::HeaderMap;
use model::{Credentials, Payment, Refund, Status};
use serde_json::Value;
use till_shared::payment::{Method, PaymentStatus};

/// The largest difference between our clock and Mollie's, in milliseconds.
const CLOCK_SKEW: i64 = 300_000;
/// How many pages of 250 are searched for a lost payment.
const MAX_PAGES: usize = 20;

/// The Mollie connector.
pub struct Mollie;

/// Searches Mollie's list, newest first, for our payment.
async fn find(api: &Api<'_>, payment: &PaymentRef<'_>) -> Result<Option<Payment>, CallError> {
    let mut from = None;
    for _ in 0..MAX_PAGES {
        let list = api.payments(from.as_deref()).await?;
        let payments = list.embedded.payments;
        let last = payments.last().map(|p| (p.id.clone(), p.created_at));
        let is_ours =
            |p: &Payment| metadata::id(&p.metadata, metadata::PAYMENT).as_ref() == Some(payment.id);
        if let Some(found) = payments.into_iter().find(is_ours) {
            return Ok(Some(found));
        }
        let Some((id, created)) = last.filter(|_| list.links.next.is_some()) else {
            return Ok(None);
        };
        let oldest = payment.created_at - CLOCK_SKEW;
        if created.is_some_and(|at| at.as_millisecond() < oldest) {
            return Ok(None);
        }
        from = Some(id);
    }
    Err(CallError::Unknown(Cause::TooManyPages))
}

#[async_trait]
impl Connector for Mollie {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            methods: Method::ALL,
            currencies: Some(codes::CURRENCIES),
            refunds: true,
            hosted_page: true,
            card_data: false,
        }
    }

    fn check_credentials(&self, credentials: &Value) -> Result<(), InvalidCredentials> {
        let expected = "the string api_key, and optionally base_url";
        credentials::check::<Credentials>(credentials, expected)
    }

    /// The prefix of keys in test mode: <https://docs.mollie.com/reference/testing>
    fn is_test(&self, credentials: &Value) -> bool {
        let key = credentials["api_key"].as_str().unwrap_or_default();
        key.starts_with("test_")
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        Ok(Api::new(ctx)?.create_payment(new).await?.into())
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let api = Api::new(ctx)?;
        let found = match payment.reference {
            Some(reference) => api.payment(&reference.id).await?,
            None => find(&api, payment).await?,
        };
        if let Some(found) = &found {
            metadata::check_payment(&found.metadata, payment.id)?;
        }
        Ok(found.map(Into::into))
    }

    /// Mollie does not cancel every payment, for example while a bank's page is open. Such a payment
    /// stays what Mollie says it is.
    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let api = Api::new(ctx)?;
        let id = match payment.reference {
            Some(reference) => reference.id.clone(),
            None => match find(&api, payment).await? {
                Some(found) => found.id,
                None => return Ok(None),
            },
        };
        let found = match api.cancel_payment(&id).await? {
            Some(canceled) => canceled,
            None => match api.payment(&id).await? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        metadata::check_payment(&found.metadata, payment.id)?;
        Ok(Some(match found.status {
            Status::Canceled | Status::Expired => PaymentUpdate {
                reference: Some(Reference::payment(found.id)),
                ..PaymentUpdate::status(PaymentStatus::Canceled)
            },
            _ => found.into(),
        }))
    }

    /// Mollie's idempotency keys are valid for an hour only: the payment's refunds are searched
    /// first. A refund that is canceled before it is processed disappears.
    /// <https://docs.mollie.com/reference/cancel-refund>
    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        let api = Api::new(ctx)?;
        let payment = api.payment(new.payment_reference).await?;
        let payment = payment.ok_or(CallError::Unknown(Cause::Missing))?;
        let is_ours = |refund: &Refund| {
            metadata::id(&refund.metadata, metadata::REFUND).as_ref() == Some(new.id)
                || new.refund_reference == Some(refund.id.as_str())
        };
        if let Some(found) = payment.embedded.refunds.into_iter().find(is_ours) {
            return Ok(found.into());
        }
        let Some(id) = new.refund_reference else {
            return Ok(api.create_refund(new).await?.into());
        };
        Ok(match api.refund(new.payment_reference, id).await? {
            Some(refund) => refund.into(),
            None => RefundOutcome::Failed("canceled".into()),
        })
    }

    async fn check_login(&self, ctx: &Ctx<'_>) -> Result<(), CallError> {
        Api::new(ctx)?.methods().await
    }

    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        _headers: &HeaderMap,
        body: &[u8],
        _timing: Timing,
    ) -> Result<Vec<WebhookMessage>, WebhookError> {
        webhook::parse(ctx, body).await
    }
}
