//! PayPal's objects in this server's terms.

use super::codes;
use super::model::{
    Amount, Capture, CaptureStatus, ErrorResponse, Order, OrderStatus, Refund, RefundStatus,
};
use crate::connectors::amount::{decimal_string, from_decimal_string};
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::ErrorBody;
use crate::connectors::types::{PaymentUpdate, RefundOutcome};
use reqwest::StatusCode;
use till_shared::money::Money;
use till_shared::payment::{DeclineCode, PaymentStatus};
use till_shared::widget::Verification;

/// The relations of the link to the page on which the buyer approves an order.
const APPROVAL_LINKS: [&str; 2] = ["payer-action", "approve"];

impl TryFrom<Money> for Amount {
    type Error = CallError;

    fn try_from(money: Money) -> Result<Self, CallError> {
        Ok(Self {
            value: decimal_string(money, codes::decimals(money.currency))?,
            currency_code: money.currency.code().to_owned(),
        })
    }
}

impl Amount {
    fn money(&self) -> Option<Money> {
        from_decimal_string(&self.value, self.currency_code.parse().ok()?)
    }
}

impl From<Capture> for PaymentUpdate {
    fn from(capture: Capture) -> Self {
        let update = match capture.status {
            CaptureStatus::Completed
            | CaptureStatus::PartiallyRefunded
            | CaptureStatus::Refunded => Self {
                reference: capture.id,
                ..Self::status(PaymentStatus::Succeeded)
            },
            CaptureStatus::Declined | CaptureStatus::Denied | CaptureStatus::Failed => {
                let code = capture.processor_response["response_code"].as_str();
                Self::declined(codes::processor_response(code))
            }
            CaptureStatus::Pending | CaptureStatus::Other => {
                Self::status(PaymentStatus::Processing)
            }
        };
        update.with_amount(capture.amount.and_then(|amount| amount.money()))
    }
}

impl From<Order> for PaymentUpdate {
    fn from(order: Order) -> Self {
        let mut links = order.links.into_iter();
        let form = links.find(|link| APPROVAL_LINKS.contains(&link.rel.as_str()));
        let units = order.purchase_units.into_iter();
        let payments = units.filter_map(|unit| unit.payments);
        let capture = payments.flat_map(|payments| payments.captures).next();
        let update = match order.status {
            OrderStatus::Created | OrderStatus::Saved | OrderStatus::PayerActionRequired => Self {
                verification: form.map_or(Verification::None, |form| Verification::Redirect {
                    url: form.href,
                }),
                ..Self::status(PaymentStatus::RequiresVerification)
            },
            OrderStatus::Voided => Self::status(PaymentStatus::Canceled),
            OrderStatus::Completed => match capture {
                Some(capture) => capture.into(),
                None => Self::status(PaymentStatus::Processing),
            },
            OrderStatus::Approved | OrderStatus::Other => Self::status(PaymentStatus::Processing),
        };
        Self {
            reference: update.reference.clone().or(order.id),
            ..update
        }
    }
}

impl From<Refund> for RefundOutcome {
    fn from(refund: Refund) -> Self {
        match refund.status {
            RefundStatus::Completed => Self::Succeeded(refund.id),
            RefundStatus::Pending | RefundStatus::Other => Self::Pending(refund.id),
            RefundStatus::Failed => Self::Refused("failed".into()),
            RefundStatus::Cancelled => Self::Refused("cancelled".into()),
        }
    }
}

impl ErrorResponse {
    fn issue(&self) -> &str {
        self.details.first().map_or("", |detail| &detail.issue)
    }

    /// Why the bank declined a capture; `None` if the error is no decline.
    pub fn decline(&self) -> Option<DeclineCode> {
        codes::capture_issue(self.issue())
    }
}

impl ErrorBody for ErrorResponse {
    fn into_call_error(self, status: StatusCode) -> CallError {
        let reason = format!("{} {} {}", self.name, self.issue(), self.message);
        match status {
            // An earlier call is still in progress.
            StatusCode::CONFLICT => CallError::Unknown(Cause::Message(reason)),
            _ => CallError::Refused(Cause::Message(reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_that_paypal_takes() {
        let value = |amount: i64, code: &str| {
            let currency = code.parse().unwrap();
            let amount = Amount::try_from(Money { amount, currency }).ok()?;
            Some(amount.value)
        };
        assert_eq!(value(1999, "EUR").as_deref(), Some("19.99"));
        assert_eq!(value(500, "JPY").as_deref(), Some("500"));
        assert_eq!(value(50000, "HUF").as_deref(), Some("500"));
        assert_eq!(value(50050, "TWD"), None);
    }
}
