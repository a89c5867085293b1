//! The outbox: callbacks are written as rows in the transaction of the change they report, and
//! delivered afterwards by `callbacks`.

use super::error::Result;
use crate::app::App;
use crate::store::Tx;
use crate::store::disputes::DisputeRow;
use crate::store::events::{self, NewEvent};
use crate::store::invoices::InvoiceRow;
use crate::store::payments::{self, PaymentRow};
use crate::store::projects::Project;
use crate::store::refunds::RefundRow;
use crate::{clock, new_id, views};
use till_shared::event::{Event, EventData, EventType};
use till_shared::id::EventId;

/// What an event reports.
#[derive(Clone, Copy)]
pub enum Subject<'a> {
    /// The invoice itself.
    Invoice,
    /// A payment of the invoice.
    Payment(&'a PaymentRow),
    /// A refund of that payment.
    Refund(&'a RefundRow, &'a PaymentRow),
    /// A reversal of that payment, by the payment system's id.
    Reversal(&'a PaymentRow, &'a str),
    /// A dispute of that payment.
    Dispute(&'a DisputeRow, &'a PaymentRow),
}

impl Subject<'_> {
    /// The objects of the event, besides the invoice.
    fn data(&self) -> EventData {
        let payment = match self {
            Self::Invoice => None,
            Self::Payment(payment)
            | Self::Refund(_, payment)
            | Self::Reversal(payment, _)
            | Self::Dispute(_, payment) => Some(views::payment(payment)),
        };
        let refund = match self {
            Self::Refund(refund, payment) => Some(views::refund(refund, payment)),
            _ => None,
        };
        let dispute = match self {
            Self::Dispute(dispute, payment) => Some(views::dispute(dispute, payment)),
            _ => None,
        };
        EventData {
            invoice: None,
            payment,
            refund,
            dispute,
        }
    }

    /// What makes the transition unique, with the event's type. A dispute may be updated and decided
    /// more than once.
    fn transition(&self, invoice: &InvoiceRow) -> String {
        match self {
            Self::Invoice => invoice.id.to_string(),
            Self::Payment(payment) => payment.id.to_string(),
            Self::Refund(refund, _) => refund.id.to_string(),
            Self::Reversal(payment, reference) => format!("{} {reference}", payment.id),
            Self::Dispute(dispute, _) => {
                format!("{} {} {}", dispute.id, dispute.status, dispute.updated_at)
            }
        }
    }
}

/// Writes callbacks of the types that the project wants for an invoice, with the next sequence
/// numbers. The body is the state as this transaction sees it. The caller saves the invoice.
///
/// # Errors
/// When the store fails.
pub async fn write_events(
    app: &App,
    tx: &mut Tx,
    project: &Project,
    invoice: &mut InvoiceRow,
    subject: Subject<'_>,
    kinds: &[EventType],
) -> Result<()> {
    if !kinds.iter().any(|kind| project.settings.wants(*kind)) {
        return Ok(());
    }
    let payments = payments::of_invoice(tx, &invoice.id).await?;
    write_events_with(app, tx, project, (invoice, &payments), subject, kinds).await
}

/// As [`write_events`], for a caller that has the payments of the invoice as this transaction sees them.
///
/// # Errors
/// When the store fails.
pub async fn write_events_with(
    app: &App,
    tx: &mut Tx,
    project: &Project,
    of_invoice: (&mut InvoiceRow, &[PaymentRow]),
    subject: Subject<'_>,
    kinds: &[EventType],
) -> Result<()> {
    let new = events_of(app, project, of_invoice, subject, kinds)?;
    Ok(events::insert(tx, &new).await?)
}

/// Returns the callbacks of the types that the project wants for an invoice, with the next sequence numbers.
///
/// # Errors
/// When a callback can't be written as JSON.
pub fn events_of(
    app: &App,
    project: &Project,
    (invoice, payments): (&mut InvoiceRow, &[PaymentRow]),
    subject: Subject<'_>,
    kinds: &[EventType],
) -> Result<Vec<NewEvent>> {
    let transition = subject.transition(invoice);
    let now = clock::now_ms();
    let mut new = vec![];
    for kind in kinds.iter().filter(|kind| project.settings.wants(**kind)) {
        invoice.event_seq += 1;
        let id = EventId::from_unique(new_id::unique());
        let event = Event {
            id: id.clone(),
            r#type: *kind,
            sequence: invoice.event_seq,
            created_at: clock::rfc3339(now),
            project: project.id.clone(),
            data: EventData {
                invoice: Some(views::invoice(app, project, invoice, payments)),
                ..subject.data()
            },
        };
        new.push(NewEvent {
            id,
            project: project.id.clone(),
            project_version: project.version,
            invoice: Some(invoice.id.clone()),
            sequence: invoice.event_seq,
            kind: *kind,
            body: serde_json::to_string(&event).map_err(anyhow::Error::from)?,
            about: format!("{kind} {transition}"),
            now,
            due: new.is_empty(),
        });
    }
    Ok(new)
}
