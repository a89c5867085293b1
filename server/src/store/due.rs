//! What there is to do for this server's worker: callbacks that were claimed when they were written, and projects
//! that have others due.

use super::in_flight::{Delivery, InFlight};
use super::pending_event::PendingEvent;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use till_shared::id::ProjectId;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long a claimed callback is not claimed again, in milliseconds: longer than an attempt takes.
pub const LEASE_MS: i64 = 20_000;

/// A claimed callback.
pub struct Claimed {
    /// The callback, and then those of its invoice that wait for it only, in order. No other server claims them
    /// before it is recorded that this one was delivered, or before its lease is over.
    pub events: Vec<PendingEvent>,
    /// Its delivery in flight.
    pub delivery: Delivery,
}

/// Tells the worker that delivers callbacks what there is to do.
#[derive(Clone, Default)]
pub struct Due(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Each project once until it is taken.
    projects: Mutex<BTreeSet<ProjectId>>,
    added: Notify,
    in_flight: InFlight,
    /// `None` while no worker runs.
    worker: Mutex<Option<UnboundedSender<Claimed>>>,
}

/// A delivery that the worker starts once its callback is committed.
pub struct Reservation {
    delivery: Delivery,
    worker: UnboundedSender<Claimed>,
}

impl Reservation {
    /// Hands the callback to the worker, with those that wait for it only.
    pub fn deliver(self, events: Vec<PendingEvent>) {
        let delivery = self.delivery;
        // A worker that is gone leaves it to the next server, once the lease is over.
        let _ = self.worker.send(Claimed { events, delivery });
    }
}

impl Due {
    /// The deliveries in flight.
    pub fn in_flight(&self) -> &InFlight {
        &self.0.in_flight
    }

    /// Returns what is claimed from now on, until [`close`](Self::close). What has been reserved by then still
    /// arrives.
    pub fn open(&self) -> UnboundedReceiver<Claimed> {
        let (sender, receiver) = unbounded_channel();
        *lock(&self.0.worker) = Some(sender);
        receiver
    }

    /// Has no more callbacks claimed for the worker.
    pub fn close(&self) {
        *lock(&self.0.worker) = None;
    }

    /// Reserves a delivery for a callback that is about to be inserted. `None` if its project may have no more of
    /// them now, or no worker runs.
    pub fn reserve(&self, project: &ProjectId) -> Option<Reservation> {
        let worker = lock(&self.0.worker).clone()?;
        let delivery = self.0.in_flight.try_start(project)?;
        Some(Reservation { delivery, worker })
    }

    /// Adds projects.
    pub fn add(&self, projects: impl IntoIterator<Item = ProjectId>) {
        let mut known = lock(&self.0.projects);
        let before = known.len();
        known.extend(projects);
        if known.len() > before {
            self.0.added.notify_one();
        }
    }

    /// Waits for projects and takes them.
    pub async fn take(&self) -> BTreeSet<ProjectId> {
        loop {
            let projects = std::mem::take(&mut *lock(&self.0.projects));
            if !projects.is_empty() {
                return projects;
            }
            self.0.added.notified().await;
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::in_flight::FIRST_LIMIT;
    use futures::FutureExt;
    use till_shared::id::EventId;

    #[tokio::test]
    async fn a_project_is_taken_once() {
        let due = Due::default();
        let [one, other] = [1, 2].map(ProjectId::from_unique);
        assert!(due.take().now_or_never().is_none());
        due.add([one.clone()]);
        due.add([other.clone(), one.clone()]);
        assert_eq!(due.take().await, BTreeSet::from([one, other]));
        assert!(due.take().now_or_never().is_none());
    }

    #[tokio::test]
    async fn what_is_reserved_arrives_although_the_worker_ends() {
        let due = Due::default();
        let project = ProjectId::from_unique(1);
        assert!(due.reserve(&project).is_none(), "no worker runs");
        let mut claimed = due.open();
        let committed = due.reserve(&project).unwrap();
        let rolled_back = due.reserve(&project).unwrap();
        due.close();
        assert!(due.reserve(&project).is_none(), "the worker ends");
        drop(rolled_back);
        committed.deliver(vec![PendingEvent {
            id: EventId::from_unique(1),
            project: project.clone(),
            invoice: None,
            sequence: 0,
            body: "{}".into(),
            attempts: 0,
            resent_after: 0,
            project_version: 1,
        }]);
        let delivery = claimed.recv().await.unwrap();
        assert_eq!(due.in_flight().free(&project), FIRST_LIMIT - 1);
        assert!(claimed.recv().await.is_none());
        drop(delivery);
        assert_eq!(due.in_flight().free(&project), FIRST_LIMIT);
    }
}
