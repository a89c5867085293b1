//! PayPal: an order, which the buyer approves on PayPal's page and this server then captures.
//!
//! An order charges nothing by itself, and no buyer can approve one whose link never reached this
//! server: if the response to its creation is lost, nothing was or will be charged. The capture
//! charges the buyer. Its idempotency key is derived from our payment id, so that it can be
//! repeated, and its outcome is read from the order. Only this server captures: an order that PayPal
//! reports as not approved is never charged.

mod api;
mod certificate;
mod codes;
mod dispute;
mod event;
mod failure;
mod mapping;
mod model;
mod new_order;
mod session;
mod transmission;
mod webhook;

use super::connector::{Capabilities, Connector};
use super::credentials;
use super::error::{CallError, Cause, InvalidCredentials, WebhookError};
use super::transport::ApiError;
use super::types::{
    Ctx, NewPayment, NewRefund, PaymentRef, PaymentUpdate, RefundOutcome, WebhookMessage,
};
use crate::domain::Timing;
use crate::domain::reference::{Reference, ReferenceObject};
use api::Api;
use async_trait::async_trait;
use axum::http::HeaderMap;
use model::{CANCELED, Credentials, OrderStatus};
use reqwest::StatusCode;
use serde_json::Value;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};

/// The PayPal connector.
pub struct PayPal;

/// Captures an order that the buyer approved. Until PayPal says how that ended, the payment is
/// `processing`: it may have been charged.
async fn capture(api: &Api<'_>, payment: &PaymentRef<'_>, order: &str) -> PaymentUpdate {
    let processing = PaymentUpdate {
        reference: Some(Reference::page(order)),
        ..PaymentUpdate::status(PaymentStatus::Processing)
    };
    let (status, body) = match api.capture_order(order, payment.id).await {
        Ok(order) => return order.update(payment.id),
        Err(ApiError::Response {
            status,
            body: Some(body),
        }) => (status, body),
        Err(error) => {
            let error = CallError::from(error);
            tracing::warn!(%error, "the outcome of a capture is unknown");
            return processing;
        }
    };
    let decline = body.decline();
    // A refusal that can't be cured: the order is of no use. An earlier call may still be in
    // progress.
    let refused = status == StatusCode::UNPROCESSABLE_ENTITY && payment.calls_ended;
    let error = CallError::from(ApiError::Response {
        status,
        body: Some(body),
    });
    // An earlier call may have captured it: the order's state decides.
    match (api.order(order).await, decline) {
        (Ok(Some(order)), _) if matches!(order.status, OrderStatus::Completed) => {
            order.update(payment.id)
        }
        (Ok(Some(_)), Some(code)) => PaymentUpdate::declined(code),
        (Ok(Some(order)), None) if order.is_unapproved() => order.update(payment.id),
        (Ok(Some(_)), None) if refused && matches!(error, CallError::Refused(_)) => {
            tracing::error!(%error, "PayPal refuses to capture an approved order");
            PaymentUpdate::declined(DeclineCode::ProcessingError)
        }
        (Ok(_) | Err(_), _) => {
            tracing::warn!(%error, "an approved order is not captured");
            processing
        }
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
        let expected = "the strings client_id, client_secret and webhook_id, and optionally \
            base_url and shipping_preference (NO_SHIPPING or GET_FROM_FILE)";
        credentials::check::<Credentials>(credentials, expected)
    }

    /// The host of the sandbox: <https://developer.paypal.com/api/rest/requests/>
    fn is_test(&self, credentials: &Value) -> bool {
        let host = credentials::host(&credentials["base_url"]);
        host.is_some_and(|host| host.ends_with(".sandbox.paypal.com"))
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        Ok(Api::new(ctx)?.create_order(new).await?.update(new.id))
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let Some(Reference { id, object }) = payment.reference else {
            return Ok(None);
        };
        let api = Api::new(ctx)?;
        if *object == ReferenceObject::Payment {
            let found = api.capture(id).await?;
            return Ok(found.map(|capture| capture.update(payment.id)));
        }
        let Some(order) = api.order(id).await? else {
            return Ok(None);
        };
        let approved = matches!(order.status, OrderStatus::Approved) && order.is_for(payment.id);
        Ok(Some(if approved {
            capture(&api, payment, id).await
        } else {
            order.update(payment.id)
        }))
    }

    /// The query says only which of PayPal's links the buyer followed: the order is the one that was
    /// created for the payment.
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

    /// PayPal has no call that cancels an order. One that the buyer has not approved charges nothing
    /// if this server does not capture it.
    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let Some(Reference {
            id,
            object: ReferenceObject::Page,
        }) = payment.reference
        else {
            return self.fetch(ctx, payment).await;
        };
        let order = Api::new(ctx)?.order(id).await?;
        Ok(order.map(|order| {
            if order.is_unapproved() && order.is_for(payment.id) {
                PaymentUpdate::status(PaymentStatus::Canceled)
            } else {
                order.update(payment.id)
            }
        }))
    }

    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        let api = Api::new(ctx)?;
        let refund = match new.refund_reference {
            Some(id) => {
                let found = api.refund(id).await?;
                found.ok_or(CallError::Unknown(Cause::Missing))?
            }
            None => match api.earlier_refund(new).await? {
                Some(earlier) => earlier,
                None => api.create_refund(new).await?,
            },
        };
        let outcome = refund.outcome();
        outcome.ok_or(CallError::Unknown(Cause::NoReference))
    }

    async fn check_login(&self, ctx: &Ctx<'_>) -> Result<(), CallError> {
        Api::new(ctx)?.check_login().await
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
