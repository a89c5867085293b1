//! Adyen's standard webhooks, signed.
//! <https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures>

use crate::providers::mock::Entry;
use crate::providers::{Dispute, Message, hmac_bytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// The key of Adyen's examples.
pub const KEY: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
/// The merchant account.
pub const MERCHANT: &str = "TestMerchant";

/// Adyen's id of the payment. A payment by link has the link's id until it is paid.
pub fn psp(entry: &Entry) -> &str {
    entry.reference.trim_start_matches("PL")
}

/// One message of a webhook.
#[derive(Clone)]
pub struct Event<'a> {
    /// The event code.
    pub code: &'a str,
    /// Adyen's reference of what happened.
    pub psp: &'a str,
    /// Adyen's reference of the payment, in later messages.
    pub original: &'a str,
    /// The merchant reference.
    pub reference: &'a str,
    /// The merchant account.
    pub merchant: &'a str,
    /// The amount in minor units.
    pub amount: i64,
    /// The currency.
    pub currency: &'a str,
    /// Whether it was executed.
    pub success: bool,
    /// The reason.
    pub reason: &'a str,
    /// The additional data.
    pub additional: Value,
    /// The HMAC key in hexadecimal.
    pub key: &'a str,
}

impl<'a> Event<'a> {
    /// Returns the successful authorization of a payment.
    pub fn of(entry: &'a Entry) -> Self {
        Self {
            psp: psp(entry),
            reference: &entry.ours,
            amount: entry.amount,
            currency: &entry.currency,
            ..Self::default()
        }
    }

    /// Returns the notification item, signed over the fields in the documented order.
    pub fn item(&self) -> Value {
        let success = self.success.to_string();
        let value = self.amount.to_string();
        let signed = [
            self.psp,
            self.original,
            self.merchant,
            self.reference,
            &value,
            self.currency,
            self.code,
            &success,
        ];
        let key = hex::decode(self.key).unwrap_or_default();
        let signature = STANDARD.encode(hmac_bytes(&key, signed.join(":")));
        let mut item = json!({
            "additionalData": self.additional,
            "amount": { "value": self.amount, "currency": self.currency },
            "eventCode": self.code, "eventDate": "2026-01-01T00:00:00+01:00",
            "merchantAccountCode": self.merchant, "merchantReference": self.reference,
            "paymentMethod": "visa", "pspReference": self.psp, "reason": self.reason,
            "success": success,
        });
        item["additionalData"]["hmacSignature"] = signature.into();
        if !self.original.is_empty() {
            item["originalReference"] = self.original.into();
        }
        json!({ "NotificationRequestItem": item })
    }
}

impl Default for Event<'_> {
    fn default() -> Self {
        Self {
            code: "AUTHORISATION",
            psp: "QFQTPCQ8HXSKGK82",
            original: "",
            reference: "",
            merchant: MERCHANT,
            amount: 1999,
            currency: "EUR",
            success: true,
            reason: "",
            additional: json!({}),
            key: KEY,
        }
    }
}

/// Returns a webhook with these items.
pub fn batch(items: &[Value]) -> Message {
    Message {
        headers: vec![("content-type", "application/json".into())],
        body: json!({ "live": "false", "notificationItems": items }).to_string(),
    }
}

/// Returns the webhook of a successful payment, in a batch with an item that is about no payment.
pub fn authorised(entry: &Entry) -> Message {
    let report = Event {
        code: "REPORT_AVAILABLE",
        psp: "report",
        reference: "",
        amount: 0,
        ..Event::of(entry)
    };
    batch(&[report.item(), Event::of(entry).item()])
}

/// Returns the webhook of a refused payment.
pub fn refused(entry: &Entry, reason: &str) -> Message {
    let refused = Event {
        success: false,
        reason,
        ..Event::of(entry)
    };
    batch(&[refused.item()])
}

/// Returns the webhook of a stage of a dispute.
pub fn dispute(entry: &Entry, stage: Dispute) -> Message {
    let dispute = format!("DSP{}", psp(entry));
    let event = |code, status: &str| Event {
        code,
        psp: &dispute,
        original: psp(entry),
        reason: "Fraudulent Processing of Transactions",
        additional: json!({
            "chargebackReasonCode": "10.4", "chargebackSchemeCode": "visa",
            "defendable": "true", "defensePeriodEndsAt": "2030-07-31T03:03:07+02:00",
            "disputeStatus": status,
        }),
        ..Event::of(entry)
    };
    match stage {
        Dispute::Opened => batch(&[event("NOTIFICATION_OF_CHARGEBACK", "Undefended").item()]),
        Dispute::Won => batch(&[
            event("CHARGEBACK_REVERSED", "Pending").item(),
            event("ISSUER_RESPONSE_TIMEFRAME_EXPIRED", "Won").item(),
        ]),
        Dispute::Lost => {
            let second = Event {
                original: "",
                ..event("SECOND_CHARGEBACK", "Lost")
            };
            batch(&[event("CHARGEBACK", "Undefended").item(), second.item()])
        }
    }
}
