//! The sandbox payment system, which is part of this server's binary. It is called over HTTP like
//! any other payment system; its page `/sandbox` lists the test cards.

mod api;
mod mapping;
mod model;
mod webhook;

use super::connector::{Capabilities, Connector};
use super::credentials;
use super::error::{CallError, InvalidCredentials, WebhookError};
use super::types::{
    Ctx, NewPayment, NewRefund, PaymentRef, PaymentUpdate, RefundOutcome, WebhookMessage,
};
use crate::domain::Timing;
use api::Api;
use async_trait::async_trait;
use axum::http::HeaderMap;
use model::Credentials;
use serde_json::Value;
use till_shared::payment::Method;

/// The sandbox connector.
pub struct Sandbox;

#[async_trait]
impl Connector for Sandbox {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            methods: &[Method::Card],
            currencies: None,
            refunds: true,
            hosted_page: true,
            card_data: true,
        }
    }

    fn check_credentials(&self, credentials: &Value) -> Result<(), InvalidCredentials> {
        let expected = "the strings base_url, api_key and webhook_secret";
        credentials::check::<Credentials>(credentials, expected)
    }

    fn is_test(&self, _: &Value) -> bool {
        true
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        Ok(Api::new(ctx)?.create_payment(new).await?.update(new.id))
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let api = Api::new(ctx)?;
        let found = match payment.reference {
            Some(reference) => api.payment(&reference.id).await?,
            None => api.payment_by_our_id(payment.id).await?,
        };
        Ok(found.map(|found| found.update(payment.id)))
    }

    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        if let Some(reference) = payment.reference
            && let Some(canceled) = Api::new(ctx)?.cancel_payment(&reference.id).await?
        {
            return Ok(Some(canceled.update(payment.id)));
        }
        // The payment is final or unknown: its state decides.
        self.fetch(ctx, payment).await
    }

    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        // A repeated call is answered with what became of the refund.
        let refund = Api::new(ctx)?.create_refund(new).await?;
        Ok((&refund).into())
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
        webhook::parse(ctx, headers, body, timing)
    }
}
