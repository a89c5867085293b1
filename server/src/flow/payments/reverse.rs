//! Money that a payment system takes back without a dispute.

use super::transition::apply_payment_update;
use crate::app::App;
use crate::clock;
use crate::connectors::{PaymentUpdate, Reversal};
use crate::flow::error::Result;
use crate::flow::outbox::{Subject, write_events};
use crate::store::payments::{self, PaymentRow};
use crate::store::{invoices, reversals};
use till_shared::event::EventType;
use till_shared::payment::PaymentStatus;

/// Records that the payment system took money back, and tells the project if the payment had
/// succeeded. A payment that had not is canceled: a success that is reported later is older and is
/// not believed.
///
/// # Errors
/// When the store fails. The payment system reports the reversal again then.
pub async fn apply_reversal(app: &App, payment: &PaymentRow, reversal: &Reversal) -> Result<()> {
    if !record(app, payment, reversal).await? {
        let canceled = PaymentUpdate::status(PaymentStatus::Canceled);
        apply_payment_update(app, &payment.id, canceled).await?;
    }
    Ok(())
}

/// Records the reversal. Returns whether the payment had succeeded.
async fn record(app: &App, known: &PaymentRow, reversal: &Reversal) -> Result<bool> {
    let Some(project) = app.store.project(&known.project).await? else {
        return Ok(true);
    };
    let mut tx = app.store.begin().await?;
    let Some(mut invoice) = invoices::lock(&mut tx, &known.invoice).await? else {
        return Ok(true);
    };
    let Some(payment) = payments::get(&mut tx, &known.id).await? else {
        return Ok(true);
    };
    let succeeded = payment.status == PaymentStatus::Succeeded;
    let same_currency = reversal
        .money
        .filter(|m| m.currency == payment.money.currency);
    let left = payment.money.amount - payment.amount_reversed;
    let amount = same_currency.map_or(left, |money| money.amount.min(left));
    if amount <= 0 {
        return Ok(succeeded);
    }
    let now = clock::now_ms();
    let new = reversals::insert(&mut tx, &payment.id, &reversal.reference, amount, now).await?;
    if !new {
        return Ok(succeeded);
    }
    if succeeded {
        // As it is now, with the reversal.
        let payment = payments::get(&mut tx, &known.id).await?.unwrap_or(payment);
        let subject = Subject::Reversal(&payment, &reversal.reference);
        let events = [EventType::PaymentReversed];
        write_events(app, &mut tx, &project, &mut invoice, subject, &events).await?;
        invoices::save(&mut tx, &mut invoice).await?;
    }
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.invoice_changed(&invoice.id);
    tracing::warn!(
        payment = %known.id, invoice = %known.invoice, project = %known.project, amount,
        "the payment system took money back"
    );
    Ok(succeeded)
}
