//! Mollie's objects in this server's terms, and ours in Mollie's.

use super::codes;
use super::model::{Amount, Chargeback, ErrorResponse, Payment, Refund, RefundStatus, Status};
use crate::connectors::amount::{decimal_string, from_decimal_string};
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::ErrorBody;
use crate::connectors::types::{DashboardRefund, DisputeUpdate, PaymentUpdate, RefundOutcome};
use crate::domain::reference::Reference;
use reqwest::StatusCode;
use serde_json::{Value, json};
use till_shared::buyer::Buyer;
use till_shared::dispute::DisputeStatus;
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

/// What Mollie asks for to prevent fraud. An address without an e-mail would have to be a whole
/// postal one. <https://docs.mollie.com/reference/create-payment>, `billingAddress`.
pub fn billing_address(buyer: &Buyer) -> Option<Value> {
    // A domain with other letters would have to be converted.
    let email = buyer.email.as_deref().filter(|email| email.is_ascii())?;
    let mut address = json!({ "email": email });
    if let Some(phone) = buyer.phone.as_deref().and_then(e164) {
        address["phone"] = phone.into();
    }
    Some(address)
}

/// A telephone number in the format E.164, if it is an international one.
fn e164(phone: &str) -> Option<String> {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    // In "+44 (0) 20" the zero is not dialed.
    let international = phone.starts_with('+') && !phone.contains('(') && !digits.starts_with('0');
    international.then(|| format!("+{digits}"))
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
            reference: Some(Reference::payment(payment.id)),
            verification: form.map_or(Verification::None, |form| Verification::Redirect {
                url: form.href,
            }),
            ..update
        }
        .with_amount(payment.amount.money())
    }
}

impl From<Refund> for RefundOutcome {
    /// A refund may fail after it succeeded: <https://docs.mollie.com/reference/get-refund>.
    fn from(refund: Refund) -> Self {
        match refund.status {
            RefundStatus::Queued
            | RefundStatus::Pending
            | RefundStatus::Processing
            | RefundStatus::Other => Self::Pending(refund.id),
            RefundStatus::Refunded => Self::Succeeded(refund.id),
            RefundStatus::Failed => Self::Failed("failed".into()),
            RefundStatus::Canceled => Self::Failed("canceled".into()),
        }
    }
}

impl From<Refund> for DashboardRefund {
    fn from(refund: Refund) -> Self {
        Self {
            reference: refund.id.clone(),
            money: refund.amount.money(),
            outcome: refund.into(),
        }
    }
}

impl From<Chargeback> for DisputeUpdate {
    /// Mollie reports a chargeback when the bank has taken the money, and when the bank gives it
    /// back. In between the project may respond; that the bank keeps it is not reported.
    /// <https://docs.mollie.com/reference/chargebacks-api>
    fn from(chargeback: Chargeback) -> Self {
        Self {
            reference: chargeback.id,
            status: match chargeback.reversed_at {
                Some(_) => DisputeStatus::Won,
                None => DisputeStatus::NeedsResponse,
            },
            money: chargeback.amount.money(),
            reason: chargeback.reason.map(|reason| reason.description),
            respond_by: None,
        }
    }
}

impl ErrorResponse {
    /// Whether the error is about a field of the request, or a part of it.
    pub fn is_about(&self, name: &str) -> bool {
        let field = self.field.as_deref();
        field.is_some_and(|field| field.split('.').next() == Some(name))
    }
}

impl ErrorBody for ErrorResponse {
    fn into_call_error(self, status: StatusCode) -> CallError {
        let own = self.status == status.as_u16() && !self.links.documentation.href.is_empty();
        let cause = Cause::Message(format!("{}: {}", self.title, self.detail));
        match status {
            _ if !own => CallError::Unknown(cause),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => CallError::NotSent(cause),
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => CallError::Refused(cause),
            // HTTP 409: another call with the same key, or for the same money, is in progress.
            _ => CallError::Unknown(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_international_telephone_numbers_are_sent() {
        for (phone, expected) in [
            ("+49 30 123456", Some("+4930123456")),
            ("+1-202.555.0143", Some("+12025550143")),
            ("+44 (0) 20 7946 0958", None),
            ("030 123456", None),
            ("0049 30 123456", None),
        ] {
            assert_eq!(e164(phone).as_deref(), expected, "{phone}");
        }
    }
}
