//! Adyen's objects in this server's terms, and ours in Adyen's.

use super::codes;
use super::model::{Amount, ErrorResponse, Item, LinkStatus, Payment, PaymentLink, ResultCode};
use crate::connectors::amount::{from_decimals, with_decimals};
use crate::connectors::error::{CallError, Cause};
use crate::connectors::transport::{ApiError, ErrorBody};
use crate::connectors::types::{NewPayment, PaymentKey, PaymentUpdate};
use crate::domain::reference::Reference;
use reqwest::StatusCode;
use serde_json::{Value, json};
use till_shared::id::PaymentId;
use till_shared::money::{Currency, Money};
use till_shared::payment::{DeclineCode, Method, PaymentStatus};
use till_shared::widget::{CardData, Verification};

impl TryFrom<Money> for Amount {
    type Error = CallError;

    fn try_from(money: Money) -> Result<Self, CallError> {
        Ok(Self {
            value: with_decimals(money, codes::decimals(money.currency))?,
            currency: money.currency.code().to_owned(),
        })
    }
}

impl Amount {
    /// `None` if we do not know the currency or cannot represent the amount.
    pub fn money(&self) -> Option<Money> {
        let currency: Currency = self.currency.parse().ok()?;
        from_decimals(self.value, codes::decimals(currency), currency)
    }
}

impl Item {
    /// The amount. `None` if we cannot represent it, or if it is zero.
    pub fn money(&self) -> Option<Money> {
        let money = self.amount.as_ref()?.money()?;
        (money.amount > 0).then_some(money)
    }

    /// The text that explains the message; its event code if Adyen gives none.
    pub fn reason(&self) -> String {
        let given = self.reason.as_deref().unwrap_or_default();
        let reason = if given.is_empty() {
            &self.event_code
        } else {
            given
        };
        reason.to_owned()
    }

    /// Adyen's id of the payment that a later message is about.
    pub fn original_reference(&self) -> Option<&str> {
        self.original_reference.as_deref().filter(|r| !r.is_empty())
    }

    /// Our id, in a message whose merchant reference is the payment's.
    pub fn payment_id(&self) -> Option<PaymentId> {
        self.merchant_reference.as_deref()?.parse().ok()
    }

    /// The payment that a later message is about.
    pub fn payment_key(&self) -> Option<PaymentKey> {
        let theirs = || self.original_reference().map(str::to_owned);
        self.payment_id()
            .map(PaymentKey::Ours)
            .or_else(|| theirs().map(PaymentKey::Theirs))
    }
}

/// The `paymentMethod` of a payment by the card that the buyer typed into our payment form.
pub fn card_method(new: &NewPayment<'_>, card: &CardData) -> Value {
    let mut method = json!({
        "type": "scheme",
        "number": card.number,
        "expiryMonth": format!("{:02}", card.exp_month),
        "expiryYear": card.exp_year.to_string(),
        "cvc": card.cvc,
    });
    if let Some(holder) = card.holder.as_ref().or(new.buyer.name.as_ref()) {
        method["holderName"] = holder.as_str().into();
    }
    method
}

/// The `paymentMethod` of a method without data.
pub fn plain_method(method: Method) -> Value {
    json!({ "type": method })
}

