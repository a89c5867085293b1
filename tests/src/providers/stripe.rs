//! A mock of Stripe: PaymentIntents, Checkout Sessions, refunds, disputes and webhooks.
//!
//! It stands for this documented behavior:
//!
//! - Most accounts may not send card numbers: HTTP 402 with the type `invalid_request_error`, which
//!   is not a decline. The key [`WITHOUT_RAW_CARDS`] is such an account's.
//!   <https://support.stripe.com/questions/enabling-access-to-raw-card-data-apis>
//! - The return URL says `redirect_status=succeeded` for every outcome of the payment. The buyer can
//!   change it. <https://docs.stripe.com/payments/3d-secure/authentication-flow>
//! - A declined card does not end a Checkout Session, and a session has no PaymentIntent before the
//!   buyer pays. <https://docs.stripe.com/api/checkout/sessions/object>
//! - A PaymentIntent that is processing or final is not canceled, and only an open session expires:
//!   HTTP 400. <https://docs.stripe.com/api/payment_intents/cancel>,
//!   <https://docs.stripe.com/api/checkout/sessions/expire>
//! - An idempotency key with other parameters is an `idempotency_error`, HTTP 400.
//!   <https://docs.stripe.com/api/idempotent_requests>
//! - A refund in the dashboard is reported as `charge.refunded`, without the refund, to endpoints
//!   of API versions before 2024-10-28.
//!   <https://docs.stripe.com/changelog/acacia/2024-10-28/refund-webhook-update>
//! - A refund that succeeded fails when the bank sends the money back.
//!   <https://docs.stripe.com/refunds#failed-refunds>

mod calls;
mod objects;

use super::mock::{Entry, Mock, MockProvider, ProviderApi, Refund, State, card};
use super::{Dispute, Message, Plan, hmac_hex, now};
use axum::Router;
use axum::routing::{get, post};
use objects::{charge, intent, intent_id, is_session, refund, session};
use serde_json::{Value, json};
use std::sync::Arc;

pub use calls::WITHOUT_RAW_CARDS;

const SECRET: &str = "whsec_stripe_test";

/// Stripe.
pub type Stripe = MockProvider<StripeApi>;

/// Stripe's API.
pub struct StripeApi;

/// Signs a webhook's body as Stripe does.
pub fn signed(body: String, secret: &str, at: i64) -> Message {
    let signature = hmac_hex(secret.as_bytes(), format!("{at}.{body}"));
    let header = format!("t={at},v1={},v1={signature},v0=00", "0".repeat(64));
    Message {
        headers: vec![("stripe-signature", header)],
        body,
    }
}

fn event(kind: &str, object: &Value) -> String {
    let id = format!("evt_{}", hmac_hex(kind.as_bytes(), object.to_string()));
    json!({ "id": id, "object": "event", "type": kind, "data": { "object": object } }).to_string()
}

/// Returns the webhook of an event.
pub fn webhook(kind: &str, object: &Value) -> Message {
    signed(event(kind, object), SECRET, now())
}

impl ProviderApi for StripeApi {
    const KIND: &'static str = "stripe";

    fn router(mock: Arc<Mock>) -> Router {
        Router::new()
            .route("/v1/balance", get(calls::balance))
            .route(
                "/v1/payment_intents",
                post(calls::create::<Self>).get(calls::list_intents),
            )
            .route("/v1/payment_intents/{id}", get(calls::read_intent))
            .route("/v1/payment_intents/{id}/cancel", post(calls::cancel))
            .route(
                "/v1/checkout/sessions",
                post(calls::create_session::<Self>).get(calls::list_sessions),
            )
            .route("/v1/checkout/sessions/{id}", get(calls::read_session))
            .route("/v1/checkout/sessions/{id}/expire", post(calls::expire))
            .route(
                "/v1/refunds",
                post(calls::create_refund).get(calls::refunds),
            )
            .route("/v1/refunds/{id}", get(calls::read_refund))
            .with_state(mock)
    }

    fn credentials(base: &str) -> Value {
        json!({ "secret_key": calls::KEY, "webhook_secret": SECRET, "base_url": base })
    }

    fn pay(_: Plan) -> Value {
        card()
    }

    fn message(mock: &Mock, entry: &Entry) -> Message {
        if is_session(entry) {
            let kind = match entry.state {
                State::Canceled => "checkout.session.expired",
                State::Declined => "checkout.session.async_payment_failed",
                State::Open | State::Confirmed | State::Paid => "checkout.session.completed",
            };
            return webhook(kind, &session(mock, entry, false));
        }
        let kind = match entry.state {
            State::Open => "payment_intent.requires_action",
            State::Confirmed => "payment_intent.processing",
            State::Paid => "payment_intent.succeeded",
            State::Declined => "payment_intent.payment_failed",
            State::Canceled => "payment_intent.canceled",
        };
        webhook(kind, &intent(mock, entry))
    }

    fn refunded(_: &Mock, entry: &Entry, found: &Refund) -> Option<Message> {
        Some(webhook("refund.updated", &refund(entry, found)))
    }

    fn refund_failed(_: &Mock, entry: &Entry, found: &Refund) -> Message {
        webhook("charge.refund.updated", &refund(entry, found))
    }

    fn dashboard_refund(_: &Mock, entry: &Entry, _: &Refund) -> Message {
        webhook("charge.refunded", &charge(entry))
    }

    fn dispute(_: &Mock, entry: &Entry, stage: Dispute) -> Message {
        let (kind, status) = match stage {
            Dispute::Opened => ("charge.dispute.created", "needs_response"),
            Dispute::Won => ("charge.dispute.closed", "won"),
            Dispute::Lost => ("charge.dispute.closed", "lost"),
        };
        let dispute = json!({
            "id": format!("dp_{}", Entry::unique(&entry.ours)), "object": "dispute",
            "status": status, "amount": entry.amount, "currency": entry.currency.to_lowercase(),
            "reason": "fraudulent", "payment_intent": intent_id(entry),
            "evidence_details": { "due_by": now() + 7 * 86_400 },
        });
        webhook(kind, &dispute)
    }

    /// Stripe takes payments by these methods back by disputes only.
    fn reversal(_: &Mock, _: &Entry) -> Option<Message> {
        None
    }

    fn forged_webhooks(mock: &Mock, entry: &Entry) -> Vec<Message> {
        let body = event("payment_intent.succeeded", &intent(mock, entry));
        let good = signed(body.clone(), SECRET, now());
        vec![
            good.altered("requires_action", "succeeded"),
            signed(body.clone(), "whsec_of_another", now()),
            signed(body, SECRET, now() - 301),
            good.with("stripe-signature", "t=,v1="),
            Message {
                headers: vec![],
                ..good
            },
        ]
    }

    fn confirmed(entry: &mut Entry) {
        // After a declined card, a Checkout Session waits for another one.
        if !(is_session(entry) && entry.plan == Plan::Decline) {
            entry.state = State::Paid;
        }
    }

    fn returned(entry: &Entry) -> Vec<(&'static str, String)> {
        if is_session(entry) {
            return vec![];
        }
        vec![
            ("payment_intent", entry.reference.clone()),
            (
                "payment_intent_client_secret",
                format!("{}_secret", entry.reference),
            ),
            ("redirect_status", "succeeded".into()),
        ]
    }
}
