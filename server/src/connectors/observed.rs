//! A connector whose every call is timed, counted and a span of its trace.

use super::{
    CallError, Capabilities, Connector, Ctx, Known, NewPayment, NewRefund, PaymentUpdate,
    RefundOutcome, Webhook, WebhookError,
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

/// The connector that it stands before.
pub struct Observed {
    /// Does the work.
    pub inner: Arc<dyn Connector>,
    /// Its kind.
    pub kind: String,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
}

impl Observed {
    async fn call<T>(
        &self,
        operation: &'static str,
        (what, id): (&'static str, &(dyn Display + Sync)),
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let span = self.span(operation);
        span.record(what, tracing::field::display(id));
        let start = Instant::now();
        let answer = call.instrument(span.clone()).await;
        let outcome = match &answer {
            Ok(_) => ConnectorCall::Answered,
            Err(CallError::NotSent(_)) => ConnectorCall::NotSent,
            Err(CallError::Refused(_)) => ConnectorCall::Refused,
            Err(CallError::Unknown(_)) => ConnectorCall::Unknown,
        };
        span.record("outcome", <&str>::from(outcome));
        if outcome != ConnectorCall::Answered {
            span.record("otel.status_code", "ERROR");
        }
        let took = start.elapsed();
        self.metrics.call(&self.kind, operation, outcome, took);
        answer
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
impl Connector for Observed {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn check_credentials(&self, credentials: &serde_json::Value) -> Result<(), String> {
        self.inner.check_credentials(credentials)
    }

    async fn create(
        &self,
        ctx: &Ctx<'_>,
        new: &NewPayment<'_>,
    ) -> Result<PaymentUpdate, CallError> {
        self.call("create", ("payment", new.id), self.inner.create(ctx, new))
            .await
    }

    async fn fetch(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        self.call(
            "fetch",
            ("payment", payment.id),
            self.inner.fetch(ctx, payment),
        )
        .await
    }

    async fn returned(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
        query: &[(String, String)],
    ) -> Result<Option<PaymentUpdate>, CallError> {
        let call = self.inner.returned(ctx, payment, query);
        self.call("returned", ("payment", payment.id), call).await
    }

    async fn cancel(
        &self,
        ctx: &Ctx<'_>,
        payment: &Known<'_>,
    ) -> Result<Option<PaymentUpdate>, CallError> {
        self.call(
            "cancel",
            ("payment", payment.id),
            self.inner.cancel(ctx, payment),
        )
        .await
    }

    async fn refund(&self, ctx: &Ctx<'_>, new: &NewRefund<'_>) -> Result<RefundOutcome, CallError> {
        self.call("refund", ("refund", new.id), self.inner.refund(ctx, new))
            .await
    }

    fn webhook_answer(&self) -> &'static str {
        self.inner.webhook_answer()
    }

    async fn parse_webhook(
        &self,
        ctx: &Ctx<'_>,
        headers: &HeaderMap,
        body: &[u8],
        timing: Timing,
    ) -> Result<Vec<Webhook>, WebhookError> {
        // Some payment systems are asked whether it is theirs.
        let read = self.inner.parse_webhook(ctx, headers, body, timing);
        read.instrument(self.span("webhook")).await
    }
}
