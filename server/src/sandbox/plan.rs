//! What the ledger does for an outcome: the first status of a payment, its scheduled change, its
//! webhooks, and what happens after it succeeded.

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
    /// What happens after the first status.
    pub follow_ups: &'static [FollowUp],
    /// The response to the request that creates the payment.
    pub response: CreateResponse,
}

/// The course of a refund.
#[derive(Clone, Copy, Debug)]
pub(super) struct RefundPlan {
    /// The first status.
    pub status: &'static str,
    /// The delay of the webhook about the first status, in milliseconds.
    pub webhook_delay_ms: i64,
    /// What happens then.
    pub follow_ups: &'static [FollowUp],
}

/// Something that happens to a payment or a refund after its first status.
#[derive(Clone, Copy, Debug)]
pub(super) struct FollowUp {
    /// The delay, in milliseconds.
    pub after_ms: i64,
    /// What happens.
    pub kind: FollowUpKind,
}

/// What happens to a payment or a refund after its first status.
#[derive(Clone, Copy, Debug, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub(super) enum FollowUpKind {
    /// The buyer's bank disputes the payment.
    DisputeOpened,
    /// The buyer's bank reviews what the merchant answered.
    DisputeUnderReview,
    /// The merchant wins the dispute.
    DisputeWon,
    /// The merchant loses the dispute.
    DisputeLost,
    /// The payment is taken back without a dispute.
    Reversed,
    /// The payment, which was declined, succeeds.
    SucceededLate,
    /// The refund succeeds.
    RefundSucceeded,
    /// The refund fails: the money comes back.
    RefundFailed,
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

const DISPUTE_WON: &[FollowUp] = &[
    after(1000, FollowUpKind::DisputeOpened),
    after(2000, FollowUpKind::DisputeUnderReview),
    after(3000, FollowUpKind::DisputeWon),
];
const DISPUTE_LOST: &[FollowUp] = &[
    after(1000, FollowUpKind::DisputeOpened),
    after(2000, FollowUpKind::DisputeLost),
];
const REVERSED: &[FollowUp] = &[after(1000, FollowUpKind::Reversed)];
const SUCCEEDED_LATE: &[FollowUp] = &[after(3000, FollowUpKind::SucceededLate)];
const REFUND_FAILED: &[FollowUp] = &[after(1000, FollowUpKind::RefundFailed)];
const REFUND_SUCCEEDED: &[FollowUp] = &[after(1000, FollowUpKind::RefundSucceeded)];

const fn after(after_ms: i64, kind: FollowUpKind) -> FollowUp {
    FollowUp { after_ms, kind }
}

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
            follow_ups: &[],
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
            Self::Disputed { won } => Plan {
                follow_ups: if won { DISPUTE_WON } else { DISPUTE_LOST },
                ..APPROVED
            },
            Self::Reversed => Plan {
                follow_ups: REVERSED,
                ..APPROVED
            },
            Self::SucceedsLate => Plan {
                status: "declined",
                decline: Some("processing_error"),
                follow_ups: SUCCEEDED_LATE,
                ..APPROVED
            },
            Self::RefundFails | Self::RefundPending => APPROVED,
        })
    }

    /// Returns the plan for a refund of the payment.
    pub(super) const fn refund_plan(self) -> RefundPlan {
        const SUCCEEDS: RefundPlan = RefundPlan {
            status: "succeeded",
            webhook_delay_ms: 0,
            follow_ups: &[],
        };
        match self {
            // The webhook about the success is sent after the one about the failure.
            Self::RefundFails => RefundPlan {
                webhook_delay_ms: 2000,
                follow_ups: REFUND_FAILED,
                ..SUCCEEDS
            },
            Self::RefundPending => RefundPlan {
                status: "pending",
                follow_ups: REFUND_SUCCEEDED,
                ..SUCCEEDS
            },
            _ => SUCCEEDS,
        }
    }
}
