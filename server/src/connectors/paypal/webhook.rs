//! PayPal's webhooks. <https://developer.paypal.com/api/rest/webhooks/rest/>

use super::certificate;
use super::model::{Capture, Credentials, Event, EventType, OrderResource, Refund};
use crate::connectors::credentials;
use crate::connectors::error::{MalformedWebhook, SignatureError, WebhookError};
use crate::connectors::types::{Ctx, WebhookEvent, WebhookMessage};
use crate::domain::Timing;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// How old a webhook may be, in seconds. PayPal repeats a webhook for three days, with the time of
/// its first attempt.
const TOLERANCE: u64 = 3 * 86_400 + 300;

/// Verifies and parses a webhook.
pub async fn parse(
    ctx: &Ctx<'_>,
    headers: &HeaderMap,
    body: &[u8],
    timing: Timing,
) -> Result<Vec<WebhookMessage>, WebhookError> {
    let credentials: Credentials = credentials::read(ctx)?;
    verify(ctx, &credentials, headers, body, timing).await?;
    let event: Event = serde_json::from_slice(body).map_err(MalformedWebhook::from)?;
    let reported = reported(event.event_type, event.resource).map_err(MalformedWebhook::from)?;
    Ok(vec![WebhookMessage {
        id: event.id,
        events: reported.into_iter().collect(),
    }])
}

/// <https://developer.paypal.com/api/rest/webhooks/rest/#link-messagesignature>
async fn verify(
    ctx: &Ctx<'_>,
    credentials: &Credentials,
    headers: &HeaderMap,
    body: &[u8],
    timing: Timing,
) -> Result<(), WebhookError> {
    let header = |name: &str| {
        let value = headers.get(format!("paypal-{name}"));
        let value = value.and_then(|v| v.to_str().ok());
        value.ok_or(SignatureError::Missing)
    };
    let (id, time) = (header("transmission-id")?, header("transmission-time")?);
    let sent: jiff::Timestamp = time.parse().map_err(|_| SignatureError::Malformed)?;
    if timing.now_seconds().abs_diff(sent.as_second()) > TOLERANCE {
        return Err(SignatureError::Expired.into());
    }
    if header("auth-algo")? != "SHA256withRSA" {
        return Err(SignatureError::UnsupportedAlgorithm.into());
    }
    let signature = STANDARD.decode(header("transmission-sig")?);
    let signature = signature.map_err(|_| SignatureError::Malformed)?;
    let checksum = crc32fast::hash(body);
    let signed = format!("{id}|{time}|{}|{checksum}", credentials.webhook_id);
    let certificates = certificate::fetch(ctx, credentials, header("cert-url")?).await?;
    let authority = credentials.certificate_authority.as_deref();
    certificate::verify(
        &certificates,
        authority,
        signed.as_bytes(),
        &signature,
        timing,
    )?;
    Ok(())
}

fn reported(
    event_type: EventType,
    resource: Value,
) -> Result<Option<WebhookEvent>, serde_json::Error> {
    Ok(match event_type {
        EventType::CaptureCompleted
        | EventType::CapturePending
        | EventType::CaptureDeclined
        | EventType::CaptureDenied => {
            let capture: Capture = serde_json::from_value(resource)?;
            let id = capture.custom_id.as_deref().and_then(|id| id.parse().ok());
            id.map(|id| WebhookEvent::Payment(id, capture.into()))
        }
        EventType::CaptureRefunded | EventType::RefundPending | EventType::RefundFailed => {
            let refund: Refund = serde_json::from_value(resource)?;
            let id = refund.custom_id.as_deref().and_then(|id| id.parse().ok());
            id.map(|id| WebhookEvent::Refund(id, refund.into()))
        }
        // The order is captured if the payment was not canceled since the buyer approved it.
        EventType::OrderApproved | EventType::OrderCompleted | EventType::ApprovalReversed => {
            let order: OrderResource = serde_json::from_value(resource)?;
            let mut ids = order.purchase_units.into_iter().filter_map(|u| u.custom_id);
            ids.find_map(|id| id.parse().ok())
                .map(WebhookEvent::Refetch)
        }
        EventType::Other => None,
    })
}
