//! A project requests a refund.

use super::submit::submit_refund;
use crate::app::App;
use crate::connectors;
use crate::flow::audit::{self, Actor, Change};
use crate::flow::detached::Detached;
use crate::flow::error::{Error, Result};
use crate::store::invoices;
use crate::store::payments::{self, PaymentRow};
use crate::store::projects::Project;
use crate::store::refunds::{self, RefundRow};
use crate::{clock, views};
use serde_json::json;
use till_shared::id::{PaymentId, RefundId};
use till_shared::payment::PaymentStatus;
use till_shared::problem::ProblemType;
use till_shared::refund::{Refund, RefundSource, RefundStatus};
use till_shared::text::{Layout, check_shown};

/// The longest reason, in characters.
const MAX_REASON: usize = 500;

/// A refund as a project requests it.
pub struct RefundRequest {
    /// Minor units; the rest of the payment where absent.
    pub amount: Option<i64>,
    /// The reason, in the project's words.
    pub reason: Option<String>,
}

/// Refunds a payment in full or in part, and returns the refund after the payment system was called
/// once. The audit log records who requested it. If a refund with this id exists, it was created by an earlier attempt of the same call, and
/// is continued.
///
/// # Errors
/// When there is no such payment, it did not succeed, its payment system supports no refunds, or the
/// amount exceeds what is left. Nothing has changed then.
pub async fn refund_payment(
    detached: &Detached,
    app: &App,
    by: &Actor,
    project: &Project,
    payment: &PaymentId,
    id: RefundId,
    request: RefundRequest,
) -> Result<Refund> {
    let payment = app.store.project_payment(&project.id, payment).await?;
    let payment = payment.ok_or_else(|| Error::not_found("payment"))?;
    check_refundable(&payment)?;
    let refund = insert_pending(app, by, &payment, id, request).await?;
    if refund.status == RefundStatus::Pending {
        submit_refund(detached, app, &refund).await?;
    }
    let updated = app.store.refund(&refund.id).await?;
    Ok(views::refund(&updated.unwrap_or(refund), &payment))
}

fn check_refundable(payment: &PaymentRow) -> Result<()> {
    if payment.status != PaymentStatus::Succeeded {
        return Err(Error::problem(
            ProblemType::NotRefundable,
            format!(
                "The payment is {}: only a succeeded payment can be refunded.",
                payment.status
            ),
        ));
    }
    let connector = connectors::by_kind(&payment.connector);
    if !connector.is_some_and(|c| c.capabilities().refunds) {
        return Err(Error::problem(
            ProblemType::NotRefundable,
            "The payment system of this payment does not support refunds.",
        ));
    }
    Ok(())
}

/// Inserts the refund before the payment system is called. Returns the one with this id if it
/// exists.
async fn insert_pending(
    app: &App,
    by: &Actor,
    payment: &PaymentRow,
    id: RefundId,
    request: RefundRequest,
) -> Result<RefundRow> {
    let checked = request
        .reason
        .as_deref()
        .map(|reason| check_shown(reason, Layout::Line, MAX_REASON));
    if let Some(Err(error)) = checked {
        return Err(Error::field("reason", error.code(), error.to_string()));
    }
    let mut tx = app.store.begin().await?;
    invoices::lock(&mut tx, &payment.invoice).await?;
    if let Some(known) = refunds::get(&mut tx, &id).await? {
        return Ok(known);
    }
    let reversed = payments::get(&mut tx, &payment.id).await?;
    let reversed = reversed.map_or(0, |payment| payment.amount_reversed);
    let claimed = refunds::claimed(&mut tx, &payment.id).await?;
    let rest = payment.money.amount - reversed - claimed;
    let amount = request.amount.unwrap_or(rest);
    if rest <= 0 {
        return Err(Error::problem(
            ProblemType::NotRefundable,
            "The payment is already refunded in full, or about to be, or was taken back.",
        ));
    }
    if !(1..=rest).contains(&amount) {
        let message =
            format!("must be from 1 to {rest} minor units, which is what is left, not {amount}");
        return Err(Error::field("amount", "out_of_range", message));
    }
    let now = clock::now_ms();
    let refund = RefundRow {
        amount,
        reason: request.reason,
        // If this process dies before the answer, the background job retries once the call has timed
        // out.
        next_attempt_at: Some(now + app.call_lease_ms()),
        ..pending_refund(payment, id, now)
    };
    refunds::insert(&mut tx, &refund).await?;
    // The reason may name the buyer.
    let change = Change {
        action: "refund.create",
        project: Some(&payment.project),
        subject: refund.id.to_string(),
        before: Some(json!({ "refunds_of_payment": claimed })),
        after: Some(json!({ "refunds_of_payment": claimed + amount })),
        detail: json!({
            "payment": payment.id, "amount": amount, "currency": payment.money.currency,
        }),
    };
    audit::append(&mut tx, by, change).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    Ok(refund)
}

/// A refund of a whole payment, due now.
pub fn pending_refund(payment: &PaymentRow, id: RefundId, now: i64) -> RefundRow {
    RefundRow {
        id,
        payment: payment.id.clone(),
        project: payment.project.clone(),
        amount: payment.money.amount,
        reason: None,
        status: RefundStatus::Pending,
        reference: None,
        source: RefundSource::Project,
        sent: false,
        attempts: 0,
        next_attempt_at: Some(now),
        created_at: now,
        updated_at: now,
    }
}
