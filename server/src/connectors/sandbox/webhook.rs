//! The sandbox's webhooks: signed like Stripe's.

use super::model::{Credentials, Event};
use crate::connectors::error::{MalformedWebhook, SignatureError, WebhookError};
use crate::connectors::types::{Ctx, WebhookEvent, WebhookMessage};
use crate::connectors::{credentials, signature};
use crate::domain::Timing;
use axum::http::HeaderMap;
use secrecy::ExposeSecret;

/// Verifies and parses a webhook.
pub fn parse(
    ctx: &Ctx<'_>,
    headers: &HeaderMap,
    body: &[u8],
    timing: Timing,
) -> Result<Vec<WebhookMessage>, WebhookError> {
    let credentials: Credentials = credentials::read(ctx).map_err(|_| SignatureError::NoKey)?;
    let secret = credentials.webhook_secret.expose_secret().as_bytes();
    signature::verify(headers, "sandbox-signature", body, secret, timing)?;
    let event: Event = serde_json::from_slice(body).map_err(MalformedWebhook::from)?;
    let payment = event.data.payment;
    let id = payment
        .reference
        .parse()
        .map_err(|_| MalformedWebhook::Reference)?;
    Ok(vec![WebhookMessage {
        id: event.id,
        events: vec![WebhookEvent::Payment(id, payment.into())],
    }])
}
