//! The sandbox's objects in this server's terms.

use super::model::{
    Dispute, DisputeStatus, ErrorResponse, Payment, Refund, RefundStatus, Reversal, Status,
};
use crate::connectors::amount::from_decimals;
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::ErrorBody;
use crate::connectors::types::{
    self, DashboardRefund, DisputeUpdate, PaymentUpdate, RefundOutcome,
};
use crate::domain::reference::Reference;
use reqwest::StatusCode;
use till_shared::dispute;
use till_shared::id::PaymentId;
use till_shared::money::{Currency, Money};
use till_shared::payment::PaymentStatus;
use till_shared::widget::Verification;

/// Errors that say that an earlier request created something.
const CREATED_BEFORE: [&str; 2] = ["idempotency_key_reused", "reference_exists"];

/// An amount, in minor units; `None` if it is negative.
fn money(amount: i64, currency: Currency) -> Option<Money> {
    from_decimals(amount, currency.exponent(), currency)
}

impl From<Payment> for PaymentUpdate {
    fn from(payment: Payment) -> Self {
        let status = match payment.status {
            Status::RequiresVerification => PaymentStatus::RequiresVerification,
            Status::Processing => PaymentStatus::Processing,
            Status::Succeeded => PaymentStatus::Succeeded,
            Status::Declined => PaymentStatus::Declined,
            Status::Canceled => PaymentStatus::Canceled,
        };
        let verification = match payment.verification {
            Some(form) if form.framable => Verification::Frame { url: form.url },
            Some(form) => Verification::Redirect { url: form.url },
            None => Verification::None,
        };
        let update = Self {
            reference: Some(Reference::payment(payment.id)),
            decline: payment.decline_code,
            verification,
            card: payment.card,
            ..Self::status(status)
        };
        update.with_amount(money(payment.amount, payment.currency))
    }
}

impl Payment {
    /// The state of our payment. A final state counts only if the sandbox names our payment.
    pub fn update(self, ours: &PaymentId) -> PaymentUpdate {
        let named = self.reference == ours.as_str();
        let update = PaymentUpdate::from(self);
        if named || update.status.is_live() {
            update
        } else {
            PaymentUpdate::status(PaymentStatus::Processing)
        }
    }
}

impl From<&Refund> for RefundOutcome {
    fn from(refund: &Refund) -> Self {
        match refund.status {
            RefundStatus::Pending => Self::Pending(refund.id.clone()),
            RefundStatus::Succeeded => Self::Succeeded(refund.id.clone()),
            RefundStatus::Failed => Self::Failed("failed".into()),
        }
    }
}

impl From<Refund> for DashboardRefund {
    fn from(refund: Refund) -> Self {
        Self {
            outcome: (&refund).into(),
            reference: refund.id,
            money: money(refund.amount, refund.currency),
        }
    }
}

impl From<Dispute> for DisputeUpdate {
    fn from(dispute: Dispute) -> Self {
        Self {
            reference: dispute.id,
            status: match dispute.status {
                DisputeStatus::NeedsResponse => dispute::DisputeStatus::NeedsResponse,
                DisputeStatus::UnderReview => dispute::DisputeStatus::UnderReview,
                DisputeStatus::Won => dispute::DisputeStatus::Won,
                DisputeStatus::Lost => dispute::DisputeStatus::Lost,
            },
            money: money(dispute.amount, dispute.currency),
            reason: dispute.reason,
            respond_by: dispute.respond_by.map(|time| time.as_millisecond()),
        }
    }
}

impl From<Reversal> for types::Reversal {
    fn from(reversal: Reversal) -> Self {
        Self {
            reference: reversal.id,
            money: money(reversal.amount, reversal.currency),
        }
    }
}

impl ErrorBody for ErrorResponse {
    fn into_call_error(self, status: StatusCode) -> CallError {
        let code = self.error.code.as_str();
        let cause = Cause::Message(format!("{code}: {}", self.error.message));
        match status {
            StatusCode::UNAUTHORIZED => CallError::NotSent(cause),
            _ if CREATED_BEFORE.contains(&code) => CallError::Unknown(cause),
            StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::UNPROCESSABLE_ENTITY => CallError::Refused(cause),
            // Not a status of the sandbox's.
            _ => CallError::Unknown(cause),
        }
    }
}
