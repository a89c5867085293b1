//! The signatures of PayPal's webhooks. <https://developer.paypal.com/api/rest/webhooks/rest/>

use super::api::Api;
use super::certificate;
use super::event::Event;
use super::model::Credentials;
use super::transmission::Transmission;
use crate::connectors::error::{MalformedWebhook, SignatureError, WebhookError};
use crate::connectors::types::{Ctx, Subject, WebhookMessage};
use crate::connectors::{credentials, json};
use crate::domain::Timing;
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Verifies and parses a webhook. A webhook that names no payment of ours costs no network call and
/// is not recorded: nothing says who sent it.
pub async fn parse(
    ctx: &Ctx<'_>,
    headers: &HeaderMap,
    body: &[u8],
    timing: Timing,
) -> Result<Vec<WebhookMessage>, WebhookError> {
    let transmission = Transmission::read(headers, timing)?;
    let event: Event = json::from_slice(body).map_err(MalformedWebhook::from)?;
    let id = event.id.clone();
    let reported = event.reported().map_err(MalformedWebhook::from)?;
    if reported.is_empty() {
        return Ok(vec![]);
    }
    let mut events = vec![];
    for event in reported {
        if ctx.carries(&event.subject()).await? {
            events.push(event);
        }
    }
    let first = events.first().ok_or(WebhookError::Unmatched)?;
    verify(ctx, &first.subject(), &transmission, body, timing).await?;
    Ok(vec![WebhookMessage { id, events }])
}

/// Verifies the signature with the certificate that the webhook names. If the certificate comes
/// without the ones that it was issued under, nothing here can tell whether it is PayPal's, so
/// PayPal is asked.
/// <https://developer.paypal.com/api/rest/webhooks/rest/#link-messagesignature>
async fn verify(
    ctx: &Ctx<'_>,
    subject: &Subject,
    transmission: &Transmission<'_>,
    body: &[u8],
    timing: Timing,
) -> Result<(), WebhookError> {
    let credentials: Credentials = credentials::read(ctx)?;
    let signature = STANDARD.decode(transmission.signature);
    let signature = signature.map_err(|_| SignatureError::Malformed)?;
    let url = transmission.certificate_url;
    let certificates = certificate::fetch(ctx, subject, &credentials, url).await?;
    let (id, time, webhook) = (transmission.id, transmission.time, &credentials.webhook_id);
    let signed = format!("{id}|{time}|{webhook}|{}", crc32fast::hash(body));
    let verified = certificate::verify(
        &certificates,
        credentials.certificate_authority.as_deref(),
        signed.as_bytes(),
        &signature,
        timing,
    );
    match verified {
        Err(SignatureError::UntrustedCertificate) if certificate::is_alone(&certificates) => {
            ctx.count_unproven(subject)?;
            let signed = Api::new(ctx)?.verify_webhook(transmission, body).await?;
            Ok(signed.then_some(()).ok_or(SignatureError::Mismatch)?)
        }
        verified => Ok(verified?),
    }
}
