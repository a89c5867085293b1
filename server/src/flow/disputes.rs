//! Disputes: recorded as the payment system reports them, and told to the project.

use super::error::{Error, Result};
use super::outbox::{Subject, write_events};
use super::page::{Limit, Page, check_last4};
use crate::app::App;
use crate::connectors::DisputeUpdate;
use crate::domain::dispute::apply;
use crate::store::disputes::{self, DisputeRow};
use crate::store::invoices;
use crate::store::payments::{self, PaymentRow};
use crate::store::projects::Project;
use crate::{clock, new_id, views};
use till_shared::dispute::Dispute;
use till_shared::id::DisputeId;
use till_shared::money::Money;

/// Selects disputes of a list.
pub type DisputeFilter = disputes::DisputeFilter;

/// A project's dispute.
///
/// # Errors
/// `not-found` if the project has no such dispute.
pub async fn get(app: &App, project: &Project, id: &DisputeId) -> Result<Dispute> {
    let row = app.store.project_dispute(&project.id, id).await?;
    let row = row.ok_or_else(|| Error::not_found("dispute"))?;
    view(app, project, &row).await
}

/// A page of a project's disputes, the newest first.
///
/// # Errors
/// `invalid-request` if a filter is invalid.
pub async fn list(
    app: &App,
    project: &Project,
    filter: DisputeFilter,
    limit: Limit,
) -> Result<Page<Dispute>> {
    check_last4(filter.last4.as_deref())?;
    let rows = app
        .store
        .list_disputes(&project.id, &filter, limit.rows())
        .await?;
    let page = Page::new(rows, limit, |row| row.id.to_string());
    let ids: Vec<_> = page.data.iter().map(|row| &row.payment).collect();
    let payments = app.store.project_payments(&project.id, &ids).await?;
    let view = |row: &DisputeRow| {
        let payment = payments.iter().find(|payment| payment.id == row.payment);
        let payment = payment.ok_or_else(|| Error::not_found("payment"))?;
        Ok(views::dispute(row, payment))
    };
    let data = page.data.iter().map(view).collect::<Result<_>>()?;
    Ok(page.with_data(data))
}

async fn view(app: &App, project: &Project, row: &DisputeRow) -> Result<Dispute> {
    let payment = app.store.project_payment(&project.id, &row.payment);
    let payment = payment.await?.ok_or_else(|| Error::not_found("payment"))?;
    Ok(views::dispute(row, &payment))
}

/// Applies what a payment system reports about a dispute: the one way a dispute changes. One
/// transaction writes the dispute and the callbacks.
///
/// # Errors
/// When the store fails. Nothing has changed then.
pub async fn apply_dispute_update(
    app: &App,
    payment: &PaymentRow,
    update: DisputeUpdate,
) -> Result<()> {
    let Some(project) = app.store.project(&payment.project).await? else {
        return Ok(());
    };
    let mut tx = app.store.begin().await?;
    let Some(mut invoice) = invoices::lock(&mut tx, &payment.invoice).await? else {
        return Ok(());
    };
    let known = disputes::by_reference(&mut tx, &payment.id, &update.reference).await?;
    let now = clock::now_ms();
    let mut row = updated(payment, known.as_ref(), &update, now);
    let details_changed = known.as_ref().is_some_and(|known| {
        (known.money, &known.reason, known.respond_by) != (row.money, &row.reason, row.respond_by)
    });
    let current = known.as_ref().map(|known| known.status);
    let Some(change) = apply(current, update.status, details_changed) else {
        return Ok(());
    };
    row.status = change.status;
    if known.is_some() {
        disputes::save(&mut tx, &row).await?;
    } else {
        disputes::insert(&mut tx, &row).await?;
    }
    // As it is now, with what was refunded meanwhile.
    let current = payments::get(&mut tx, &payment.id).await?;
    let subject = Subject::Dispute(&row, current.as_ref().unwrap_or(payment));
    write_events(
        app,
        &mut tx,
        &project,
        &mut invoice,
        subject,
        &change.events,
    )
    .await?;
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.invoice_changed(&invoice.id);
    tracing::warn!(
        dispute = %row.id, payment = %payment.id, invoice = %payment.invoice,
        project = %payment.project, status = %row.status, "dispute changed"
    );
    Ok(())
}

/// The dispute with what the report says. A report that is older than the newest one, which its
/// status shows, does not change the details.
fn updated(
    payment: &PaymentRow,
    known: Option<&DisputeRow>,
    update: &DisputeUpdate,
    now: i64,
) -> DisputeRow {
    let valid = |money: &Money| money.currency == payment.money.currency && money.amount > 0;
    let money = update.money.filter(valid);
    match known {
        Some(known) if update.status < known.status => known.clone(),
        Some(known) => DisputeRow {
            money: money.unwrap_or(known.money),
            reason: update.reason.clone().or_else(|| known.reason.clone()),
            respond_by: update.respond_by.or(known.respond_by),
            updated_at: now,
            ..known.clone()
        },
        None => DisputeRow {
            id: DisputeId::from_unique(new_id::unique()),
            payment: payment.id.clone(),
            project: payment.project.clone(),
            reference: update.reference.clone(),
            money: money.unwrap_or(payment.money),
            reason: update.reason.clone(),
            status: update.status,
            respond_by: update.respond_by,
            created_at: now,
            updated_at: now,
        },
    }
}
