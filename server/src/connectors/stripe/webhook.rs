//! Stripe's webhooks. <https://docs.stripe.com/webhooks>

use super::model::{Credentials, Event, Object};
use crate::connectors::error::{MalformedWebhook, WebhookError};
use crate::connectors::types::{Ctx, PaymentUpdate, WebhookEvent, WebhookMessage};
use crate::connectors::{credentials, metadata, signature};
use crate::domain::Timing;
use axum::http::HeaderMap;
use secrecy::ExposeSecret;
use till_shared::payment::DeclineCode;

/// Verifies and parses a webhook.
pub fn parse(
    ctx: &Ctx<'_>,
    headers: &HeaderMap,
    body: &[u8],
    timing: Timing,
) -> Result<Vec<WebhookMessage>, WebhookError> {
    let credentials: Credentials = credentials::read(ctx)?;
    let secret = credentials.webhook_secret.expose_secret().as_bytes();
    signature::verify(headers, "stripe-signature", body, secret, timing)?;
    let event: Event = serde_json::from_slice(body).map_err(MalformedWebhook::from)?;
    let reported = match event.data.object {
        Object::Intent(intent) => metadata::id(&intent.metadata, metadata::PAYMENT)
            .map(|id| WebhookEvent::Payment(id, (*intent).into())),
        Object::Session(session) => metadata::id(&session.metadata, metadata::PAYMENT).map(|id| {
            let update = if event.r#type == "checkout.session.async_payment_failed" {
                PaymentUpdate::declined(DeclineCode::CardDeclined)
            } else {
                (*session).into()
            };
            WebhookEvent::Payment(id, update)
        }),
        Object::Refund(refund) => metadata::id(&refund.metadata, metadata::REFUND)
            .map(|id| WebhookEvent::Refund(id, refund.into())),
        Object::Other => None,
    };
    Ok(vec![WebhookMessage {
        id: event.id,
        events: reported.into_iter().collect(),
    }])
}
