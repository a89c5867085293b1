//! A mock of PayPal: tokens, orders, captures, refunds, and webhooks signed with a certificate of a
//! test authority. It stands for what PayPal documents:
//!
//! - An order that a buyer left, or whose capture failed, keeps its status, and no call cancels it.
//!   Nothing but the merchant's call captures it. <https://developer.paypal.com/docs/api/orders/v2/>
//! - Without `Prefer: return=representation`, an answer has nothing but id, status and links.
//!   <https://developer.paypal.com/api/rest/requests/>
//! - A capture may go on after the client has given up, with the order `APPROVED`, and a second call
//!   meanwhile fails. <https://developer.paypal.com/api/rest/reference/idempotency>
//! - Request ids are forgotten, after 45 days for a refund; here, at once.
//! - An invoice id is paid once.
//!   <https://developer.paypal.com/api/rest/troubleshooting/rest_unprocessable_entity>
//! - Errors have a name, a message and a `debug_id`, but those about credentials have another
//!   format. <https://developer.paypal.com/docs/api/errors/>
//! - A refund that was made in the dashboard has no id of the merchant's: its link `up` leads to the
//!   capture. Reversals look like refunds. <https://developer.paypal.com/docs/api/payments/v2/>
//! - A dispute names the seller's transaction: the capture.
//!   <https://developer.paypal.com/docs/disputes/webhooks/>
//! - A certificate may come without the one that it was issued under. PayPal then tells whether it
//!   signed a webhook, if it gets the same bytes.
//!   <https://developer.paypal.com/docs/api/webhooks/v1/#verify-webhook-signature_post>

mod api;
mod objects;
mod signer;

pub use api::PayPalApi;
pub use signer::WebhookSigner;

use super::mock::{Entry, Mock, MockProvider, ProviderApi, Refund, State, method};
use super::{Dispute, Message, Plan};
use axum::Router;
use objects::{capture, dispute, event, order, refund, reversal, signed};
use serde_json::{Value, json};
use signer::{WEBHOOK, time};
use std::sync::Arc;

/// PayPal.
pub type PayPal = MockProvider<PayPalApi>;

impl ProviderApi for PayPalApi {
    const KIND: &'static str = "paypal";
    const DECLINE: &'static str = "card_declined";

    fn router(mock: Arc<Mock>) -> Router {
        api::router(mock)
    }

    fn credentials(base: &str) -> Value {
        json!({
            "client_id": "client", "client_secret": "paypal-client-secret",
            "webhook_id": WEBHOOK, "base_url": base,
            "certificate_authority": signer::paypal().map(|n| n.authority.clone()).ok(),
        })
    }

    fn pay(_: Plan) -> Value {
        method("paypal")
    }

    fn message(mock: &Mock, entry: &Entry) -> Message {
        let body = match entry.state {
            State::Confirmed => event("CHECKOUT.ORDER.APPROVED", &order(mock, entry, false)),
            _ => event("PAYMENT.CAPTURE.COMPLETED", &capture(mock, entry)),
        };
        signed(mock, "paypal", body)
    }

    fn refunded(_: &Mock, _: &Entry, _: &Refund) -> Option<Message> {
        None
    }

    fn refund_failed(mock: &Mock, entry: &Entry, failed: &Refund) -> Message {
        let body = event("PAYMENT.REFUND.FAILED", &refund(mock, entry, failed));
        signed(mock, "paypal", body)
    }

    fn dashboard_refund(mock: &Mock, entry: &Entry, made: &Refund) -> Message {
        let body = event("PAYMENT.CAPTURE.REFUNDED", &refund(mock, entry, made));
        signed(mock, "paypal", body)
    }

    fn dispute(mock: &Mock, entry: &Entry, stage: Dispute) -> Message {
        let kind = match stage {
            Dispute::Opened => "CUSTOMER.DISPUTE.CREATED",
            Dispute::Won | Dispute::Lost => "CUSTOMER.DISPUTE.RESOLVED",
        };
        signed(mock, "alone", event(kind, &dispute(entry, stage)))
    }

    fn reversal(mock: &Mock, entry: &Entry) -> Option<Message> {
        let body = event("PAYMENT.CAPTURE.REVERSED", &reversal(mock, entry));
        Some(signed(mock, "alone", body))
    }

    fn forged_webhooks(mock: &Mock, entry: &Entry) -> Vec<Message> {
        let body = event("PAYMENT.CAPTURE.COMPLETED", &capture(mock, entry));
        let good = signed(mock, "paypal", body.clone());
        let url = |certificate: &str| format!("{}/certificates/{certificate}", mock.base);
        let another = |certificate: &str| {
            let signer = signer::another().ok()?;
            Some(signer.sign(&url(certificate), body.clone(), &time(0)))
        };
        let mut forged = vec![
            good.altered("19.99", "20.00"),
            signed(mock, "alone", body.clone()).altered("19.99", "20.00"),
            good.with("paypal-transmission-time", time(1)),
            good.with("paypal-auth-algo", "none"),
            good.with("paypal-transmission-sig", ""),
            good.with(
                "paypal-cert-url",
                "https://evil.example/certificates/paypal",
            ),
            good.with(
                "paypal-cert-url",
                "https://api.paypal.com.evil.example/paypal",
            ),
            good.with(
                "paypal-cert-url",
                "http://api.paypal.com/certificates/paypal",
            ),
        ];
        let old =
            signer::paypal().map(|s| s.sign(&url("paypal"), body.clone(), &time(-4 * 86_400)));
        forged.extend(old.ok());
        // Signed with a self-made certificate, and with that key but PayPal's certificate.
        forged.extend(another("another"));
        forged.extend(another("paypal"));
        forged.extend(another("alone"));
        forged
    }

    fn confirmed(entry: &mut Entry) {
        entry.state = State::Confirmed;
    }

    fn returned(entry: &Entry) -> Vec<(&'static str, String)> {
        let token = ("token", entry.reference.clone());
        match entry.state {
            // The order's `cancel_url` is the `return_url` with this field.
            State::Canceled => vec![("paypal", "canceled".into()), token],
            _ => vec![token, ("PayerID", "PAYER".into())],
        }
    }
}
