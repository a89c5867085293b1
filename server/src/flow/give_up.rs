//! The buyer gave up the verification, or came back from it: either way the payment system says
//! how the payment stands.

use super::apply::apply_payment_update;
use super::{App, Error, Result};
use crate::connectors::{CallError, Known};
use crate::store::payments::PaymentRow;
use till_shared::problem::ProblemType;

/// Calls a payment off at the payment system, if that is still possible.
///
/// # Errors
/// `payment-final` when it ended some other way before; `unavailable` when the payment system does
/// not answer: the payment stays as it is.
pub async fn give_up(app: &App, payment: &PaymentRow) -> Result<PaymentRow> {
    if !payment.status.is_live() {
        return Err(Error::problem(
            ProblemType::PaymentFinal,
            format!("The payment is {} already.", payment.status),
        ));
    }
    let (connector, account) = app.account_of(payment).await?;
    let known = Known {
        id: &payment.id,
        reference: payment.reference.as_deref(),
    };
    match connector.cancel(&app.ctx(&account), &known).await {
        Ok(Some(update)) => applied(app, payment, update).await,
        Ok(None) => Ok(payment.clone()),
        Err(error) => Err(unavailable(payment, &error)),
    }
}

/// Asks the payment system how a live payment stands.
///
/// # Errors
/// `unavailable` when it does not answer; the payment stays as it is.
pub async fn refresh(app: &App, payment: &PaymentRow) -> Result<PaymentRow> {
    if !payment.status.is_live() {
        return Ok(payment.clone());
    }
    let (connector, account) = app.account_of(payment).await?;
    let known = Known {
        id: &payment.id,
        reference: payment.reference.as_deref(),
    };
    match connector.fetch(&app.ctx(&account), &known).await {
        Ok(Some(update)) => applied(app, payment, update).await,
        Ok(None) => Ok(payment.clone()),
        Err(error) => Err(unavailable(payment, &error)),
    }
}

async fn applied(
    app: &App,
    payment: &PaymentRow,
    update: crate::connectors::PaymentUpdate,
) -> Result<PaymentRow> {
    Ok(apply_payment_update(app, &payment.id, update)
        .await?
        .unwrap_or_else(|| payment.clone()))
}

fn unavailable(payment: &PaymentRow, error: &CallError) -> Error {
    tracing::warn!(payment = %payment.id, %error, "the payment system does not say how it stands");
    Error::problem(
        ProblemType::Unavailable,
        "The payment system does not answer just now.",
    )
}
