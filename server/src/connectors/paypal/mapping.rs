//! PayPal's objects in this server's terms.

use super::codes;
use super::model::{
    Amount, Capture, CaptureStatus, Link, Order, OrderStatus, Refund, RefundStatus,
};
use crate::connectors::amount::{decimal_string, from_decimal_string};
use crate::connectors::error::CallError;
use crate::connectors::types::{PaymentKey, PaymentUpdate, RefundOutcome};
use crate::domain::reference::Reference;
use till_shared::id::{PaymentId, RefundId};
use till_shared::money::Money;
use till_shared::payment::PaymentStatus;
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
    /// The amount; `None` if it cannot be read.
    pub fn money(&self) -> Option<Money> {
        from_decimal_string(&self.value, self.currency_code.parse().ok()?)
    }
}

impl From<Capture> for PaymentUpdate {
    fn from(capture: Capture) -> Self {
        let update = match (capture.status, capture.id) {
            (
                CaptureStatus::Completed
                | CaptureStatus::PartiallyRefunded
                | CaptureStatus::Refunded,
                Some(id),
            ) => Self {
                reference: Some(Reference::payment(id)),
                ..Self::status(PaymentStatus::Succeeded)
            },
            (CaptureStatus::Declined | CaptureStatus::Denied | CaptureStatus::Failed, _) => {
                let code = capture.processor_response["response_code"].as_str();
                Self::declined(codes::processor_response(code))
            }
            _ => Self::status(PaymentStatus::Processing),
        };
        update.with_amount(capture.amount.and_then(|amount| amount.money()))
    }
}

impl Capture {
    /// The state of our payment by its capture.
    pub fn update(self, payment: &PaymentId) -> PaymentUpdate {
        let ours = is_id(self.custom_id.as_deref(), payment);
        only_if(ours, self.into())
    }

    /// The id of the order that was captured.
    pub fn order_id(&self) -> Option<&str> {
        let named = self.supplementary_data.pointer("/related_ids/order_id");
        let named = named
            .and_then(|id| id.as_str())
            .filter(|id| is_paypal_id(id));
        named.or_else(|| linked(&self.links, "/checkout/orders/"))
    }
}

impl Order {
    /// Whether the order is for our payment.
    pub fn is_for(&self, payment: &PaymentId) -> bool {
        let mut units = self.purchase_units.iter();
        units.any(|unit| is_id(unit.custom_id.as_deref(), payment))
    }

    /// Whether PayPal says that the buyer has not approved the order. It then cannot be captured.
    pub fn is_unapproved(&self) -> bool {
        match self.status {
            OrderStatus::Created
            | OrderStatus::Saved
            | OrderStatus::PayerActionRequired
            | OrderStatus::Voided => true,
            OrderStatus::Approved | OrderStatus::Completed | OrderStatus::Other => false,
        }
    }

    /// The state of our payment by its order.
    pub fn update(self, payment: &PaymentId) -> PaymentUpdate {
        let ours = self.is_for(payment);
        let mut links = self.links.into_iter();
        let form = links.find(|link| APPROVAL_LINKS.contains(&link.rel.as_str()));
        let units = self.purchase_units.into_iter();
        let payments = units.filter_map(|unit| unit.payments);
        let capture = payments.flat_map(|payments| payments.captures).next();
        let update = match self.status {
            OrderStatus::Created | OrderStatus::Saved | OrderStatus::PayerActionRequired => {
                PaymentUpdate {
                    verification: form.map_or(Verification::None, |form| Verification::Redirect {
                        url: form.href,
                    }),
                    ..PaymentUpdate::status(PaymentStatus::RequiresVerification)
                }
            }
            OrderStatus::Voided => PaymentUpdate::status(PaymentStatus::Canceled),
            OrderStatus::Completed => match capture {
                // PayPal copies the unit's id to the capture.
                Some(capture) => {
                    let named = capture.custom_id.as_deref();
                    only_if(named.is_none() || is_id(named, payment), capture.into())
                }
                None => PaymentUpdate::status(PaymentStatus::Processing),
            },
            OrderStatus::Approved | OrderStatus::Other => {
                PaymentUpdate::status(PaymentStatus::Processing)
            }
        };
        let reference = update.reference.clone();
        let update = PaymentUpdate {
            reference: reference.or_else(|| self.id.map(Reference::page)),
            ..update
        };
        only_if(ours, update)
    }
}

fn is_id(custom_id: Option<&str>, payment: &PaymentId) -> bool {
    custom_id == Some(payment.as_str())
}

/// The update, if it is not final or if PayPal names our payment.
fn only_if(ours: bool, update: PaymentUpdate) -> PaymentUpdate {
    if ours || update.status.is_live() {
        update
    } else {
        PaymentUpdate::status(PaymentStatus::Processing)
    }
}

impl Refund {
    /// The state of the refund; `None` if it has no id.
    pub fn outcome(&self) -> Option<RefundOutcome> {
        let id = self.id.clone()?;
        Some(match self.status {
            RefundStatus::Completed => RefundOutcome::Succeeded(id),
            RefundStatus::Pending | RefundStatus::Other => RefundOutcome::Pending(id),
            RefundStatus::Failed => self.failed(),
            RefundStatus::Cancelled => RefundOutcome::Failed("cancelled".into()),
        })
    }

    /// The outcome of a refund that failed.
    pub fn failed(&self) -> RefundOutcome {
        let reason = self.status_details["reason"].as_str();
        RefundOutcome::Failed(reason.unwrap_or("failed").to_owned())
    }

    /// Our refund id; `None` if the refund was not made by this server.
    pub fn our_id(&self) -> Option<RefundId> {
        let ids = [&self.custom_id, &self.invoice_id];
        ids.into_iter().flatten().find_map(|id| id.parse().ok())
    }

    /// The payment that money was taken from.
    pub fn payment_key(&self) -> Option<PaymentKey> {
        let ours = self.custom_id.as_deref().and_then(|id| id.parse().ok());
        let theirs = || linked(&self.links, "/payments/captures/").map(str::to_owned);
        ours.map(PaymentKey::Ours)
            .or_else(|| theirs().map(PaymentKey::Theirs))
    }
}

/// The id in the first link to an object of this kind.
fn linked<'a>(links: &'a [Link], path: &str) -> Option<&'a str> {
    let mut ids = links.iter().filter_map(|link| link.href.split_once(path));
    ids.find_map(|(_, id)| is_paypal_id(id).then_some(id))
}

fn is_paypal_id(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
    !id.is_empty() && id.bytes().all(allowed)
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
