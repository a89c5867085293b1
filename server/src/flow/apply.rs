//! The one door for every change of a payment: the answer of a payment system, its webhook, the
//! buyer's return, the reconciler all come through here, so that a late, doubled or lost message
//! cannot matter. One transaction writes payment, invoice and callbacks together.

use super::{App, Result, refund, view};
use crate::connectors::PaymentUpdate;
use crate::domain::payment::{Standing, apply};
use crate::store::Tx;
use crate::store::events::{self, NewEvent};
use crate::store::invoices::{self, InvoiceRow};
use crate::store::payments::{self, PaymentRow};
use crate::store::projects::Project;
use crate::store::refunds::{self, RefundRow};
use crate::{clock, new_id};
use till_shared::event::{Event, EventData, EventType};
use till_shared::id::{EventId, PaymentId, RefundId};
use till_shared::payment::PaymentStatus;
use till_shared::widget::Verification;
use tracing::Span;
use tracing::field::Empty;

/// The first delay before a live payment is asked after, in milliseconds; it doubles each time.
const FIRST_CHECK_MS: i64 = 2_000;
/// The longest delay, in milliseconds.
const LONGEST_CHECK_MS: i64 = 3_600_000;

/// When a live payment is asked after next, counted from now, in milliseconds.
pub fn check_delay(app: &App, status: PaymentStatus, checks: i64) -> i64 {
    let first = match status {
        PaymentStatus::RequiresVerification => FIRST_CHECK_MS * 8,
        _ => FIRST_CHECK_MS,
    };
    let doubled = first << checks.clamp(0, 12);
    (doubled.min(LONGEST_CHECK_MS) / i64::from(app.config.speedup)).max(50)
}

/// Applies what a payment system says of a payment, and gives the payment as it stands then.
/// `None` when there is no such payment.
///
/// # Errors
/// When the store fails; then nothing has changed.
#[tracing::instrument(level = "error", skip_all,
    fields(payment = %id, invoice = Empty, project = Empty, heard = %update.status))]
pub async fn apply_payment_update(
    app: &App,
    id: &PaymentId,
    update: PaymentUpdate,
) -> Result<Option<PaymentRow>> {
    let Some(known) = app.store.payment(id).await? else {
        return Ok(None);
    };
    Span::current()
        .record("invoice", known.invoice.as_str())
        .record("project", known.project.as_str());
    let Some(project) = app.store.project(&known.project).await? else {
        return Ok(None);
    };
    let mut tx = app.store.begin().await?;
    let Some(mut invoice) = invoices::lock(&mut tx, &known.invoice).await? else {
        return Ok(None);
    };
    let Some(mut payment) = payments::get(&mut tx, id).await? else {
        return Ok(None);
    };
    let now = clock::now_ms();
    let told = believable(app, &payment, &update);
    let standing = Standing {
        payment: heard_of(&payment),
        invoice: invoice.status,
        overdue: invoice.expires_at <= now,
    };
    let change = apply(standing, told);
    let learned = learn(&mut payment, &update, told);
    let Some(change) = change else {
        if learned {
            payment.updated_at = now;
            payments::save(&mut tx, &payment).await?;
            invoices::save(&mut tx, &mut invoice).await?;
            tx.commit().await.map_err(anyhow::Error::from)?;
            app.changed(&invoice.id);
        }
        return Ok(Some(payment));
    };

    let before = payment.status;
    payment.status = change.payment;
    payment.decline = if payment.status == PaymentStatus::Declined {
        update.decline
    } else {
        None
    };
    if payment.status.is_live() {
        payment.next_check_at = Some(now + check_delay(app, payment.status, payment.checks));
    } else {
        payment.verification = Verification::None;
        payment.next_check_at = None;
    }
    payment.updated_at = now;
    payments::save(&mut tx, &payment).await?;

    if invoice.status != change.invoice {
        invoice.status = change.invoice;
        invoice.paid_at = invoice.paid_at.or(invoice.status.was_paid().then_some(now));
    }
    if change.refund_duplicate {
        let refund = RefundRow {
            reason: Some("the invoice was paid before".into()),
            duplicate: true,
            ..refund::new_row(&payment, RefundId::from_unique(new_id::unique()), now)
        };
        refunds::insert(&mut tx, &refund).await?;
    }
    let about = About {
        payment: Some(&payment),
        refund: None,
    };
    write_events(app, &mut tx, &project, &mut invoice, about, &change.events).await?;
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.changed(&invoice.id);
    let kind = &payment.connector;
    if payment.status != before {
        app.metrics.payment(kind, payment.status, payment.decline);
    }
    tracing::info!(
        payment = %payment.id, invoice = %invoice.id, project = %project.id, connector = kind,
        from = %before, to = %payment.status, invoice_status = %invoice.status,
        "payment changed"
    );
    Ok(Some(payment))
}

