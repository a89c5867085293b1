//! PayPal: an order, which the buyer approves on PayPal's page and this server then captures.
//!
//! An order charges nothing by itself, and no buyer can approve one whose link never reached this
//! server: if the response to its creation is lost, nothing was or will be charged. The capture
//! charges the buyer. Its idempotency key is derived from our payment id, so that it can be
//! repeated, and its outcome is read from the order.

mod api;
mod certificate;
mod codes;
mod mapping;
mod model;
mod webhook;

use super::connector::{Capabilities, Connector};
use super::credentials;
use super::error::{CallError, Cause, InvalidCredentials, WebhookError};
use super::transport::ApiError;
use super::types::{
    Ctx, NewPayment, NewRefund, PaymentRef, PaymentUpdate, RefundOutcome, WebhookMessage,
};
use crate::domain::Timing;
use api::Api;
use async_trait::async_trait;
use axum::http::HeaderMap;
use model::{CANCELED, Credentials, OrderStatus};
use serde_json::Value;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};

/// The PayPal connector.
pub struct PayPal;

/// Captures an order that the buyer approved.
async fn capture(
    api: &Api<'_>,
    payment: &PaymentRef<'_>,
    order: &str,
) -> Result<PaymentUpdate, CallError> {
    let error = match api.capture_order(order, payment.id).await {
        Ok(order) => return Ok(order.into()),
        Err(ApiError::Call(error)) => return Err(error),
        Err(error) => error,
    };
    if let ApiError::Response {
        body: Some(body), ..
    } = &error
        && let Some(code) = body.decline()
    {
        return Ok(PaymentUpdate::declined(code));
    }
    // It was captured before, or cannot be captured yet: the order's state decides.
    match api.order(order).await? {
        Some(order) if !matches!(order.status, OrderStatus::Approved) => Ok(order.into()),
        Some(_) | None => Err(error.into()),
    }
}

#[async_trait]
impl Connector for PayPal {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            methods: &[Method::Paypal],
            currencies: Some(codes::CURRENCIES),
            refunds: true,
            hosted_page: true,
            card_data: false,
        }
    }

    fn check_credentials(&self, credentials: &Value) -> Result<(), InvalidCredentials> {
        let expected =
            "the strings client_id, client_secret and webhook_id, and optionally base_url";
        credentials::check::<Credentials>(credentials, expected)
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        Ok(Api::new(ctx)?.create_order(new).await?.into())
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let Some(id) = payment.reference else {
            return Ok(None);
        };
        let api = Api::new(ctx)?;
        match api.order(id).await? {
            Some(order) if matches!(order.status, OrderStatus::Approved) => {
                capture(&api, payment, id).await.map(Some)
            }
            order => Ok(order.map(Into::into)),
        }
    }

    async fn handle_return(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
        query: &[(String, String)],
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let (name, value) = CANCELED;
        if !query.iter().any(|(n, v)| n == name && v == value) {
            return self.fetch(ctx, payment).await;
        }
        let update = self.cancel(ctx, payment).await?;
        Ok(update.map(|update| match update.status {
            PaymentStatus::Canceled => PaymentUpdate::declined(DeclineCode::VerificationAbandoned),
            _ => update,
        }))
    }

    /// PayPal has no call that cancels an order. One that is never captured charges nothing.
    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
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
        if let Some(id) = new.refund_reference {
            let found = api.refund(id).await?.map(Into::into);
            return found.ok_or(CallError::Unknown(Cause::Missing));
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
        webhook::parse(ctx, headers, body, timing).await
    }
}
