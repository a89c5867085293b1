//! Stripe's objects in this server's terms.

use super::codes;
use super::model::{
    AttemptError, ErrorResponse, ErrorType, Intent, IntentStatus, Session, SessionIntent,
    SessionPaymentStatus, SessionStatus,
};
use crate::connectors::amount::{from_decimals, with_decimals};
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::{ApiError, ErrorBody};
use crate::connectors::types::PaymentUpdate;
use crate::domain::reference::Reference;
use reqwest::StatusCode;
use till_shared::money::{Currency, Money};
use till_shared::payment::{DeclineCode, PaymentStatus};
use till_shared::widget::Verification;

mod refunds;

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
            reference: Some(Reference::payment(intent.id)),
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
        let intent = match session.payment_intent {
            // The buyer has left the page: the only attempt decides.
            Some(SessionIntent::Object(intent)) if status == PaymentStatus::Processing => {
                return (*intent).into();
            }
            Some(SessionIntent::Object(intent)) => Some(intent.id),
            Some(SessionIntent::Id(id)) => Some(id),
            None => None,
        };
        // Refunds need the id of the intent, which a session has once it is paid.
        let intent = intent.filter(|_| paid).map(Reference::payment);
        let total = session.amount_total.zip(session.currency);
        Self {
            reference: intent.or_else(|| Some(Reference::page(session.id))),
            verification: redirect(session.url.filter(|_| status.is_live())),
            ..Self::status(status)
        }
        .with_amount(total.and_then(|(units, currency)| money(units, &currency)))
    }
}

/// Our decline code for a Stripe error.
fn decline(decline_code: Option<&String>, code: Option<&String>) -> DeclineCode {
    let codes = [decline_code, code].into_iter().flatten();
    codes::decline(codes.map(String::as_str))
}

impl AttemptError {
    fn decline(&self) -> DeclineCode {
        decline(self.decline_code.as_ref(), self.code.as_ref())
    }
}

impl ErrorResponse {
    /// Whether the requested object does not exist. Another 404, such as that for an unknown URL,
    /// has another code. <https://docs.stripe.com/error-codes#resource-missing>
    pub fn is_missing(&self) -> bool {
        self.error.code.as_deref() == Some("resource_missing")
    }
}

/// The declined payment, if the error is a decline. HTTP 402 alone does not mean one.
///
/// # Errors
/// Any other error.
pub fn declined(error: ApiError<ErrorResponse>) -> Result<PaymentUpdate, CallError> {
    match error {
        ApiError::Response {
            body: Some(ErrorResponse { error }),
            ..
        } if error.r#type == ErrorType::Card => {
            let code = decline(error.decline_code.as_ref(), error.code.as_ref());
            Ok(PaymentUpdate {
                reference: error.payment_intent.map(|i| Reference::payment(i.id)),
                ..PaymentUpdate::declined(code)
            })
        }
        error => Err(error.into()),
    }
}

/// Like [`declined`], for a request with a card number. Stripe takes none from most accounts, and
/// has no error code for that: HTTP 402, or a message in test mode.
/// <https://support.stripe.com/questions/enabling-access-to-raw-card-data-apis>
///
/// # Errors
/// Any other error.
pub fn declined_card(error: ApiError<ErrorResponse>) -> Result<PaymentUpdate, CallError> {
    match error {
        ApiError::Response {
            status,
            body: Some(ErrorResponse { error }),
        } if error.r#type == ErrorType::InvalidRequest
            && (status == StatusCode::PAYMENT_REQUIRED
                || error.message.contains("credit card numbers directly")) =>
        {
            Err(CallError::Refused(Cause::RawCardData(error.message)))
        }
        error => declined(error),
    }
}

impl ErrorBody for ErrorResponse {
    fn into_call_error(self, status: StatusCode) -> CallError {
        let error = self.error;
        let code = error.decline_code.or(error.code).unwrap_or_default();
        let cause = Cause::Message(format!("{code} {}", error.message));
        match (error.r#type, status) {
            (_, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => CallError::NotSent(cause),
            (
                ErrorType::InvalidRequest | ErrorType::Card,
                StatusCode::BAD_REQUEST | StatusCode::PAYMENT_REQUIRED | StatusCode::NOT_FOUND,
            ) => CallError::Refused(cause),
            // With an idempotency key that was used before, the outcome is that of the earlier call.
            _ => CallError::Unknown(cause),
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
