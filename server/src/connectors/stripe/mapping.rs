//! Stripe's objects in this server's terms.

use super::codes;
use super::model::{
    Error, ErrorResponse, Intent, IntentStatus, Refund, RefundStatus, Session,
    SessionPaymentStatus, SessionStatus,
};
use crate::connectors::amount::{from_decimals, with_decimals};
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::{ApiError, ErrorBody};
use crate::connectors::types::{PaymentUpdate, RefundOutcome};
use reqwest::StatusCode;
use till_shared::money::{Currency, Money};
use till_shared::payment::{DeclineCode, PaymentStatus};
use till_shared::widget::Verification;

/// An amount in Stripe's units.
///
/// # Errors
/// When Stripe has no exact representation of it.
pub fn units(money: Money) -> Result<i64, CallError> {
    let units = with_decimals(money, codes::decimals(money.currency))?;
    if units % codes::step(money.currency) == 0 {
        Ok(units)
    } else {
        Err(CallError::NotSent(Cause::InexactAmount(money)))
    }
}

fn money(units: i64, currency: &str) -> Option<Money> {
    let currency: Currency = currency.to_uppercase().parse().ok()?;
    from_decimals(units, codes::decimals(currency), currency)
}

fn redirect(url: Option<String>) -> Verification {
    url.map_or(Verification::None, |url| Verification::Redirect { url })
}

impl From<Intent> for PaymentUpdate {
    fn from(intent: Intent) -> Self {
        let status = match intent.status {
            // Without an error there was no attempt to pay yet.
            IntentStatus::RequiresPaymentMethod => match &intent.last_payment_error {
                Some(_) => PaymentStatus::Declined,
                None => PaymentStatus::Created,
            },
            IntentStatus::RequiresConfirmation => PaymentStatus::Created,
            IntentStatus::RequiresAction => PaymentStatus::RequiresVerification,
            IntentStatus::Processing | IntentStatus::RequiresCapture | IntentStatus::Other => {
                PaymentStatus::Processing
            }
            IntentStatus::Canceled => PaymentStatus::Canceled,
            IntentStatus::Succeeded => PaymentStatus::Succeeded,
        };
        let error = intent.last_payment_error;
        let error = error.filter(|_| status == PaymentStatus::Declined);
        let action = intent.next_action.and_then(|a| a.redirect_to_url);
        let received = intent.amount_received.filter(|n| *n > 0);
        let money = money(received.unwrap_or(intent.amount), &intent.currency);
        Self {
            reference: Some(intent.id),
            decline: error.map(|error| error.decline()),
            verification: redirect(action.map(|r| r.url)),
            ..Self::status(status)
        }
        .with_amount(money)
    }
}

impl From<Session> for PaymentUpdate {
    fn from(session: Session) -> Self {
        let status = match session.status {
            SessionStatus::Open => PaymentStatus::RequiresVerification,
            SessionStatus::Complete => match session.payment_status {
                SessionPaymentStatus::Paid => PaymentStatus::Succeeded,
                SessionPaymentStatus::Unpaid
                | SessionPaymentStatus::NoPaymentRequired
                | SessionPaymentStatus::Other => PaymentStatus::Processing,
            },
            SessionStatus::Expired => PaymentStatus::Canceled,
            SessionStatus::Other => PaymentStatus::Processing,
        };
        let paid = status == PaymentStatus::Succeeded;
        let total = session.amount_total.zip(session.currency);
        Self {
            // Refunds need the id of the intent, which a session has once it is paid.
            reference: session.payment_intent.filter(|_| paid).or(Some(session.id)),
            verification: redirect(session.url.filter(|_| status.is_live())),
            ..Self::status(status)
        }
        .with_amount(total.and_then(|(units, currency)| money(units, &currency)))
    }
}

impl From<Refund> for RefundOutcome {
    fn from(refund: Refund) -> Self {
        match refund.status {
            RefundStatus::Pending | RefundStatus::RequiresAction | RefundStatus::Other => {
                Self::Pending(refund.id)
            }
            RefundStatus::Succeeded => Self::Succeeded(refund.id),
            RefundStatus::Failed | RefundStatus::Canceled => {
                Self::Refused(refund.failure_reason.unwrap_or_else(|| "failed".into()))
            }
        }
    }
}

impl Error {
    fn decline(&self) -> DeclineCode {
        let codes = [&self.decline_code, &self.code].into_iter().flatten();
        codes::decline(codes.map(String::as_str))
    }

    /// Whether the bank declined the card, or its data cannot be a card's.
    fn is_decline(&self, status: StatusCode) -> bool {
        status == StatusCode::PAYMENT_REQUIRED || self.r#type == "card_error"
    }
}

/// The declined payment, if the error is a decline.
///
/// # Errors
/// Any other error.
pub fn declined(error: ApiError<ErrorResponse>) -> Result<PaymentUpdate, CallError> {
    match error {
        ApiError::Response {
            status,
            body: Some(ErrorResponse { error }),
        } if error.is_decline(status) => Ok(PaymentUpdate {
            reference: error.payment_intent.as_ref().map(|i| i.id.clone()),
            ..PaymentUpdate::declined(error.decline())
        }),
        error => Err(error.into()),
    }
}

impl ErrorBody for ErrorResponse {
    fn into_call_error(self, status: StatusCode) -> CallError {
        let error = self.error;
        let code = error.decline_code.or(error.code).unwrap_or_default();
        let cause = Cause::Message(format!("{code} {}", error.message));
        // The idempotency key was used before: the outcome is that of the earlier call.
        if status == StatusCode::CONFLICT || error.r#type == "idempotency_error" {
            CallError::Unknown(cause)
        } else {
            CallError::Refused(cause)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_in_stripes_units() {
        let units = |amount: i64, code: &str| {
            let currency = code.parse().unwrap();
            super::units(Money { amount, currency }).ok()
        };
        for (amount, code, expected) in [
            (1999, "EUR", Some(1999)),
            (500, "JPY", Some(500)),
            (5, "ISK", Some(500)),
            (1000, "MGA", Some(10)),
            (1001, "MGA", None),
            (5120, "KWD", Some(5120)),
            (5124, "KWD", None),
        ] {
            assert_eq!(units(amount, code), expected, "{amount} {code}");
        }
        let isk = Money {
            amount: 5,
            currency: "ISK".parse().unwrap(),
        };
        assert_eq!(money(500, "isk"), Some(isk));
        assert_eq!(money(500, "???"), None);
    }
}
