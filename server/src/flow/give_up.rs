//! The buyer gave up the verification, or came back from it: either way the payment system says
//! how the payment stands.

use super::apply::apply_payment_update;
use super::{App, Detached, Error, Result, known};
use crate::connectors::{CallError, PaymentUpdate};
use crate::store::payments::PaymentRow;
use till_shared::problem::ProblemType;

/// Calls a payment off at the payment system, if that is still possible.
///
/// # Errors
/// `payment-final` when it ended some other way before; `unavailable` when the payment system does
/// not answer: the payment stays as it is.
#[tracing::instrument(level = "error", skip_all,
    fields(payment = %payment.id, invoice = %payment.invoice, project = %payment.project))]
pub async fn give_up(_: &Detached, app: &App, payment: &PaymentRow) -> Result<PaymentRow> {
    if !payment.status.is_live() {
        return Err(Error::problem(
            ProblemType::PaymentFinal,
            format!("The payment is {} already.", payment.status),
        ));
    }
    let (connector, account) = app.account_of(payment).await?;
    match connector.cancel(&app.ctx(&account), &known(payment)).await {
        Ok(Some(update)) => applied(app, payment, update).await,
        Ok(None) => Ok(payment.clone()),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Asks the payment system how a live payment stands.
///
/// # Errors
/// `unavailable` when it does not answer; the payment stays as it is.
#[tracing::instrument(level = "error", skip_all,
    fields(payment = %payment.id, invoice = %payment.invoice, project = %payment.project))]
pub async fn refresh(app: &App, payment: &PaymentRow) -> Result<PaymentRow> {
    if !payment.status.is_live() {
        return Ok(payment.clone());
    }
    let (connector, account) = app.account_of(payment).await?;
    let answer = connector.fetch(&app.ctx(&account), &known(payment)).await;
    heard(app, payment, answer).await
}

/// The buyer is back from the verification form, with what its payment system put into the query
/// or the form.
///
/// # Errors
/// See [`refresh`].
#[tracing::instrument(level = "error", skip_all,
    fields(payment = %payment.id, invoice = %payment.invoice, project = %payment.project))]
pub async fn come_back(
    _: &Detached,
    app: &App,
    payment: &PaymentRow,
    query: &[(String, String)],
) -> Result<PaymentRow> {
    if !payment.status.is_live() {
        return Ok(payment.clone());
    }
    let (connector, account) = app.account_of(payment).await?;
    let ctx = app.ctx(&account);
    let answer = connector.returned(&ctx, &known(payment), query).await;
    heard(app, payment, answer).await
}

async fn heard(
    app: &App,
    payment: &PaymentRow,
    answer: std::result::Result<Option<PaymentUpdate>, CallError>,
) -> Result<PaymentRow> {
    match answer {
        Ok(Some(update)) => applied(app, payment, update).await,
        Ok(None) => Ok(payment.clone()),
        Err(error) => Err(unavailable(&error)),
    }
}

async fn applied(app: &App, payment: &PaymentRow, update: PaymentUpdate) -> Result<PaymentRow> {
    Ok(apply_payment_update(app, &payment.id, update)
        .await?
        .unwrap_or_else(|| payment.clone()))
}

fn unavailable(error: &CallError) -> Error {
    tracing::warn!(%error, "the payment system does not say how it stands");
    Error::problem(
        ProblemType::Unavailable,
        "The payment system does not answer just now.",
    )
}
