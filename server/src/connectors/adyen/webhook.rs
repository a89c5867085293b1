//! Adyen's webhooks. There is no time among the signed fields, so a replayed message verifies;
//! reporting a state again has no effect.

use super::codes;
use super::dispute;
use super::model::{Credentials, Item, Notification, NotificationItem};
use crate::connectors::error::{MalformedWebhook, SignatureError, WebhookError};
use crate::connectors::types::{
    Ctx, DashboardRefund, PaymentUpdate, RefundOutcome, Reversal, WebhookEvent, WebhookMessage,
};
use crate::connectors::{credentials, json};
use crate::crypto::hmac_sha256;
use crate::domain::reference::Reference;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use serde_json::Value;
use subtle::ConstantTimeEq;
use till_shared::payment::{DeclineCode, PaymentStatus};

/// Verifies and parses a webhook. One message with an invalid signature fails the whole batch.
/// Messages of other merchant accounts, and those that cannot be read, are skipped: Adyen sends a
/// batch again until it is accepted, and holds up the later ones.
pub fn parse(ctx: &Ctx<'_>, body: &[u8]) -> Result<Vec<WebhookMessage>, WebhookError> {
    let credentials: Credentials = credentials::read(ctx)?;
    let keys = hmac_keys(&credentials)?;
    let notification: Notification = json::from_slice(body).map_err(MalformedWebhook::from)?;
    let items = notification.notification_items.into_iter();
    let items: Vec<Item> = items.filter_map(readable).collect();
    for item in &items {
        verify(item, &keys)?;
    }
    let own = items
        .into_iter()
        .filter(|item| item.merchant_account_code == credentials.merchant_account);
    Ok(own.map(message).collect())
}

fn readable(item: Value) -> Option<Item> {
    match serde_json::from_value::<NotificationItem>(item) {
        Ok(item) => Some(item.item),
        Err(error) => {
            tracing::warn!(%error, "a message of an Adyen webhook cannot be read");
            None
        }
    }
}

/// The keys that Adyen may sign with. After a new key is generated, messages signed with the
/// previous one still arrive.
/// <https://docs.adyen.com/development-resources/webhooks/best-practices>
fn hmac_keys(credentials: &Credentials) -> Result<Vec<Vec<u8>>, SignatureError> {
    let keys = [
        Some(&credentials.hmac_key),
        credentials.hmac_key_previous.as_ref(),
    ];
    let keys = keys.into_iter().flatten();
    keys.map(|key| hex::decode(key.expose_secret()).map_err(|_| SignatureError::NoKey))
        .collect()
}

/// <https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures>
fn verify(item: &Item, keys: &[Vec<u8>]) -> Result<(), SignatureError> {
    let amount = item.amount.as_ref();
    let value = amount.map(|a| a.value.to_string()).unwrap_or_default();
    let fields = [
        &item.psp_reference,
        item.original_reference.as_deref().unwrap_or_default(),
        &item.merchant_account_code,
        item.merchant_reference.as_deref().unwrap_or_default(),
        &value,
        amount.map(|a| a.currency.as_str()).unwrap_or_default(),
        &item.event_code,
        &item.success,
    ];
    let signed = fields.join(":");
    let given = item.additional_data["hmacSignature"].as_str();
    let given = given.ok_or(SignatureError::Missing)?;
    let matches = |key: &Vec<u8>| {
        let expected = STANDARD.encode(hmac_sha256(key, &[signed.as_bytes()]));
        bool::from(expected.as_bytes().ct_eq(given.as_bytes()))
    };
    if keys.iter().any(matches) {
        Ok(())
    } else {
        Err(SignatureError::Mismatch)
    }
}

/// <https://docs.adyen.com/development-resources/webhooks/webhook-types>. Two messages with the
/// same event code and reference are one message that was sent twice. All messages about a dispute
/// have its reference.
fn message(item: Item) -> WebhookMessage {
    let stage = dispute::stage(&item).unwrap_or_default();
    let id = format!(
        "{}:{}:{}{stage}",
        item.event_code, item.psp_reference, item.success
    );
    WebhookMessage {
        id,
        events: events(item),
    }
}

/// The event code. A request to cancel or refund is reported as what was done.
/// <https://docs.adyen.com/online-payments/reversal>
fn event_code(item: &Item) -> &str {
    let action = item.additional_data["modification.action"].as_str();
    match (item.event_code.as_str(), action) {
        ("CANCEL_OR_REFUND", Some("refund")) => "REFUND",
        ("CANCEL_OR_REFUND", Some("cancel")) => "CANCELLATION",
        (code, _) => code,
    }
}

