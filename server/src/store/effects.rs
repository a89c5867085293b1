//! What a transaction has happen in this server and others once it is committed.

use super::due::{Due, Reservation};
use super::notify::Notifications;
use super::pending_event::PendingEvent;
use till_shared::id::{InvoiceId, ProjectId};

/// The effects of a transaction.
#[derive(Default)]
pub(super) struct Effects {
    changed: Vec<InvoiceId>,
    made_due: Vec<ProjectId>,
    claimed: Vec<(Reservation, Vec<PendingEvent>)>,
}

impl Effects {
    /// Tells other servers that an invoice changed.
    pub(super) fn changed(&mut self, invoice: &InvoiceId) {
        self.changed.push(invoice.clone());
    }

    /// Tells the worker that delivers callbacks that some of a project are due.
    pub(super) fn made_due(&mut self, project: &ProjectId) {
        self.made_due.push(project.clone());
    }

    /// Hands callbacks to the worker.
    pub(super) fn claimed(&mut self, reservation: Reservation, events: Vec<PendingEvent>) {
        self.claimed.push((reservation, events));
    }

    /// Has them happen.
    pub(super) fn happen(self, due: &Due, notifications: Option<&Notifications>) {
        due.add(self.made_due);
        for (reservation, events) in self.claimed {
            reservation.deliver(events);
        }
        for invoice in self.changed {
            if let Some(notifications) = notifications {
                notifications.changed(invoice);
            }
        }
    }
}
