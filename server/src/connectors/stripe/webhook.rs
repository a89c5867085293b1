//! Stripe's webhooks. <https://docs.stripe.com/webhooks>
//!
//! Stripe takes a payment back by a dispute only, or by a refund made in the dashboard: by the methods
//! of this connector, a payment that succeeded never fails later.
//! <https://docs.stripe.com/disputes/how-disputes-work>

use super::api::Api;
use super::model::{Charge, Credentials, Dispute, Event, Object, Refund, Session};
use crate::connectors::error::{MalformedWebhook, WebhookError};
use crate::connectors::types::{
    Ctx, PaymentKey, PaymentUpdate, Subject, WebhookEvent, WebhookMessage,
};
use crate::connectors::{credentials, json, metadata, signature};
use crate::domain::Timing;
use axum::http::HeaderMap;
use secrecy::ExposeSecret;
use till_shared::payment::DeclineCode;

/// Verifies and parses a webhook.
pub async fn parse(
    ctx: &Ctx<'_>,
    headers: &HeaderMap,
    body: &[u8],
    timing: Timing,
) -> Result<Vec<WebhookMessage>, WebhookError> {
    let credentials: Credentials = credentials::read(ctx)?;
    let secret = credentials.webhook_secret.expose_secret().as_bytes();
    signature::verify(headers, "stripe-signature", body, secret, timing)?;
    let event: Event = json::from_slice(body).map_err(MalformedWebhook::from)?;
    let events = match event.data.object {
        Object::Intent(intent) => metadata::id(&intent.metadata, metadata::PAYMENT)
            .map(|id| WebhookEvent::Payment(id, (*intent).into()))
            .into_iter()
            .collect(),
        Object::Session(session) => session_event(&event.r#type, *session).into_iter().collect(),
        Object::Refund(refund) => refund_event(refund).into_iter().collect(),
        Object::Dispute(dispute) => dispute_event(dispute).into_iter().collect(),
        Object::Charge(charge) if event.r#type == "charge.refunded" => {
            refunds_of(ctx, charge).await?
        }
        Object::Charge(_) | Object::Other => vec![],
    };
    Ok(vec![WebhookMessage {
        id: event.id,
        events,
    }])
}

fn session_event(event: &str, session: Session) -> Option<WebhookEvent> {
    let id = metadata::id(&session.metadata, metadata::PAYMENT)?;
    let update = if event == "checkout.session.async_payment_failed" {
        PaymentUpdate::declined(DeclineCode::CardDeclined)
    } else {
        session.into()
    };
    Some(WebhookEvent::Payment(id, update))
}

/// A refund without our id was made in the dashboard.
fn refund_event(refund: Refund) -> Option<WebhookEvent> {
    if let Some(id) = metadata::id(&refund.metadata, metadata::REFUND) {
        return Some(WebhookEvent::Refund(id, refund.into()));
    }
    let payment = PaymentKey::Theirs(refund.payment_intent.clone()?);
    Some(WebhookEvent::DashboardRefund(payment, refund.into()))
}

fn dispute_event(dispute: Dispute) -> Option<WebhookEvent> {
    let payment = PaymentKey::Theirs(dispute.payment_intent.clone()?);
    Some(WebhookEvent::Dispute(payment, dispute.into()))
}

/// The refunds of a charge. Webhooks of API versions before 2024-10-28 report a refund of a charge
/// as `charge.refunded` only, and those since 2022-11-15 do not contain the refund.
/// <https://docs.stripe.com/changelog/acacia/2024-10-28/refund-webhook-update>
async fn refunds_of(ctx: &Ctx<'_>, charge: Charge) -> Result<Vec<WebhookEvent>, WebhookError> {
    let Some(intent) = charge.payment_intent else {
        return Ok(vec![]);
    };
    let subject = Subject::Payment(PaymentKey::Theirs(intent.clone()));
    let refunds = match charge.refunds {
        Some(list) if !list.has_more => list.data,
        _ if ctx.carries(&subject).await? => Api::new(ctx)?.refunds(&intent).await?,
        _ => vec![],
    };
    Ok(refunds.into_iter().filter_map(refund_event).collect())
}
