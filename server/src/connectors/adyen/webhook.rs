//! Adyen's webhooks. There is no time among the signed fields, so a replayed message verifies;
//! reporting a state again has no effect.

use super::codes;
use super::model::{Credentials, Item, Notification};
use crate::connectors::credentials;
use crate::connectors::error::{MalformedWebhook, SignatureError, WebhookError};
use crate::connectors::types::{Ctx, PaymentUpdate, RefundOutcome, WebhookEvent, WebhookMessage};
use crate::crypto::hmac_sha256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use till_shared::payment::{DeclineCode, PaymentStatus};

/// Verifies and parses a webhook. One message with an invalid signature fails the whole batch;
/// messages of other merchant accounts are skipped.
pub fn parse(ctx: &Ctx<'_>, body: &[u8]) -> Result<Vec<WebhookMessage>, WebhookError> {
    let credentials: Credentials = credentials::read(ctx)?;
    let key = hex::decode(credentials.hmac_key.expose_secret());
    let key = key.map_err(|_| SignatureError::NoKey)?;
    let notification: Notification =
        serde_json::from_slice(body).map_err(MalformedWebhook::from)?;
    let items = notification.notification_items.into_iter().map(|n| n.item);
    let items: Vec<Item> = items.collect();
    for item in &items {
        verify(item, &key)?;
    }
    let own = items
        .into_iter()
        .filter(|item| item.merchant_account_code == credentials.merchant_account);
    Ok(own.map(message).collect())
}

/// <https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures>
fn verify(item: &Item, key: &[u8]) -> Result<(), SignatureError> {
    let value = item.amount.value.to_string();
    let fields = [
        &item.psp_reference,
        item.original_reference.as_deref().unwrap_or_default(),
        &item.merchant_account_code,
        &item.merchant_reference,
        &value,
        &item.amount.currency,
        &item.event_code,
        &item.success,
    ];
    let expected = STANDARD.encode(hmac_sha256(key, &[fields.join(":").as_bytes()]));
    let given = item.additional_data["hmacSignature"].as_str();
    let given = given.ok_or(SignatureError::Missing)?;
    if expected.as_bytes().ct_eq(given.as_bytes()).into() {
        Ok(())
    } else {
        Err(SignatureError::Mismatch)
    }
}

/// <https://docs.adyen.com/development-resources/webhooks/webhook-types>. Two messages with the
/// same event code and reference are one message that was sent twice.
fn message(item: Item) -> WebhookMessage {
    let id = format!(
        "{}:{}:{}",
        item.event_code, item.psp_reference, item.success
    );
    WebhookMessage {
        id,
        events: event(item).into_iter().collect(),
    }
}

fn event(item: Item) -> Option<WebhookEvent> {
    let success = item.success == "true";
    let reason = item.reason.unwrap_or_default();
    let by_link = item.additional_data.get("paymentLinkId").is_some();
    let payment = item.merchant_reference.parse().ok();
    let refund = item.merchant_reference.parse().ok();
    match (item.event_code.as_str(), success) {
        ("AUTHORISATION", true) => {
            let update = PaymentUpdate {
                reference: Some(item.psp_reference),
                ..PaymentUpdate::status(PaymentStatus::Succeeded)
            };
            let update = update.with_amount(item.amount.money());
            Some(WebhookEvent::Payment(payment?, update))
        }
        // The buyer can try another card on the page of the link.
        ("AUTHORISATION", false) if by_link => None,
        ("AUTHORISATION", false) => {
            let code = codes::refusal(None, Some(&reason)).unwrap_or(DeclineCode::CardDeclined);
            let update = PaymentUpdate::declined(code);
            Some(WebhookEvent::Payment(payment?, update))
        }
        ("OFFER_CLOSED", true) => {
            let update = PaymentUpdate::declined(DeclineCode::VerificationAbandoned);
            Some(WebhookEvent::Payment(payment?, update))
        }
        ("REFUND", true) => {
            let outcome = RefundOutcome::Succeeded(item.psp_reference);
            Some(WebhookEvent::Refund(refund?, outcome))
        }
        ("REFUND", false) | ("REFUND_FAILED", _) => {
            let outcome = RefundOutcome::Refused(reason);
            Some(WebhookEvent::Refund(refund?, outcome))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

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
        let key = hex::decode(key).unwrap();
        let read = |item: &Value| serde_json::from_value::<Item>(item.clone()).unwrap();
        assert!(verify(&read(&item), &key).is_ok());
        let mut altered = item.clone();
        altered["amount"]["value"] = 1131.into();
        assert!(verify(&read(&altered), &key).is_err());
        assert!(verify(&read(&item), b"another").is_err());
    }
}