/// The status as far as a payment system has told it. `processing` without a reference is our own word
/// for not knowing: whatever is told first goes on from `created`, or a buyer whose call was never
/// answered would not be led to the verification form.
fn heard_of(payment: &PaymentRow) -> PaymentStatus {
    match payment.status {
        PaymentStatus::Processing if payment.reference.is_none() => PaymentStatus::Created,
        status => status,
    }
}

/// A success over another amount than ours is not believed: the payment is held as `processing`
/// for people to look into.
fn believable(app: &App, payment: &PaymentRow, update: &PaymentUpdate) -> PaymentStatus {
    match update.money {
        Some(money) if money != payment.money && update.status == PaymentStatus::Succeeded => {
            app.metrics.held(&payment.connector);
            tracing::error!(
                ours = %payment.money, theirs = %money,
                "the payment system reports another amount: held"
            );
            PaymentStatus::Processing
        }
        _ => update.status,
    }
}

/// Takes over what we did not know yet: the reference, the card, the verification form.
fn learn(payment: &mut PaymentRow, update: &PaymentUpdate, told: PaymentStatus) -> bool {
    let mut learned = false;
    // The reference that a success brings is the one refunds go by.
    let better = payment.reference.is_none() || told == PaymentStatus::Succeeded;
    if better && update.reference.is_some() && payment.reference != update.reference {
        payment.reference.clone_from(&update.reference);
        learned = true;
    }
    if payment.card.is_none() && update.card.is_some() {
        payment.card.clone_from(&update.card);
        learned = true;
    }
    let shows = payment.verification != Verification::None;
    if payment.status.is_live() && !shows && update.verification != Verification::None {
        payment.verification = update.verification.clone();
        learned = true;
    }
    learned
}

/// What of an invoice a callback is about; the invoice itself where nothing is named.
#[derive(Clone, Copy, Default)]
pub struct About<'a> {
    /// A payment.
    pub payment: Option<&'a PaymentRow>,
    /// A refund of that payment.
    pub refund: Option<&'a RefundRow>,
}

/// Writes callbacks for an invoice, numbered on from its last. The body is the state as it is in
/// this transaction. The caller saves the invoice.
pub async fn write_events(
    app: &App,
    tx: &mut Tx,
    project: &Project,
    invoice: &mut InvoiceRow,
    about: About<'_>,
    kinds: &[EventType],
) -> Result<()> {
    if kinds.is_empty() {
        return Ok(());
    }
    let payments = payments::of_invoice(tx, &invoice.id).await?;
    let now = clock::now_ms();
    for kind in kinds {
        invoice.event_seq += 1;
        let id = EventId::from_unique(new_id::unique());
        let event = Event {
            id: id.clone(),
            r#type: *kind,
            sequence: invoice.event_seq,
            created_at: clock::rfc3339(now),
            project: project.id.clone(),
            data: EventData {
                invoice: Some(view::invoice(app, project, invoice, &payments)),
                payment: about.payment.map(view::payment),
                refund: about
                    .refund
                    .zip(about.payment)
                    .map(|(r, p)| view::refund(r, p)),
            },
        };
        let body = serde_json::to_string(&event).map_err(anyhow::Error::from)?;
        let once = match about {
            About {
                refund: Some(refund),
                ..
            } => format!("{kind} {}", refund.id),
            About {
                payment: Some(payment),
                ..
            } => format!("{kind} {}", payment.id),
            About { .. } => format!("{kind} {}", invoice.id),
        };
        let new = NewEvent {
            id: &id,
            project: &project.id,
            invoice: Some(&invoice.id),
            sequence: invoice.event_seq,
            kind: *kind,
            body: &body,
            about: &once,
            now,
        };
        events::insert(tx, &new).await?;
    }
    Ok(())
}
