//! PayPal's objects and webhooks.

use super::signer::{self, time};
use crate::providers::mock::{Entry, Mock, Refund, State};
use crate::providers::mollie::decimal;
use crate::providers::{Dispute, Message, hmac_hex};
use serde_json::{Value, json};

/// Returns an amount.
pub fn money(amount: i64, currency: &str) -> Value {
    json!({ "value": decimal(amount, currency), "currency_code": currency })
}

/// Returns the id of a payment's capture.
pub fn capture_id(e: &Entry) -> String {
    format!("C{}", e.reference)
}

/// Returns the capture of a payment.
pub fn capture(mock: &Mock, e: &Entry) -> Value {
    let given_back = e.refunds.iter().filter(|r| !r.failed);
    let status = match given_back.map(|r| r.amount).sum::<i64>() {
        0 => "COMPLETED",
        all if all >= e.amount => "REFUNDED",
        _ => "PARTIALLY_REFUNDED",
    };
    let (id, order) = (capture_id(e), &e.reference);
    json!({
        "id": id, "status": status, "custom_id": e.ours, "amount": money(e.amount, &e.currency),
        "supplementary_data": { "related_ids": { "order_id": order } },
        "links": [
            { "rel": "self", "href": format!("{}/v2/payments/captures/{id}", mock.base) },
            { "rel": "refund", "href": format!("{}/v2/payments/captures/{id}/refund", mock.base) },
            { "rel": "up", "href": format!("{}/v2/checkout/orders/{order}", mock.base) },
        ],
    })
}

/// Returns the order of a payment. `minimal` is what PayPal answers without
/// `Prefer: return=representation`.
pub fn order(mock: &Mock, e: &Entry, minimal: bool) -> Value {
    let status = match e.state {
        // PayPal has no call that cancels, and an order that a buyer leaves stays as it is.
        State::Open | State::Canceled => "PAYER_ACTION_REQUIRED",
        // The buyer may choose another funding source.
        State::Confirmed | State::Declined => "APPROVED",
        State::Paid => "COMPLETED",
    };
    let mut order = json!({
        "id": e.reference, "status": status,
        "links": [
            { "rel": "self", "href": format!("{}/v2/checkout/orders/{}", mock.base, e.reference) },
            { "rel": "payer-action", "href": mock.form(&e.reference) },
        ],
    });
    if !minimal {
        let mut unit = json!({ "custom_id": e.ours, "amount": money(e.amount, &e.currency) });
        if e.state == State::Paid {
            let refunds: Vec<_> = e.refunds.iter().map(|r| refund(mock, e, r)).collect();
            unit["payments"] = json!({ "captures": [capture(mock, e)], "refunds": refunds });
        }
        order["purchase_units"] = json!([unit]);
    }
    order
}

/// Returns a refund. One that was made in the dashboard has no id of the merchant's.
pub fn refund(mock: &Mock, e: &Entry, r: &Refund) -> Value {
    let capture = format!("{}/v2/payments/captures/{}", mock.base, capture_id(e));
    let mut refund = json!({
        "id": r.id, "status": if r.failed { "FAILED" } else { "COMPLETED" },
        "amount": money(r.amount, &e.currency),
        "links": [
            { "rel": "self", "href": format!("{}/v2/payments/refunds/{}", mock.base, r.id) },
            { "rel": "up", "href": capture },
        ],
    });
    if !r.ours.is_empty() {
        refund["custom_id"] = r.ours.as_str().into();
        refund["invoice_id"] = r.ours.as_str().into();
    }
    refund
}

/// Returns a reversal, which PayPal describes like a refund.
pub fn reversal(mock: &Mock, e: &Entry) -> Value {
    let reversal = Refund {
        ours: String::new(),
        id: format!("V{}", e.reference),
        amount: e.amount,
        failed: false,
    };
    refund(mock, e, &reversal)
}

/// Returns a dispute, as a webhook contains it.
pub fn dispute(e: &Entry, stage: Dispute) -> Value {
    let mut dispute = json!({
        "dispute_id": format!("PP-R-{}", e.reference), "reason": "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
        "dispute_channel": "INTERNAL", "dispute_amount": money(e.amount, &e.currency),
        "disputed_transactions": [{
            "seller_transaction_id": capture_id(e), "items": [],
            "seller": { "merchant_id": "RD465XN5VS364", "name": "Test Store" },
        }],
    });
    let (status, life_cycle, outcome) = match stage {
        Dispute::Opened => ("OPEN", "INQUIRY", None),
        Dispute::Won => ("RESOLVED", "CHARGEBACK", Some("RESOLVED_SELLER_FAVOUR")),
        Dispute::Lost => ("RESOLVED", "CHARGEBACK", Some("RESOLVED_BUYER_FAVOUR")),
    };
    dispute["status"] = status.into();
    dispute["dispute_life_cycle_stage"] = life_cycle.into();
    match outcome {
        Some(code) => dispute["dispute_outcome"] = json!({ "outcome_code": code }),
        None => dispute["seller_response_due_date"] = time(20 * 86_400).into(),
    }
    dispute
}

/// Returns an error in PayPal's documented format.
pub fn error(name: &str, issue: &str) -> Value {
    json!({
        "name": name, "message": "The request failed.", "debug_id": "90957fca61718",
        "details": [{ "issue": issue, "description": "The request failed." }],
    })
}

/// Returns the body of a webhook.
pub fn event(kind: &str, resource: &Value) -> String {
    let id = format!("WH-{}", hmac_hex(kind.as_bytes(), resource.to_string()));
    let version = "1.0";
    json!({ "id": id, "event_version": version, "event_type": kind, "resource": resource })
        .to_string()
}

/// Returns a webhook, signed with the certificate of this name.
pub fn signed(mock: &Mock, certificate: &str, body: String) -> Message {
    let url = format!("{}/certificates/{certificate}", mock.base);
    let message = signer::paypal().map(|signer| signer.sign(&url, body, &time(0)));
    message.unwrap_or_else(|_| Message {
        headers: vec![],
        body: String::new(),
    })
}
