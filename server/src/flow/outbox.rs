//! The outbox: callbacks are written as rows in the transaction of the change they report, and
//! delivered afterwards by `callbacks`.

use super::error::Result;
use crate::app::App;
use crate::store::Tx;
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
}

/// Writes callbacks for an invoice, with the next sequence numbers. The body is the state as this
/// transaction sees it. The caller saves the invoice.
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
    if kinds.is_empty() {
        return Ok(());
    }
    let payments = payments::of_invoice(tx, &invoice.id).await?;
    let (payment, refund) = match subject {
        Subject::Invoice => (None, None),
        Subject::Payment(payment) => (Some(payment), None),
        Subject::Refund(refund, payment) => (Some(payment), Some(views::refund(refund, payment))),
    };
    let payment = payment.map(views::payment);
    let subject_id = match subject {
        Subject::Invoice => invoice.id.to_string(),
        Subject::Payment(payment) => payment.id.to_string(),
        Subject::Refund(refund, _) => refund.id.to_string(),
    };
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
                invoice: Some(views::invoice(app, project, invoice, &payments)),
                payment: payment.clone(),
                refund: refund.clone(),
            },
        };
        let body = serde_json::to_string(&event).map_err(anyhow::Error::from)?;
        let new = NewEvent {
            id: &id,
            project: &project.id,
            invoice: Some(&invoice.id),
            sequence: invoice.event_seq,
            kind: *kind,
            body: &body,
            about: &format!("{kind} {subject_id}"),
            now,
        };
        events::insert(tx, &new).await?;
    }
    Ok(())
}
