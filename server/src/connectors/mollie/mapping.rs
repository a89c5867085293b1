//! Mollie's objects in this server's terms, and ours in Mollie's.

use super::codes;
use super::model::{Amount, ErrorResponse, Payment, Refund, RefundStatus, Status};
use crate::connectors::amount::{decimal_string, from_decimal_string};
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::ErrorBody;
use crate::connectors::types::{PaymentUpdate, RefundOutcome};
use reqwest::StatusCode;
use till_shared::money::Money;
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::Verification;

impl TryFrom<Money> for Amount {
    type Error = CallError;

    /// Mollie's amounts have exactly the decimals of ISO 4217, also for ISK and JPY.
    fn try_from(money: Money) -> Result<Self, CallError> {
        Ok(Self {
            value: decimal_string(money, money.currency.exponent())?,
            currency: money.currency.code().to_owned(),
        })
    }
}

impl Amount {
    fn money(&self) -> Option<Money> {
        from_decimal_string(&self.value, self.currency.parse().ok()?)
    }
}

/// Mollie's name of a payment method.
pub fn method(method: Method) -> &'static str {
    match method {
        Method::Card => "creditcard",
        Method::Paypal => "paypal",
        Method::Ideal => "ideal",
        Method::Bancontact => "bancontact",
        Method::Eps => "eps",
    }
}

impl From<Payment> for PaymentUpdate {
    fn from(payment: Payment) -> Self {
        let update = match payment.status {
            Status::Open => Self::status(PaymentStatus::RequiresVerification),
            Status::Pending | Status::Authorized | Status::Other => {
                Self::status(PaymentStatus::Processing)
            }
            Status::Paid => Self::status(PaymentStatus::Succeeded),
            Status::Canceled | Status::Expired => {
                Self::declined(DeclineCode::VerificationAbandoned)
            }
            Status::Failed => {
                let reason = payment.details["failureReason"].as_str();
                Self::declined(codes::failure(reason))
            }
        };
        let form = payment.links.checkout.filter(|_| update.status.is_live());
        Self {
            reference: Some(payment.id),
            verification: form.map_or(Verification::None, |form| Verification::Redirect {
                url: form.href,
            }),
            ..update
        }
        .with_amount(payment.amount.money())
    }
}

impl From<Refund> for RefundOutcome {
    fn from(refund: Refund) -> Self {
        match refund.status {
            RefundStatus::Queued
            | RefundStatus::Pending
            | RefundStatus::Processing
            | RefundStatus::Other => Self::Pending(refund.id),
            RefundStatus::Refunded => Self::Succeeded(refund.id),
            RefundStatus::Failed => Self::Refused("failed".into()),
            RefundStatus::Canceled => Self::Refused("canceled".into()),
        }
    }
}

impl ErrorBody for ErrorResponse {
    const NOT_FOUND: &'static [StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::GONE];

    fn into_call_error(self, status: StatusCode) -> CallError {
        let cause = Cause::Message(format!("{}: {}", self.title, self.detail));
        match status {
            // Another call with the same key, or for the same money, is in progress.
            StatusCode::CONFLICT => CallError::Unknown(cause),
            _ => CallError::Refused(cause),
        }
    }
}
