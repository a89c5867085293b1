//! Refunds and disputes.

use super::money;
use crate::connectors::stripe::model::{Dispute, DisputeStatus, Refund, RefundStatus};
use crate::connectors::types::{DashboardRefund, DisputeUpdate, RefundOutcome};
use till_shared::dispute::DisputeStatus as Ours;

impl From<Refund> for RefundOutcome {
    /// A refund that succeeded may still fail: <https://docs.stripe.com/refunds#failed-refunds>.
    fn from(refund: Refund) -> Self {
        match refund.status {
            Some(RefundStatus::Succeeded) => Self::Succeeded(refund.id),
            Some(RefundStatus::Failed) => {
                Self::Failed(refund.failure_reason.unwrap_or_else(|| "failed".into()))
            }
            Some(RefundStatus::Canceled) => {
                Self::Failed(refund.failure_reason.unwrap_or_else(|| "canceled".into()))
            }
            Some(RefundStatus::Pending | RefundStatus::RequiresAction | RefundStatus::Other)
            | None => Self::Pending(refund.id),
        }
    }
}

impl From<Refund> for DashboardRefund {
    fn from(refund: Refund) -> Self {
        Self {
            reference: refund.id.clone(),
            money: money(refund.amount, &refund.currency),
            outcome: refund.into(),
        }
    }
}

impl DisputeStatus {
    /// Our status. <https://docs.stripe.com/disputes/how-disputes-work>
    ///
    /// An inquiry is the same dispute as the chargeback that it may become, so an answered inquiry
    /// is not under review yet: a status only moves forward. A dispute that Stripe prevented took no
    /// money by itself; the refund that prevented it is reported as one.
    fn ours(self) -> Ours {
        match self {
            Self::WarningNeedsResponse
            | Self::WarningUnderReview
            | Self::NeedsResponse
            | Self::AppealNeedsResponse => Ours::NeedsResponse,
            Self::UnderReview | Self::AppealUnderReview | Self::Other => Ours::UnderReview,
            Self::WarningClosed | Self::ChargeRefunded | Self::Prevented | Self::Won => Ours::Won,
            Self::Lost => Ours::Lost,
        }
    }
}

impl From<Dispute> for DisputeUpdate {
    fn from(dispute: Dispute) -> Self {
        let status = dispute.status.ours();
        let due_by = dispute.evidence_details.and_then(|details| details.due_by);
        let due_by = due_by.filter(|_| status == Ours::NeedsResponse);
        Self {
            reference: dispute.id,
            status,
            money: money(dispute.amount, &dispute.currency),
            reason: dispute.reason,
            respond_by: due_by.and_then(|seconds| seconds.checked_mul(1000)),
        }
    }
}
