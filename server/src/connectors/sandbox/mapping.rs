//! The sandbox's objects in this server's terms.

use super::model::{ErrorResponse, Payment, Status};
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::ErrorBody;
use crate::connectors::types::PaymentUpdate;
use reqwest::StatusCode;
use till_shared::money::Money;
use till_shared::payment::PaymentStatus;
use till_shared::widget::Verification;

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
        Self {
            reference: Some(payment.id),
            status,
            decline: payment.decline_code,
            verification,
            money: Some(Money {
                amount: payment.amount,
                currency: payment.currency,
            }),
            card: payment.card,
        }
    }
}

impl ErrorBody for ErrorResponse {
    fn into_call_error(self, _: StatusCode) -> CallError {
        let reason = format!("{}: {}", self.error.code, self.error.message);
        CallError::Refused(Cause::Message(reason))
    }
}
