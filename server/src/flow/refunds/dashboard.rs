//! Refunds that were made in a payment system's dashboard: taken over, told and counted.

use super::outcome::{Of, apply_locked};
use super::request::pending_refund;
use crate::app::App;
use crate::connectors::{DashboardRefund, RefundOutcome};
use crate::flow::error::Result;
use crate::store::invoices;
use crate::store::payments::PaymentRow;
use crate::store::refunds::{self, RefundRow};
use crate::{clock, new_id};
use till_shared::id::RefundId;
use till_shared::refund::{RefundSource, RefundStatus};

/// Takes over a refund that this server did not request, or applies what is new about it.
///
/// # Errors
/// When the store fails. Nothing has changed then.
pub async fn apply_dashboard_refund(
    app: &App,
    payment: &PaymentRow,
    report: DashboardRefund,
) -> Result<()> {
    let Some(project) = app.store.project(&payment.project).await? else {
        return Ok(());
    };
    let mut tx = app.store.begin().await?;
    let Some(invoice) = invoices::lock(&mut tx, &payment.invoice).await? else {
        return Ok(());
    };
    let known = refunds::by_reference(&mut tx, &payment.id, &report.reference).await?;
    let refund = match known {
        Some(known) => known,
        None => {
            let Some(new) = taken_over(payment, &report) else {
                return Ok(());
            };
            refunds::insert(&mut tx, &new).await?;
            if new.status == RefundStatus::Failed {
                // The project was not told of it: there is nothing to take back.
                tx.commit().await.map_err(anyhow::Error::from)?;
                return Ok(());
            }
            new
        }
    };
    let of = Of {
        project: &project,
        payment,
    };
    apply_locked(app, tx, invoice, of, refund, report.outcome).await?;
    Ok(())
}

/// The refund to insert; `None` if there is nothing to take over. One that failed is inserted as well:
/// an older report of its success may still arrive.
fn taken_over(payment: &PaymentRow, report: &DashboardRefund) -> Option<RefundRow> {
    let same_currency = report
        .money
        .filter(|m| m.currency == payment.money.currency);
    let Some(money) = same_currency.filter(|money| money.amount > 0) else {
        tracing::error!(
            payment = %payment.id, reference = report.reference,
            "a refund made in the dashboard has an amount that cannot be read"
        );
        return None;
    };
    let id = RefundId::from_unique(new_id::unique());
    Some(RefundRow {
        amount: money.amount,
        reference: Some(report.reference.clone()),
        source: RefundSource::PaymentSystem,
        status: match report.outcome {
            RefundOutcome::Failed(_) => RefundStatus::Failed,
            RefundOutcome::Pending(_) | RefundOutcome::Succeeded(_) => RefundStatus::Pending,
        },
        next_attempt_at: None,
        ..pending_refund(payment, id, clock::now_ms())
    })
}
