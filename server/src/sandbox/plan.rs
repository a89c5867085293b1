//! What the ledger does for an outcome: the first status of a payment, its scheduled change and
//! its webhooks.

use std::time::Duration;

use super::cards::Outcome;

/// The course of a payment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// The first status.
    pub status: &'static str,
    /// The first decline code.
    pub decline: Option<&'static str>,
    /// The delays of the webhooks about the first status, in milliseconds.
    pub webhook_delays_ms: &'static [i64],
    /// Whether the verification form may be framed; `None` without verification.
    pub framable: Option<bool>,
    /// The decline code after the buyer confirms.
    pub confirm_declines: Option<&'static str>,
    /// The change that follows the first status.
    pub scheduled: Option<ScheduledChange>,
    /// The response to the request that creates the payment.
    pub response: CreateResponse,
}

/// A change of a payment that the worker applies.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScheduledChange {
    /// The delay after the payment's creation, in milliseconds.
    pub after_ms: i64,
    /// The new status.
    pub status: &'static str,
    /// The new decline code.
    pub decline: Option<&'static str>,
    /// The delay of the webhook after the change, in milliseconds; `None` sends none.
    pub webhook_delay_ms: Option<i64>,
}

/// The response to the request that creates a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CreateResponse {
    /// The response is sent immediately.
    Immediate,
    /// The response is sent after this time.
    Delayed(Duration),
    /// No response is sent before the client closes the connection.
    Never,
    /// The response is HTTP 500.
    ServerError,
}

/// How long a buyer can confirm a payment, in milliseconds.
const VERIFICATION_LIFETIME_MS: i64 = 30 * 60 * 1000;

const fn abandoned_after(after_ms: i64) -> Option<ScheduledChange> {
    Some(ScheduledChange {
        after_ms,
        status: "declined",
        decline: Some("verification_abandoned"),
        webhook_delay_ms: Some(0),
    })
}

const fn succeeds_after_1s(webhook_delay_ms: Option<i64>) -> Option<ScheduledChange> {
    Some(ScheduledChange {
        after_ms: 1000,
        status: "succeeded",
        decline: None,
        webhook_delay_ms,
    })
}

impl Outcome {
    /// Returns the plan for a payment; `None` if no payment is created.
    pub(super) const fn plan(self) -> Option<Plan> {
        const APPROVED: Plan = Plan {
            status: "succeeded",
            decline: None,
            webhook_delays_ms: &[0],
            framable: None,
            confirm_declines: None,
            scheduled: None,
            response: CreateResponse::Immediate,
        };
        const VERIFIED: Plan = Plan {
            status: "requires_verification",
            webhook_delays_ms: &[],
            framable: Some(true),
            scheduled: abandoned_after(VERIFICATION_LIFETIME_MS),
            ..APPROVED
        };
        const PROCESSING: Plan = Plan {
            status: "processing",
            webhook_delays_ms: &[],
            ..APPROVED
        };
        Some(match self {
            Self::Approve => APPROVED,
            Self::Decline(code) => Plan {
                status: "declined",
                decline: Some(code),
                ..APPROVED
            },
            Self::Verify {
                framable,
                confirm_declines,
            } => Plan {
                framable: Some(framable),
                confirm_declines,
                ..VERIFIED
            },
            Self::VerifyExpires => Plan {
                scheduled: abandoned_after(3000),
                ..VERIFIED
            },
            Self::Slow => Plan {
                webhook_delays_ms: &[5000],
                response: CreateResponse::Delayed(Duration::from_secs(5)),
                ..APPROVED
            },
            Self::AnswerLost => Plan {
                webhook_delays_ms: &[],
                response: CreateResponse::Never,
                ..APPROVED
            },
            Self::AnswerLostWebhook => Plan {
                webhook_delays_ms: &[2000],
                response: CreateResponse::Never,
                ..APPROVED
            },
            Self::ServerError => Plan {
                response: CreateResponse::ServerError,
                ..APPROVED
            },
            Self::Unavailable => return None,
            Self::WebhookLate => Plan {
                scheduled: succeeds_after_1s(Some(9000)),
                ..PROCESSING
            },
            Self::WebhookTwice => Plan {
                webhook_delays_ms: &[0, 1000],
                ..APPROVED
            },
            Self::WebhookOutOfOrder => Plan {
                webhook_delays_ms: &[3000],
                scheduled: succeeds_after_1s(Some(0)),
                ..PROCESSING
            },
            Self::WebhookNever => Plan {
                scheduled: succeeds_after_1s(None),
                ..PROCESSING
            },
        })
    }
}
