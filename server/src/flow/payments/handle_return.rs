//! The buyer's return from the verification form.

use super::transition::apply_response;
use crate::app::App;
use crate::flow::accounts::{account_of, payment_ref};
use crate::flow::detached::Detached;
use crate::flow::error::{Error, Result};
use crate::flow::redirect;
use crate::store::payments::PaymentRow;
use crate::store::projects::Project;
use till_shared::id::{InvoiceId, PaymentId};

/// Where a returning buyer goes.
pub struct BuyerReturn {
    /// The payment that the buyer returns from.
    pub payment: PaymentId,
    /// The invoice's client token, for the widget.
    pub client_token: String,
    /// Where the buyer goes if there is no widget around the page.
    pub next_url: String,
}

/// Fetches the payment's status when the buyer returns, and decides where the buyer goes. `query`
/// is what the payment system added to the return URL, or sent as a form. If the payment system
/// does not answer, the payment is left to the reconciler. `None` if `state` does not prove that
/// the return URL is ours, or the payment is not the invoice's.
///
/// # Errors
/// When the store fails.
pub async fn handle_return(
    _: &Detached,
    app: &App,
    project: &Project,
    invoice: &InvoiceId,
    payment: &PaymentId,
    state: &str,
    query: &[(String, String)],
) -> Result<Option<BuyerReturn>> {
    if !app.keys.is_return_state(payment, state) {
        return Ok(None);
    }
    let row = app.store.payment(payment).await?;
    let Some(row) = row.filter(|row| row.invoice == *invoice) else {
        return Ok(None);
    };
    let updated = fetch_returned(app, &row, query).await.unwrap_or(row);
    // Read after the update: it may have changed the invoice.
    let invoice = app.store.invoice(invoice).await?;
    let invoice = invoice.ok_or_else(|| Error::not_found("invoice"))?;
    Ok(Some(BuyerReturn {
        next_url: redirect::after_return(app, project, &invoice, updated.status),
        client_token: app.keys.client_token(&invoice.id),
        payment: updated.id,
    }))
}

#[tracing::instrument(name = "handle_return", level = "error", skip_all,
    fields(payment = %payment.id, invoice = %payment.invoice, project = %payment.project))]
async fn fetch_returned(
    app: &App,
    payment: &PaymentRow,
    query: &[(String, String)],
) -> Result<PaymentRow> {
    if !payment.status.is_live() {
        return Ok(payment.clone());
    }
    let Some(_permit) = app.call_permit(&payment.connector, &payment.account) else {
        tracing::warn!(
            "the account is at its limit of calls: the payment is left to the reconciler"
        );
        return Ok(payment.clone());
    };
    let (connector, account) = account_of(app, payment).await?;
    let ctx = app.ctx(&account);
    let response = connector
        .handle_return(&ctx, &payment_ref(app, payment), query)
        .await;
    apply_response(app, payment, response).await
}