impl From<Payment> for PaymentUpdate {
    fn from(payment: Payment) -> Self {
        let refusal = codes::refusal(
            payment.refusal_reason_code.as_deref(),
            payment.refusal_reason.as_deref(),
        );
        let declined = |default| Self::declined(refusal.unwrap_or(default));
        let update = match payment.result_code.unwrap_or_default() {
            ResultCode::Authorised => Self::status(PaymentStatus::Succeeded),
            ResultCode::Refused => declined(DeclineCode::CardDeclined),
            ResultCode::Error => declined(DeclineCode::ProcessingError),
            ResultCode::Cancelled => declined(DeclineCode::VerificationAbandoned),
            ResultCode::RedirectShopper
            | ResultCode::ChallengeShopper
            | ResultCode::IdentifyShopper => Self::status(PaymentStatus::RequiresVerification),
            ResultCode::AuthenticationFinished
            | ResultCode::AuthenticationNotRequired
            | ResultCode::PartiallyAuthorised
            | ResultCode::Pending
            | ResultCode::PresentToShopper
            | ResultCode::Received
            | ResultCode::Success
            | ResultCode::Other => Self::status(PaymentStatus::Processing),
        };
        // Other actions need Adyen's own script. No request asks for them.
        let redirect = payment.action.filter(|action| {
            action.r#type == "redirect" && action.method.as_deref() != Some("POST")
        });
        let url = redirect.and_then(|action| action.url);
        let update = Self {
            reference: payment.psp_reference.map(Reference::payment),
            verification: url.map_or(Verification::None, |url| Verification::Redirect { url }),
            ..update
        };
        update.with_amount(payment.amount.and_then(|amount| amount.money()))
    }
}

/// The state of a payment after its creation. Some payments get Adyen's id when they are paid; until
/// then Adyen knows them by ours.
pub fn created(payment: Payment, ours: &PaymentId) -> PaymentUpdate {
    let mut update = PaymentUpdate::from(payment);
    if update.reference.is_none() && update.status.is_live() {
        update.reference = Some(Reference::page(ours.as_str()));
    }
    update
}

/// The state of a payment after the details that the buyer brought. A buyer can bring the details of
/// another payment, and the response then describes that one. If it does not name ours, the
/// payment is `processing` until the webhook.
pub fn returned(payment: Payment, ours: &PaymentId) -> PaymentUpdate {
    if payment.merchant_reference.as_deref() == Some(ours.as_str()) {
        payment.into()
    } else {
        PaymentUpdate::status(PaymentStatus::Processing)
    }
}

impl From<PaymentLink> for PaymentUpdate {
    fn from(link: PaymentLink) -> Self {
        let (status, verification) = match link.status {
            LinkStatus::Active => (
                PaymentStatus::RequiresVerification,
                Verification::Redirect { url: link.url },
            ),
            // The webhook reports the outcome, and the reference that refunds need.
            LinkStatus::Completed
            | LinkStatus::Paid
            | LinkStatus::PaymentPending
            | LinkStatus::Other => (PaymentStatus::Processing, Verification::None),
            LinkStatus::Expired => (PaymentStatus::Canceled, Verification::None),
        };
        Self {
            reference: Some(Reference::page(link.id)),
            verification,
            ..Self::status(status)
        }
    }
}

/// The declined payment, if the error means that the data cannot be a card's.
///
/// # Errors
/// Any other error.
pub fn declined(error: ApiError<ErrorResponse>) -> Result<PaymentUpdate, CallError> {
    let code = match &error {
        ApiError::Response {
            body: Some(body), ..
        } => codes::card_error(&body.error_code),
        ApiError::Response { body: None, .. } | ApiError::Call(_) => None,
    };
    match code {
        Some(code) => Ok(PaymentUpdate::declined(code)),
        None => Err(error.into()),
    }
}

impl ErrorBody for ErrorResponse {
    fn into_call_error(self, status: StatusCode) -> CallError {
        let cause = Cause::Message(format!("{} {}", self.error_code, self.message));
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => CallError::NotSent(cause),
            _ if self.error_code == codes::IN_PROGRESS => CallError::Unknown(cause),
            _ => CallError::Refused(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_in_adyens_decimals() {
        let units = |amount: i64, code: &str| {
            let currency = code.parse().unwrap();
            Amount::try_from(Money { amount, currency }).map(|a| a.value)
        };
        assert_eq!(units(1999, "EUR").unwrap(), 1999);
        assert_eq!(units(500, "JPY").unwrap(), 500);
        assert_eq!(units(1500, "KWD").unwrap(), 1500);
        assert_eq!(units(500, "CLP").unwrap(), 50000);
        assert_eq!(units(5, "ISK").unwrap(), 500);
        assert_eq!(units(500_000, "IDR").unwrap(), 5000);
        assert!(units(500_050, "IDR").is_err());
    }
}
