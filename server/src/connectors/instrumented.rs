//! A connector that times, counts and traces every call of another one.

use super::connector::{Capabilities, Connector};
use super::error::{CallError, InvalidCredentials, WebhookError};
use super::types::{
    Ctx, NewPayment, NewRefund, PaymentRef, PaymentUpdate, RefundOutcome, WebhookMessage,
};
use crate::domain::Timing;
use crate::telemetry::{ConnectorCall, Metrics};
use async_trait::async_trait;
use axum::http::HeaderMap;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Span};

/// Wraps a connector.
pub struct Instrumented {
    /// The wrapped connector.
    pub inner: Arc<dyn Connector>,
    /// Its kind.
    pub kind: String,
    /// Where the calls are counted.
    pub metrics: Arc<Metrics>,
}

impl Instrumented {
    /// Runs `call` in a span with the id of its `subject`, which is `payment` or `refund`.
    async fn call<T>(
        &self,
        operation: &'static str,
        (subject, id): (&'static str, &(dyn Display + Sync)),
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let span = self.span(operation);
        span.record(subject, tracing::field::display(id));
        let start = Instant::now();
        let result = call.instrument(span.clone()).await;
        let outcome = match &result {
            Ok(_) => ConnectorCall::Answered,
            Err(CallError::NotSent(_)) => ConnectorCall::NotSent,
            Err(CallError::Refused(_)) => ConnectorCall::Refused,
            Err(CallError::Unknown(_)) => ConnectorCall::Unknown,
        };
        span.record("outcome", <&str>::from(outcome));
        if result.is_err() {
            span.record("otel.status_code", "ERROR");
        }
        self.metrics
            .call(&self.kind, operation, outcome, start.elapsed());
        result
    }

    fn span(&self, operation: &'static str) -> Span {
        let kind = &self.kind;
        tracing::error_span!(
            "connector_call",
            otel.kind = "client",
            otel.name = format!("{kind} {operation}"),
            connector = kind,
            operation,
            payment = Empty,
            refund = Empty,
            outcome = Empty,
            otel.status_code = Empty
        )
    }
}

#[async_trait]
impl Connector for Instrumented {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn check_credentials(&self, credentials: &serde_json::Value) -> Result<(), InvalidCredentials> {
        self.inner.check_credentials(credentials)
    }

    fn is_test(&self, credentials: &serde_json::Value) -> bool {
        self.inner.is_test(credentials)
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        let call = self.inner.create(ctx, new);
        self.call("create", ("payment", new.id), call).await
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let call = self.inner.fetch(ctx, payment);
        self.call("fetch", ("payment", payment.id), call).await
    }

    async fn handle_return(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
        query: &[(String, String)],
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let call = self.inner.handle_return(ctx, payment, query);
        // The operation's name in metrics and traces is older than the method's.
        self.call("returned", ("payment", payment.id), call).await
    }

    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &PaymentRef<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let call = self.inner.cancel(ctx, payment);
        self.call("cancel", ("payment", payment.id), call).await
    }

    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        let call = self.inner.refund(ctx, new);
        self.call("refund", ("refund", new.id), call).await
    }

    async fn check_login(&self, ctx: &Ctx<'_>) -> Result<(), CallError> {
        self.inner.check_login(ctx).await
    }

    fn webhook_response(&self) -> &'static str {
        self.inner.webhook_response()
    }

    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        headers: &HeaderMap,
        body: &[u8],
        timing: Timing,
    ) -> Result<Vec<WebhookMessage>, WebhookError> {
        // Some connectors call the payment system to process a webhook.
        let parse = self.inner.parse_webhook(ctx, headers, body, timing);
        parse.instrument(self.span("webhook")).await
    }
}
