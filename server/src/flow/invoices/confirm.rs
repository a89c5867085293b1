//! Orders that need no order check.

use crate::app::App;
use crate::flow::error::Result;
use crate::store::invoices::{self, InvoiceRow};
use till_shared::id::InvoiceId;

/// Records that an invoice's order needs no order check, as if the project had accepted it. `None` if
/// there is no such invoice.
///
/// # Errors
/// When the store fails.
pub async fn confirm_order(app: &App, id: &InvoiceId) -> Result<Option<InvoiceRow>> {
    let mut tx = app.store.begin().await?;
    let Some(mut invoice) = invoices::lock(&mut tx, id).await? else {
        return Ok(None);
    };
    invoice.checked = true;
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(Some(invoice))
}
