//! Webhooks as the payment systems document them, one of each kind that a connector reads.

use serde_json::{Value, json};

const PAYMENT: &str = "pay_01900000000070008000000000000001";
const REFUND: &str = "rf_01900000000070008000000000000001";

/// <https://docs.stripe.com/api/events/types>
pub fn stripe() -> Vec<Value> {
    let event = |kind: &str, object: Value| json!({ "id": "evt_1", "object": "event", "type": kind, "data": { "object": object } });
    let refund = json!({ "id": "re_1", "object": "refund", "amount": 500, "currency": "eur",
        "status": "succeeded", "payment_intent": "pi_1", "failure_reason": null,
        "metadata": { "till_refund": REFUND } });
    vec![
        event(
            "payment_intent.succeeded",
            json!({ "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1999,
                "amount_received": 1999, "currency": "eur", "metadata": { "till_payment": PAYMENT },
                "next_action": { "redirect_to_url": { "url": "https://hooks.stripe.com/1" } },
                "last_payment_error": { "code": "card_declined", "decline_code": "lost_card" } }),
        ),
        event(
            "checkout.session.completed",
            json!({ "id": "cs_1", "object": "checkout.session", "status": "complete",
                "payment_status": "paid", "payment_intent": "pi_1", "amount_total": 1999,
                "currency": "eur", "url": "https://checkout.stripe.com/1",
                "metadata": { "till_payment": PAYMENT } }),
        ),
        event("refund.updated", refund.clone()),
        event(
            "charge.refunded",
            json!({ "id": "ch_1", "object": "charge", "payment_intent": "pi_1",
                "refunds": { "data": [refund], "has_more": false } }),
        ),
        event(
            "charge.dispute.created",
            json!({ "id": "dp_1", "object": "dispute", "amount": 1999, "currency": "eur",
                "payment_intent": "pi_1", "reason": "fraudulent", "status": "needs_response",
                "evidence_details": { "due_by": 1_900_000_000 } }),
        ),
    ]
}

/// As `till sandbox` sends them.
pub fn sandbox() -> Vec<Value> {
    let payment = json!({ "id": "sp_1", "reference": PAYMENT, "amount": 1999, "currency": "EUR",
        "status": "succeeded", "decline_code": null,
        "verification": { "url": "https://a.example/verify", "framable": true },
        "card": { "brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2039 } });
    let refund = json!({ "id": "sr_1", "reference": REFUND, "amount": 500, "currency": "EUR",
        "status": "succeeded" });
    let dispute = json!({ "id": "sd_1", "amount": 1999, "currency": "EUR", "status": "needs_response",
        "reason": "fraudulent", "respond_by": "2030-03-17T17:46:40Z" });
    let reversal = json!({ "id": "sv_1", "amount": 1999, "currency": "EUR" });
    let event = |data: Value| json!({ "id": "ev_1", "type": "payment.updated", "data": data });
    vec![
        event(json!({ "payment": payment })),
        event(json!({ "payment": payment, "refund": refund })),
        event(json!({ "payment": payment, "dispute": dispute })),
        event(json!({ "payment": payment, "reversal": reversal })),
    ]
}

/// <https://docs.adyen.com/development-resources/webhooks/webhook-types>
pub fn adyen() -> Vec<Value> {
    let codes = [
        "AUTHORISATION",
        "OFFER_CLOSED",
        "REFUND",
        "REFUND_FAILED",
        "CANCEL_OR_REFUND",
        "CANCELLATION",
        "TECHNICAL_CANCEL",
        "CAPTURE_FAILED",
        "NOTIFICATION_OF_CHARGEBACK",
        "CHARGEBACK",
        "CHARGEBACK_REVERSED",
    ];
    let items = codes.map(|code| {
        json!({ "NotificationRequestItem": {
            "additionalData": { "hmacSignature": "", "modification.action": "refund",
                "disputeStatus": "Undefended", "defensePeriodEndsAt": "2030-03-17T17:46:40+01:00",
                "chargebackReasonCode": "10.4" },
            "amount": { "value": 1999, "currency": "EUR" },
            "eventCode": code, "merchantAccountCode": "Shop", "merchantReference": PAYMENT,
            "originalReference": "8535296650153317", "pspReference": "8535296650153318",
            "reason": "05 : Not allowed", "success": "true",
        } })
    });
    items
        .into_iter()
        .map(|item| json!({ "live": "false", "notificationItems": [item] }))
        .collect()
}

/// <https://developer.paypal.com/api/rest/webhooks/event-names/>
pub fn paypal() -> Vec<Value> {
    let event = |kind: &str, resource: Value| json!({ "id": "WH-1", "event_type": kind, "resource": resource });
    let amount = json!({ "value": "19.99", "currency_code": "EUR" });
    let capture = json!({ "id": "3C6", "status": "COMPLETED", "amount": amount, "custom_id": PAYMENT,
        "status_details": { "reason": "PENDING_REVIEW" },
        "processor_response": { "response_code": "5120" } });
    let refund = json!({ "id": "1Y1", "status": "COMPLETED", "amount": amount, "custom_id": REFUND,
        "links": [{ "rel": "up", "href": "https://api-m.paypal.com/v2/payments/captures/3C6" }] });
    let dispute = json!({ "dispute_id": "PP-D-1", "reason": "UNAUTHORISED", "status": "OPEN",
        "dispute_life_cycle_stage": "CHARGEBACK", "dispute_amount": amount,
        "disputed_transactions": [{ "seller_transaction_id": "3C6", "custom": PAYMENT }],
        "dispute_outcome": { "outcome_code": "RESOLVED_BUYER_FAVOUR" },
        "seller_response_due_date": "2030-03-17T17:46:40Z" });
    vec![
        event("PAYMENT.CAPTURE.COMPLETED", capture),
        event("PAYMENT.CAPTURE.REFUNDED", refund.clone()),
        event("PAYMENT.REFUND.FAILED", refund.clone()),
        event("PAYMENT.CAPTURE.REVERSED", refund),
        event("CUSTOMER.DISPUTE.CREATED", dispute),
        event(
            "CHECKOUT.ORDER.APPROVED",
            json!({ "id": "5O1", "purchase_units": [{ "custom_id": PAYMENT }] }),
        ),
    ]
}
