//! Canceling a payment before it is verified.

use super::transition::apply_response;
use crate::app::App;
use crate::flow::accounts::{account_of, payment_ref};
use crate::flow::detached::Detached;
use crate::flow::error::{Error, Result};
use crate::flow::widget;
use crate::store::invoices::InvoiceRow;
use crate::store::payments::PaymentRow;
use crate::store::projects::Project;
use till_shared::id::PaymentId;
use till_shared::payment::PaymentStatus;
use till_shared::problem::ProblemType;
use till_shared::widget::WidgetState;

/// Cancels a payment at the payment system, and returns the invoice's state afterwards.
///
/// # Errors
/// `not-found` if it is no payment of the invoice; `payment-final` if it has ended;
/// `payment-in-progress` if it does not wait for the buyer; `unavailable` if the payment system does
/// not answer. The payment is unchanged then.
pub async fn cancel_payment(
    _: &Detached,
    app: &App,
    project: &Project,
    invoice: &InvoiceRow,
    payment: &PaymentId,
) -> Result<WidgetState> {
    let row = app.store.payment(payment).await?;
    let row = row.filter(|row| row.invoice == invoice.id);
    let row = row.ok_or_else(|| Error::not_found("payment"))?;
    cancel_at_provider(app, &row).await?;
    widget::state(app, project, &invoice.id).await
}

#[tracing::instrument(name = "cancel_payment", level = "error", skip_all,
    fields(payment = %payment.id, invoice = %payment.invoice, project = %payment.project))]
async fn cancel_at_provider(app: &App, payment: &PaymentRow) -> Result<PaymentRow> {
    match payment.status {
        PaymentStatus::RequiresVerification => {}
        PaymentStatus::Created | PaymentStatus::Processing => {
            return Err(Error::problem(
                ProblemType::PaymentInProgress,
                "The payment is being processed and can no longer be canceled.",
            ));
        }
        PaymentStatus::Succeeded
        | PaymentStatus::Declined
        | PaymentStatus::Failed
        | PaymentStatus::Canceled => {
            return Err(Error::problem(
                ProblemType::PaymentFinal,
                format!("The payment is already {}.", payment.status),
            ));
        }
    }
    let permit = app.call_permit(&payment.connector, &payment.account);
    let _permit = permit.ok_or_else(|| {
        Error::problem(
            ProblemType::Unavailable,
            "The payment system is overloaded. Nothing was changed. Try again in a moment.",
        )
    })?;
    let (connector, account) = account_of(app, payment).await?;
    let response = connector
        .cancel(&app.ctx(&account), &payment_ref(app, payment))
        .await;
    apply_response(app, payment, response).await
}
