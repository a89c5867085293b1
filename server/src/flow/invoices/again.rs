//! An order that comes again: the invoice that it has, and what may differ.

use crate::app::App;
use crate::flow::error::{Error, Result};
use crate::store::invoices::{self, Inserted, InvoiceRow};
use crate::store::projects::Project;
use till_shared::buyer::BuyerField;
use till_shared::invoice::InvoiceStatus;
use till_shared::problem::{FieldError, ProblemType};

/// The invoice that a browser's order asks for, as the order check shows it to the project: with the
/// order's data and, if the order has an invoice already, with that invoice's id, status and times.
///
/// # Errors
/// When the store fails.
pub async fn repeated(app: &App, project: &Project, new: &InvoiceRow) -> Result<InvoiceRow> {
    let existing = app.store.invoice_by_order(&project.id, &new.order_id);
    let mut asked = new.clone();
    if let Some(existing) = existing.await? {
        asked.id = existing.id;
        asked.status = existing.status;
        asked.created_at = existing.created_at;
        asked.expires_at = existing.expires_at;
        asked.paid_at = existing.paid_at;
    }
    Ok(asked)
}

/// The order's invoice that is neither expired nor canceled.
///
/// # Errors
/// `order-id-reused` with every field that differs.
pub async fn find_same_order(
    app: &App,
    project: &Project,
    new: &InvoiceRow,
) -> Result<Option<InvoiceRow>> {
    let existing = app.store.invoice_by_order(&project.id, &new.order_id);
    let Some(existing) = existing.await? else {
        return Ok(None);
    };
    let errors = differences(&existing, new);
    if errors.is_empty() {
        return Ok(Some(existing));
    }
    Err(Error::Problem {
        kind: ProblemType::OrderIdReused,
        detail: "An earlier order of this project has this order_id and other data.".into(),
        errors,
        retry_after: None,
        captcha: None,
    })
}

/// The fields of the order's data that differ. What the buyer has filled in meanwhile is not the
/// order's. Of an order from a browser, only the amount is compared: neither does the first one keep
/// out the next, nor does a browser learn what the earlier order says. Nor is anything else left to
/// compare once the buyer's data were removed.
fn differences(known: &InvoiceRow, new: &InvoiceRow) -> Vec<FieldError> {
    let removed = known.buyer_removed_at.is_some();
    let compared = !known.from_browser && !new.from_browser && !removed;
    let of_buyer = |field: &BuyerField| {
        let given = new.buyer.get(*field);
        let differs = compared && given.is_some() && given != known.buyer.get(*field);
        (format!("buyer.{field}"), differs)
    };
    let own = [
        ("amount", known.money.amount != new.money.amount),
        ("currency", known.money.currency != new.money.currency),
        (
            "description",
            compared && known.description != new.description,
        ),
        ("items", compared && known.items != new.items),
    ];
    let own = own.map(|(field, differs)| (field.to_owned(), differs));
    let all = own.into_iter().chain(BuyerField::ALL.iter().map(of_buyer));
    all.filter(|(_, differs)| *differs)
        .map(|(field, _)| FieldError::new(field, "different", "differs from the earlier order"))
        .collect()
}

/// Takes over what the newest order says, if the invoice is open and no payment is in progress:
/// description, items, language and, if the order names one, the expiry. Metadata, URLs, method and buyer
/// are taken over from the project, and from a browser if the invoice is a browser's too. Returns the
/// invoice afterwards.
///
/// # Errors
/// When the store fails. Nothing has changed then.
pub async fn take_over(
    app: &App,
    existing: InvoiceRow,
    new: &InvoiceRow,
    expires: bool,
) -> Result<InvoiceRow> {
    let mut tx = app.store.begin().await?;
    let locked = invoices::lock(&mut tx, &existing.id).await?;
    let Some(mut invoice) = locked.filter(|invoice| invoice.status == InvoiceStatus::Open) else {
        return Ok(existing);
    };
    invoice.description.clone_from(&new.description);
    invoice.items.clone_from(&new.items);
    invoice.locale.clone_from(&new.locale);
    if invoice.from_browser {
        invoice.buyer.clone_from(&new.buyer);
    }
    if invoice.from_browser || !new.from_browser {
        invoice.metadata.clone_from(&new.metadata);
        invoice.success_url.clone_from(&new.success_url);
        invoice.failure_url.clone_from(&new.failure_url);
        invoice.method = new.method;
        invoice.from_browser = new.from_browser;
    }
    if expires {
        invoice.expires_at = new.expires_at;
    }
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.invoice_changed(&invoice.id);
    Ok(invoice)
}

/// Inserts the invoice, unless a concurrent call inserted one for the same order. Earlier invoices of
/// the order have expired or were canceled. Returns the stored invoice, and whether it is new.
///
/// # Errors
/// `order-id-reused`, if the concurrent call had other data.
pub async fn insert(app: &App, project: &Project, row: InvoiceRow) -> Result<(InvoiceRow, bool)> {
    let mut tx = app.store.begin().await?;
    let earlier = invoices::lock_order(&mut tx, &project.id, &row.order_id).await?;
    let ended = |invoice: &InvoiceRow| {
        matches!(
            invoice.status,
            InvoiceStatus::Expired | InvoiceStatus::Canceled
        )
    };
    if earlier.iter().all(ended) {
        for invoice in &earlier {
            invoices::release_order_id(&mut tx, &invoice.id).await?;
        }
        match invoices::insert(&mut tx, &row).await? {
            Inserted::New => {
                tx.commit().await.map_err(anyhow::Error::from)?;
                return Ok((row, true));
            }
            // An earlier attempt of the same call was interrupted, and its invoice has ended meanwhile.
            Inserted::Known => {
                drop(tx);
                let known = app.store.project_invoice(&project.id, &row.id).await?;
                return known
                    .map(|known| (known, true))
                    .ok_or_else(|| Error::not_found("invoice"));
            }
            Inserted::OrderIdTaken => {}
        }
    }
    drop(tx);
    let existing = find_same_order(app, project, &row).await?;
    let existing =
        existing.ok_or_else(|| anyhow::anyhow!("the invoice of this order has ended meanwhile"))?;
    Ok((existing, false))
}
