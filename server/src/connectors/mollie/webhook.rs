//! Mollie's webhooks. Anyone can send one with any id, so it proves nothing: the state is fetched
//! from Mollie with the account's own key. Mollie sends one for every change of a payment, of its
//! refunds and of its chargebacks. <https://docs.mollie.com/reference/webhooks>

use super::api::Api;
use super::model::{Notification, Refund};
use crate::connectors::context::Carrier;
use crate::connectors::error::{MalformedWebhook, SignatureError, WebhookError};
use crate::connectors::metadata;
use crate::connectors::types::{
    Ctx, PaymentKey, PaymentUpdate, RefundOutcome, Subject, WebhookEvent, WebhookMessage,
};

/// Fetches the payment that a webhook names, if the account carries it.
pub async fn parse(ctx: &Ctx<'_>, body: &[u8]) -> Result<Vec<WebhookMessage>, WebhookError> {
    let notification: Notification =
        serde_urlencoded::from_bytes(body).map_err(MalformedWebhook::from)?;
    let id = notification.id;
    let unique = id.strip_prefix("tr_").unwrap_or_default();
    let possible = !unique.is_empty() && unique.bytes().all(|b| b.is_ascii_alphanumeric());
    let subject = Subject::Payment(PaymentKey::Theirs(id.clone()));
    let carrier = if possible {
        ctx.carrier(&subject).await?
    } else {
        Carrier::Unknown
    };
    match carrier {
        Carrier::ThisAccount => {}
        Carrier::AnotherAccount => return Err(WebhookError::Unmatched),
        // Mollie sends the webhook again: it may be about a payment whose creation it has not answered yet.
        Carrier::Unknown => return Err(SignatureError::UnknownPayment.into()),
    }
    ctx.count_unproven(&subject)?;
    let api = Api::new(ctx)?;
    let payment = api.payment(&id).await?;
    let mut payment = payment.ok_or(SignatureError::UnknownPayment)?;
    let chargebacks = if payment.has_chargebacks() {
        api.chargebacks(&id).await?
    } else {
        vec![]
    };
    let refunds = std::mem::take(&mut payment.embedded.refunds);
    let our_id = metadata::id(&payment.metadata, metadata::PAYMENT);
    let key = our_id
        .clone()
        .map_or(PaymentKey::Theirs(id.clone()), PaymentKey::Ours);
    let update = PaymentUpdate::from(payment);
    // A webhook has no id of its own: one that reports the same state again is a repetition.
    let reversed = chargebacks
        .iter()
        .filter(|c| c.reversed_at.is_some())
        .count();
    let message = format!(
        "{id} {} {} {} {reversed}",
        update.status,
        refunds.len(),
        chargebacks.len()
    );
    let payment = our_id.map(|id| WebhookEvent::Payment(id, update));
    let refunds = refunds.into_iter().map(|refund| refund_event(&key, refund));
    let disputes = chargebacks
        .into_iter()
        .map(|chargeback| WebhookEvent::Dispute(key.clone(), chargeback.into()));
    Ok(vec![WebhookMessage {
        id: message,
        events: payment.into_iter().chain(refunds).chain(disputes).collect(),
    }])
}

/// A refund without our id was made in the dashboard.
fn refund_event(payment: &PaymentKey, refund: Refund) -> WebhookEvent {
    match metadata::id(&refund.metadata, metadata::REFUND) {
        Some(id) => WebhookEvent::Refund(id, RefundOutcome::from(refund)),
        None => WebhookEvent::DashboardRefund(payment.clone(), refund.into()),
    }
}