fn events(item: Item) -> Vec<WebhookEvent> {
    let success = item.success == "true";
    match (event_code(&item), success) {
        ("AUTHORISATION", _) | ("OFFER_CLOSED", true) => payment(item).into_iter().collect(),
        ("REFUND", true) => {
            let outcome = RefundOutcome::Succeeded(item.psp_reference.clone());
            refund(item, outcome).into_iter().collect()
        }
        ("REFUND", false) | ("REFUND_FAILED" | "REFUNDED_REVERSED", _) => {
            let outcome = RefundOutcome::Failed(item.reason());
            refund(item, outcome).into_iter().collect()
        }
        ("TECHNICAL_CANCEL" | "CANCELLATION", true) => canceled(item),
        ("TECHNICAL_CANCEL", false) => not_canceled(&item).into_iter().collect(),
        ("CAPTURE_FAILED", true) => reversal(&item, true).into_iter().collect(),
        _ => dispute::event(item).into_iter().collect(),
    }
}

/// The outcome of a payment.
fn payment(item: Item) -> Option<WebhookEvent> {
    let ours = item.payment_id()?;
    let by_link = item.additional_data.get("paymentLinkId").is_some();
    let update = match (item.event_code.as_str(), item.success == "true") {
        ("AUTHORISATION", true) => {
            let money = item.money();
            let update = PaymentUpdate {
                reference: Some(Reference::payment(item.psp_reference)),
                ..PaymentUpdate::status(PaymentStatus::Succeeded)
            };
            update.with_amount(money)
        }
        // The buyer can try another card on the page of the link.
        _ if by_link => return None,
        ("AUTHORISATION", false) => {
            let code = codes::refusal(None, item.reason.as_deref());
            PaymentUpdate::declined(code.unwrap_or(DeclineCode::CardDeclined))
        }
        _ => PaymentUpdate::declined(DeclineCode::VerificationAbandoned),
    };
    Some(WebhookEvent::Payment(ours, update))
}

/// The outcome of a refund. The merchant reference of ours is the refund's id; a refund made in the
/// Customer Area has another one.
/// <https://docs.adyen.com/online-payments/refund>
fn refund(item: Item, outcome: RefundOutcome) -> Option<WebhookEvent> {
    let ours = item.merchant_reference.as_deref();
    if let Some(ours) = ours.and_then(|reference| reference.parse().ok()) {
        return Some(WebhookEvent::Refund(ours, outcome));
    }
    let payment = item.payment_key()?;
    let refund = DashboardRefund {
        money: item.money(),
        reference: item.psp_reference,
        outcome,
    };
    Some(WebhookEvent::DashboardRefund(payment, refund))
}

/// A payment that Adyen canceled, at our request or in the Customer Area.
/// <https://docs.adyen.com/online-payments/cancel>
fn canceled(item: Item) -> Vec<WebhookEvent> {
    let update = PaymentUpdate::status(PaymentStatus::Canceled);
    let ended = item
        .payment_id()
        .map(|ours| WebhookEvent::Payment(ours, update));
    reversal(&item, false).into_iter().chain(ended).collect()
}

/// A payment that Adyen did not cancel. If Adyen names no payment, there is none. Otherwise the
/// payment's own message reports its outcome.
fn not_canceled(item: &Item) -> Option<WebhookEvent> {
    let none = item.original_reference().is_none();
    let ours = item.payment_id().filter(|_| none)?;
    let update = PaymentUpdate::status(PaymentStatus::Failed);
    Some(WebhookEvent::Payment(ours, update))
}

/// Money that Adyen took back, or a payment that it ended: in part, if the message's amount counts.
fn reversal(item: &Item, in_part: bool) -> Option<WebhookEvent> {
    let reversal = Reversal {
        reference: item.psp_reference.clone(),
        money: item.money().filter(|_| in_part),
    };
    Some(WebhookEvent::Reversal(item.payment_key()?, reversal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// From Adyen's page on verifying HMAC signatures, and the tests of its libraries.
    #[test]
    fn adyens_own_example_verifies() {
        let item = json!({
            "additionalData": { "hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=" },
            "amount": { "value": 1130, "currency": "EUR" },
            "eventCode": "AUTHORISATION",
            "merchantAccountCode": "TestMerchant",
            "merchantReference": "TestPayment-1407325143704",
            "pspReference": "7914073381342284",
            "success": "true",
        });
        let key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
        let keys = [b"another".to_vec(), hex::decode(key).unwrap()];
        let read = |item: &Value| serde_json::from_value::<Item>(item.clone()).unwrap();
        assert!(verify(&read(&item), &keys).is_ok());
        let mut altered = item.clone();
        altered["amount"]["value"] = 1131.into();
        assert!(verify(&read(&altered), &keys).is_err());
        assert!(verify(&read(&item), &keys[..1]).is_err());
    }
}
