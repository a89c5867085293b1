//! The one way a payment's status changes: the payment system's answer, its webhook, the buyer's
//! return and the reconciler all call [`apply_payment_update`], so that late, repeated or lost
//! messages have no effect. One transaction writes the payment, the invoice and the callbacks.

use super::change::{Changed, change_invoice, counting, decide, report};
use super::details;
use crate::app::App;
use crate::clock;
use crate::connectors::{CallError, PaymentUpdate};
use crate::flow::audit::{self, Actor};
use crate::flow::error::{Error, Result};
use crate::flow::outbox::{Subject, events_of, write_events, write_events_with};
use crate::flow::refunds::pending_refund;
use crate::new_id;
use crate::store::Tx;
use crate::store::invoices::{self, InvoiceRow};
use crate::store::payment_attempts;
use crate::store::payments::{self, PaymentRow, PaymentToChange, Reported};
use crate::store::projects::Project;
use crate::store::refunds::{self, RefundRow};
use serde_json::{Value, json};
use std::slice;
use till_shared::event::EventType;
use till_shared::id::{InvoiceId, PaymentId, RefundId};
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::PaymentStatus;
use till_shared::problem::ProblemType;
use till_shared::refund::RefundSource;

/// Applies what a payment system reports about a payment, and returns the payment afterwards.
/// `None` if there is no such payment.
///
/// # Errors
/// When the store fails. Nothing has changed then.
pub async fn apply_payment_update(
    app: &App,
    id: &PaymentId,
    update: PaymentUpdate,
) -> Result<Option<PaymentRow>> {
    match app.store.payment_to_change(id).await? {
        Some(known) => apply_to(app, known, update).await,
        None => Ok(None),
    }
}

/// Like [`apply_payment_update`], for a payment as it was known before.
///
/// # Errors
/// When the store fails. Nothing has changed then.
pub async fn apply_to(
    app: &App,
    known: PaymentToChange,
    update: PaymentUpdate,
) -> Result<Option<PaymentRow>> {
    apply_audited(app, known, update, None).await
}

/// An operator's decision about a payment.
pub(super) struct Decision<'a> {
    /// Who decides.
    pub by: &'a Actor,
    /// The particulars, for the audit log.
    pub detail: Value,
}

/// Like [`apply_to`], for an operator's decision, which the audit log records.
#[tracing::instrument(name = "apply_payment_update", level = "error", skip_all,
    fields(payment = %known.payment.id, invoice = %known.payment.invoice,
        project = %known.payment.project, incoming = %update.status))]
pub(super) async fn apply_audited(
    app: &App,
    known: PaymentToChange,
    update: PaymentUpdate,
    decision: Option<Decision<'_>>,
) -> Result<Option<PaymentRow>> {
    if details::is_known(&known.payment, &update) {
        return Ok(Some(known.payment));
    }
    let project = app
        .projects
        .of_version(&known.payment.project, known.project_version);
    let Some(project) = project.await? else {
        return Ok(None);
    };
    if decision.is_none()
        && app.store.saves_reports()
        && let Some(payment) = apply_unlocked(app, &project, &known, &update).await?
    {
        return Ok(Some(payment));
    }
    let mut tx = app.store.begin().await?;
    let Some((mut invoice, others)) = lock_order_of(&mut tx, &known).await? else {
        return Ok(None);
    };
    let mut payments = payments::of_invoice(&mut tx, &invoice.id).await?;
    let Some(own) = payments
        .iter()
        .position(|payment| payment.id == known.payment.id)
    else {
        return Ok(None);
    };
    let before = payments[own].clone();
    if details::is_taken(&mut tx, &before, &update).await? {
        tracing::error!("the payment system's payment pays another payment: the report is ignored");
        return Ok(Some(before));
    }
    let now = clock::now_ms();
    let order_paid = others.iter().any(|other| other.status.was_paid());
    let Some(changed) = decide(app, &invoice, order_paid, &before, update, now) else {
        return Ok(Some(before));
    };
    let Changed { payment, change } = changed;
    payments::save(&mut tx, &payment).await?;
    if let Some((attempt, counting)) = counting(&project, &payment, before.status) {
        payment_attempts::count(&mut tx, attempt, counting, now).await?;
    }
    payments[own].clone_from(&payment);
    let mut ended = vec![];
    if let Some(change) = &change {
        change_invoice(&mut invoice, change, now);
        if change.refund_duplicate {
            refund_duplicate(&mut tx, &payment).await?;
        }
        let subject = Subject::Payment(&payment);
        let of_payment = (&mut invoice, payments.as_slice());
        write_events_with(app, &mut tx, &project, of_payment, subject, &change.events).await?;
        if change.call_off_others {
            let others = (payments.as_slice(), others);
            ended = call_off_others(app, &mut tx, &project, &payment, others).await?;
        }
    }
    invoices::save(&mut tx, &mut invoice).await?;
    if let Some(Decision { by, detail }) = decision {
        let reference = payment.reference.as_ref().map(|reference| &reference.id);
        let change = audit::Change {
            action: "payment.resolve",
            project: Some(&payment.project),
            subject: payment.id.to_string(),
            before: Some(json!({ "status": before.status })),
            after: Some(json!({ "status": payment.status, "reference": reference })),
            detail,
        };
        audit::append(&mut tx, by, change).await?;
    }
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.invoice_changed(&invoice.id);
    ended.iter().for_each(|id| app.invoice_changed(id));
    if change.is_some() {
        report(app, &invoice, &payment, before.status);
    }
    Ok(Some(payment))
}

