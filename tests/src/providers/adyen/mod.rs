//! A mock of Adyen: payments, details, payment links, cancellations, refunds and standard webhooks.
//!
//! It behaves as Adyen is documented to, where that is least convenient:
//!
//! - `/payments` and `/payments/details` answer like the published examples: without the amount, and
//!   `/payments/details` without the merchant reference too. It answers for the payment that the
//!   details belong to. A payment with a redirect has no `pspReference` before that. <https://docs.adyen.com/api-explorer/Checkout/71/post/payments/details>
//! - The outcome of a payment, a cancellation and a refund is reported by webhook. A webhook is sent
//!   again until it is accepted. <https://docs.adyen.com/development-resources/webhooks>
//! - A card payment without the browser, the origin and a way to know the buyer cannot use 3-D Secure:
//!   the issuer refuses it with "Authentication required".
//!   <https://docs.adyen.com/development-resources/refusal-reasons>
//! - `/cancels` accepts every request. It cancels payments that are not captured.
//!   <https://docs.adyen.com/online-payments/cancel>
//! - Idempotency keys are unique to the company account: a used key gets the first response, for
//!   any request. <https://docs.adyen.com/development-resources/api-idempotency>
//! - Every message about a dispute has the dispute's `pspReference`, and not every one names the
//!   payment's. <https://docs.adyen.com/risk-management/disputes-api/dispute-notifications>

mod server;
pub mod webhooks;

use super::mock::{Entry, Mock, MockProvider, ProviderApi, Refund, State, card};
use super::{Dispute, Message, Plan};
use axum::Router;
use serde_json::{Value, json};
use std::sync::Arc;
use webhooks::{Event, KEY, MERCHANT, batch, psp};

/// Adyen.
pub type Adyen = MockProvider<AdyenApi>;

/// Adyen's API.
pub struct AdyenApi;

/// Returns the browser as the widget reports it.
pub fn browser() -> Value {
    json!({
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0 Safari/537.36",
        "language": "de-DE", "color_depth": 24, "screen_width": 1280, "screen_height": 800,
        "time_zone_offset": -60, "java_enabled": false,
    })
}

impl ProviderApi for AdyenApi {
    const KIND: &'static str = "adyen";

    fn router(mock: Arc<Mock>) -> Router {
        server::router(mock)
    }

    fn credentials(base: &str) -> Value {
        json!({
            "api_key": server::API_KEY, "merchant_account": MERCHANT, "hmac_key": KEY,
            "base_url": format!("{base}/v71"),
        })
    }

    fn pay(_: Plan) -> Value {
        let mut payment = card();
        payment["browser"] = browser();
        payment
    }

    fn message(_: &Mock, entry: &Entry) -> Message {
        webhooks::authorised(entry)
    }

    fn refunded(_: &Mock, entry: &Entry, refund: &Refund) -> Option<Message> {
        Some(batch(&[refunded(entry, refund).item()]))
    }

    fn refund_failed(_: &Mock, entry: &Entry, refund: &Refund) -> Message {
        let failed = Event {
            code: "REFUND_FAILED",
            reason: "Refund Failed",
            ..refunded(entry, refund)
        };
        batch(&[failed.item()])
    }

    fn dashboard_refund(_: &Mock, entry: &Entry, refund: &Refund) -> Message {
        let made = Event {
            reference: "Refund by support",
            ..refunded(entry, refund)
        };
        batch(&[made.item()])
    }

    fn dispute(_: &Mock, entry: &Entry, stage: Dispute) -> Message {
        webhooks::dispute(entry, stage)
    }

    fn reversal(_: &Mock, entry: &Entry) -> Option<Message> {
        let failed = Event {
            code: "CAPTURE_FAILED",
            psp: &format!("CAP{}", psp(entry)),
            original: psp(entry),
            reason: "Capture Failed",
            ..Event::of(entry)
        };
        Some(batch(&[failed.item()]))
    }

    /// Adyen's webhooks carry no timestamp, so none is stale.
    fn forged_webhooks(_: &Mock, entry: &Entry) -> Vec<Message> {
        let good = webhooks::authorised(entry);
        let declined = webhooks::refused(entry, "Refused");
        vec![
            good.altered("1999", "1"),
            good.altered(MERCHANT, "OtherMerchant"),
            good.altered("hmacSignature", "signature"),
            declined.altered("\"success\":\"false\"", "\"success\":\"true\""),
        ]
    }

    /// The buyer confirms. Adyen completes the payment when the details are submitted; a payment by
    /// link without that.
    fn confirmed(entry: &mut Entry) {
        entry.state = State::Confirmed;
    }

    fn returned(entry: &Entry) -> Vec<(&'static str, String)> {
        if server::is_link(entry) {
            return vec![];
        }
        vec![("redirectResult", entry.reference.clone())]
    }
}

fn refunded<'a>(entry: &'a Entry, refund: &'a Refund) -> Event<'a> {
    Event {
        code: "REFUND",
        psp: &refund.id,
        original: psp(entry),
        reference: &refund.ours,
        amount: refund.amount,
        ..Event::of(entry)
    }
}
