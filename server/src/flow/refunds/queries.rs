//! Reading refunds.

use crate::app::App;
use crate::flow::error::{Error, Result};
use crate::flow::page::{Limit, Page, check_last4};
use crate::store::projects::Project;
use crate::store::refunds::{self, RefundRow};
use crate::views;
use till_shared::id::RefundId;
use till_shared::refund::Refund;

/// Selects refunds of a list.
pub type RefundFilter = refunds::RefundFilter;

/// A project's refund.
///
/// # Errors
/// `not-found` if the project has no such refund.
pub async fn get(app: &App, project: &Project, id: &RefundId) -> Result<Refund> {
    let row = app.store.project_refund(&project.id, id).await?;
    let row = row.ok_or_else(|| Error::not_found("refund"))?;
    view(app, project, &row).await
}

/// A page of a project's refunds, the newest first.
///
/// # Errors
/// `invalid-request` if a filter is invalid.
pub async fn list(
    app: &App,
    project: &Project,
    filter: RefundFilter,
    limit: Limit,
) -> Result<Page<Refund>> {
    check_last4(filter.last4.as_deref())?;
    let rows = app
        .store
        .list_refunds(&project.id, &filter, limit.rows())
        .await?;
    let page = Page::new(rows, limit, |row| row.id.to_string());
    let ids: Vec<_> = page.data.iter().map(|row| &row.payment).collect();
    let payments = app.store.project_payments(&project.id, &ids).await?;
    let view = |row: &RefundRow| {
        let payment = payments.iter().find(|payment| payment.id == row.payment);
        let payment = payment.ok_or_else(|| Error::not_found("payment"))?;
        Ok(views::refund(row, payment))
    };
    let data = page.data.iter().map(view).collect::<Result<_>>()?;
    Ok(page.with_data(data))
}

async fn view(app: &App, project: &Project, row: &RefundRow) -> Result<Refund> {
    let payment = app.store.project_payment(&project.id, &row.payment);
    let payment = payment.await?.ok_or_else(|| Error::not_found("payment"))?;
    Ok(views::refund(row, &payment))
}