/// Applies a report without a lock, if nothing has happened to the invoice since the payment was read. Returns the
/// payment afterwards; `None` if something has, or if there are others that the report may affect: nothing has changed
/// then.
async fn apply_unlocked(
    app: &App,
    project: &Project,
    known: &PaymentToChange,
    update: &PaymentUpdate,
) -> Result<Option<PaymentRow>> {
    let before = &known.payment;
    if update.status == PaymentStatus::Succeeded && update.money != Some(before.money) {
        return Ok(None);
    }
    let invoice = match &known.invoice {
        Some(invoice) => Some(invoice.clone()),
        None => app.store.invoice(&before.invoice).await?,
    };
    let Some(mut invoice) = invoice.filter(|invoice| invoice.version == known.invoice_version)
    else {
        return Ok(None);
    };
    let now = clock::now_ms();
    let Some(changed) = decide(app, &invoice, false, before, update.clone(), now) else {
        return Ok(None);
    };
    let Changed { payment, change } = changed;
    let mut events = vec![];
    if let Some(change) = &change {
        if change.refund_duplicate {
            return Ok(None);
        }
        change_invoice(&mut invoice, change, now);
        let subject = Subject::Payment(&payment);
        let of_payment = (&mut invoice, slice::from_ref(&payment));
        events = events_of(app, project, of_payment, subject, &change.events)?;
    }
    let reported = Reported {
        invoice: &invoice,
        payment: &payment,
        new_reference: details::new_reference(before, update),
        attempt: counting(project, &payment, before.status),
        events: &events,
    };
    if !app.store.save_report(reported).await? {
        return Ok(None);
    }
    app.invoice_changed(&invoice.id);
    if change.is_some() {
        report(app, &invoice, &payment, before.status);
    }
    Ok(Some(payment))
}

/// Locks an invoice and every other one of the same order, always in the same order.
async fn lock_order_of(
    tx: &mut Tx,
    known: &PaymentToChange,
) -> Result<Option<(InvoiceRow, Vec<InvoiceRow>)>> {
    let PaymentRow {
        project, invoice, ..
    } = &known.payment;
    let mut all = invoices::lock_order(tx, project, &known.order_id).await?;
    let own = all.iter().position(|one| one.id == *invoice);
    Ok(own.map(|own| (all.remove(own), all)))
}

/// Ends every other attempt to pay an order that was just paid: live payments are canceled at their
/// payment system, and an open invoice of the same order is canceled. Returns the ids of the other
/// invoices.
async fn call_off_others(
    app: &App,
    tx: &mut Tx,
    project: &Project,
    paid: &PaymentRow,
    (payments, others): (&[PaymentRow], Vec<InvoiceRow>),
) -> Result<Vec<InvoiceId>> {
    let now = paid.updated_at;
    if payments.iter().any(|payment| payment.status.is_live()) {
        payments::call_off(tx, &paid.invoice, &paid.id, now).await?;
    }
    let mut ended = vec![];
    for mut other in others {
        payments::call_off(tx, &other.id, &paid.id, now).await?;
        if other.status == InvoiceStatus::Open {
            other.status = InvoiceStatus::Canceled;
            other.ended_at = Some(now);
            let events = [EventType::InvoiceCanceled];
            write_events(app, tx, project, &mut other, Subject::Invoice, &events).await?;
            invoices::save(tx, &mut other).await?;
        }
        ended.push(other.id);
    }
    Ok(ended)
}

/// Applies the payment system's answer to a call about a payment. An answer without an update
/// leaves the payment unchanged.
///
/// # Errors
/// `unavailable` when the call failed; the payment is unchanged. Also when the store fails.
pub async fn apply_response(
    app: &App,
    payment: &PaymentRow,
    response: std::result::Result<Option<PaymentUpdate>, CallError>,
) -> Result<PaymentRow> {
    let update = response.map_err(|error| {
        tracing::warn!(%error, "the payment system did not report the payment's status");
        Error::problem(
            ProblemType::Unavailable,
            "The payment system is not available. Try again in a moment.",
        )
    })?;
    let Some(update) = update else {
        return Ok(payment.clone());
    };
    let applied = apply_payment_update(app, &payment.id, update).await?;
    Ok(applied.unwrap_or_else(|| payment.clone()))
}

/// Refunds a payment of an order that was paid before.
async fn refund_duplicate(tx: &mut Tx, payment: &PaymentRow) -> Result<()> {
    let id = RefundId::from_unique(new_id::unique());
    let refund = RefundRow {
        reason: Some("the order was paid before".into()),
        source: RefundSource::Duplicate,
        ..pending_refund(payment, id, payment.updated_at)
    };
    Ok(refunds::insert(tx, &refund).await?)
}
