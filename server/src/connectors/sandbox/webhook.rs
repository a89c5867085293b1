//! The sandbox's webhooks: signed like Stripe's.

use super::model::{Credentials, Event, EventData};
use crate::connectors::error::{MalformedWebhook, SignatureError, WebhookError};
use crate::connectors::types::{Ctx, PaymentKey, WebhookEvent, WebhookMessage};
use crate::connectors::{credentials, json, signature};
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
    let event: Event = json::from_slice(body).map_err(MalformedWebhook::from)?;
    Ok(vec![WebhookMessage {
        id: event.id,
        events: vec![reported(event.data)?],
    }])
}

/// What the event reports. The payment is ours, so a refund without a reference of ours was made in
/// the dashboard.
fn reported(data: EventData) -> Result<WebhookEvent, MalformedWebhook> {
    let id = data.payment.reference.parse();
    let id = id.map_err(|_| MalformedWebhook::Reference)?;
    if let Some(refund) = data.refund {
        return Ok(match &refund.reference {
            Some(ours) => {
                let ours = ours.parse().map_err(|_| MalformedWebhook::Reference)?;
                WebhookEvent::Refund(ours, (&refund).into())
            }
            None => WebhookEvent::DashboardRefund(PaymentKey::Ours(id), refund.into()),
        });
    }
    if let Some(dispute) = data.dispute {
        return Ok(WebhookEvent::Dispute(PaymentKey::Ours(id), dispute.into()));
    }
    if let Some(reversal) = data.reversal {
        return Ok(WebhookEvent::Reversal(
            PaymentKey::Ours(id),
            reversal.into(),
        ));
    }
    Ok(WebhookEvent::Payment(id, data.payment.into()))
}
