//! What a payment system reports about a payment besides its status: the amount, the reference, the
//! card and the verification form.

use crate::app::App;
use crate::clock;
use crate::connectors::PaymentUpdate;
use crate::domain::payment::Review;
use crate::flow::error::Result;
use crate::store::Tx;
use crate::store::payments::{PaymentRow, references};
use till_shared::payment::{DeclineCode, PaymentStatus};
use till_shared::widget::Verification;

/// Whether the buyer did not complete the verification in time.
pub fn is_abandoned(app: &App, payment: &PaymentRow) -> bool {
    let age_ms = u64::try_from(clock::now_ms() - payment.created_at).unwrap_or(0);
    payment.status == PaymentStatus::RequiresVerification
        && age_ms > app.config.verification_seconds * 1000
}

/// The update to apply. A payment that is canceled after its verification took too long is declined:
/// the payment system's webhook may report that before the call that canceled it is answered.
pub fn abandonment(app: &App, payment: &PaymentRow, update: PaymentUpdate) -> PaymentUpdate {
    if update.status == PaymentStatus::Canceled && is_abandoned(app, payment) {
        return PaymentUpdate {
            status: PaymentStatus::Declined,
            decline: Some(DeclineCode::VerificationAbandoned),
            ..update
        };
    }
    update
}

/// The status to apply. A success is believed with our amount only: without an amount it is
/// `processing`, with another one it is held for review as `processing`.
pub fn verified_status(app: &App, payment: &PaymentRow, update: &PaymentUpdate) -> PaymentStatus {
    match update.money {
        _ if update.status != PaymentStatus::Succeeded => update.status,
        Some(money) if money == payment.money => PaymentStatus::Succeeded,
        Some(money) => {
            app.metrics.held(&payment.connector);
            tracing::error!(
                expected = %payment.money, reported = %money,
                "the payment system reports a different amount: the payment is held for review"
            );
            PaymentStatus::Processing
        }
        None => {
            tracing::warn!("the payment system reports a success without an amount");
            PaymentStatus::Processing
        }
    }
}

/// Why an operator has to look at the payment, if this update says so.
pub fn review(payment: &PaymentRow, update: &PaymentUpdate) -> Option<Review> {
    let other_amount = update.money.is_some_and(|money| money != payment.money);
    let held = update.status == PaymentStatus::Succeeded && other_amount;
    held.then_some(Review::Amount)
}

/// Whether the payment system's payment already pays another payment of ours.
///
/// # Errors
/// When the store fails.
pub async fn is_taken(tx: &mut Tx, payment: &PaymentRow, update: &PaymentUpdate) -> Result<bool> {
    match new_reference(payment, update) {
        Some(reference) => Ok(!references::claim(tx, payment, reference).await?),
        None => Ok(false),
    }
}

/// The payment system's id of the payment, if the update has one that was not known.
pub fn new_reference<'a>(payment: &PaymentRow, update: &'a PaymentUpdate) -> Option<&'a str> {
    let reference = update.reference.as_ref();
    let new = reference.filter(|reference| payment.reference.as_ref() != Some(reference));
    new.map(|reference| reference.id.as_str())
}

/// Whether an update tells nothing new about a payment that has ended: most webhooks follow the answer that
/// said the same.
pub fn is_known(payment: &PaymentRow, update: &PaymentUpdate) -> bool {
    let money = update.money.is_none_or(|money| money == payment.money);
    payment.status == update.status
        && !payment.status.is_live()
        && money
        && !merge(&mut payment.clone(), update, update.status)
}

/// Adds details that are not known yet: the reference, the card, the verification form. Returns
/// whether there were any.
pub fn merge(payment: &mut PaymentRow, update: &PaymentUpdate, incoming: PaymentStatus) -> bool {
    let mut merged = false;
    // Refunds use the reference that comes with the success: it replaces an earlier one.
    let replaces = payment.reference.is_none() || incoming == PaymentStatus::Succeeded;
    if replaces && update.reference.is_some() && payment.reference != update.reference {
        payment.reference.clone_from(&update.reference);
        merged = true;
    }
    if payment.card.is_none() && update.card.is_some() {
        payment.card.clone_from(&update.card);
        merged = true;
    }
    let unverified = payment.status.is_live() && payment.verification == Verification::None;
    if unverified && update.verification != Verification::None {
        payment.verification = update.verification.clone();
        merged = true;
    }
    merged
}
