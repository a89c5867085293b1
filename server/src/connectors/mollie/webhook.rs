//! Mollie's webhooks. Anyone can send one with any id, so it proves nothing: the state is fetched
//! from Mollie with the account's own key.

use super::api::Api;
use super::model::Notification;
use crate::connectors::error::{MalformedWebhook, SignatureError, WebhookError};
use crate::connectors::metadata;
use crate::connectors::types::{Ctx, PaymentUpdate, WebhookEvent, WebhookMessage};

/// Fetches the payment that a webhook names.
pub async fn parse(ctx: &Ctx<'_>, body: &[u8]) -> Result<Vec<WebhookMessage>, WebhookError> {
    let notification: Notification =
        serde_urlencoded::from_bytes(body).map_err(MalformedWebhook::from)?;
    let id = notification.id;
    let unique = id.strip_prefix("tr_").unwrap_or_default();
    if unique.is_empty() || !unique.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(SignatureError::UnknownPayment.into());
    }
    let payment = Api::new(ctx)?.payment(&id).await?;
    let mut payment = payment.ok_or(SignatureError::UnknownPayment)?;
    let refunds = std::mem::take(&mut payment.embedded.refunds);
    let our_id = metadata::id(&payment.metadata, metadata::PAYMENT);
    let update = PaymentUpdate::from(payment);
    // A webhook has no id of its own: one that reports the same state again is a repetition.
    let message = format!("{id} {} {}", update.status, refunds.len());
    let payment = our_id.map(|id| WebhookEvent::Payment(id, update));
    let refunds = refunds.into_iter().filter_map(|refund| {
        let id = metadata::id(&refund.metadata, metadata::REFUND)?;
        Some(WebhookEvent::Refund(id, refund.into()))
    });
    Ok(vec![WebhookMessage {
        id: message,
        events: payment.into_iter().chain(refunds).collect(),
    }])
}
