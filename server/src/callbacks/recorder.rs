//! Records the attempts to deliver callbacks. Those that end at about the same time share one transaction.

use super::outbox::Outbox;
use crate::clock;
use crate::store::due::{Claimed, LEASE_MS};
use crate::store::event_attempts::{Attempted, Recorded};
use crate::store::in_flight::Delivery;
use crate::store::pending_event::PendingEvent;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::mpsc::{Receiver, UnboundedSender};

/// The most deliveries whose attempts are recorded in one transaction.
const BATCH: usize = 64;

/// A delivery that has ended: its attempts, each of another callback.
pub type Ended = (Vec<Attempted>, Delivery);

/// Records attempts until there are no more senders. Each counts as in flight until then. An attempt that can't
/// be recorded is made again once its lease is over. `next` receives the invoices' next callbacks, which are
/// claimed in the same transaction.
pub async fn run(outbox: Arc<Outbox>, mut ended: Receiver<Ended>, next: UnboundedSender<Claimed>) {
    let mut batch = Vec::with_capacity(BATCH);
    while ended.recv_many(&mut batch, BATCH).await > 0 {
        let (attempts, deliveries): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let attempts = attempts.concat();
        let due = outbox.store.due();
        for event in record(&outbox, &attempts).await {
            let delivery = due.in_flight().start(&event.project);
            let events = vec![event];
            // A worker that has ended leaves it to the next server, once the lease is over.
            let _ = next.send(Claimed { events, delivery });
        }
        let with_more: BTreeSet<_> = deliveries
            .iter()
            .filter_map(Delivery::project_with_more)
            .collect();
        drop(deliveries);
        due.add(with_more);
    }
}

/// Returns the callbacks that are claimed.
async fn record(outbox: &Outbox, attempts: &[Attempted]) -> Vec<PendingEvent> {
    let now = clock::now_ms();
    let lease_until = (!outbox.shutdown.is_cancelled()).then_some(now + LEASE_MS);
    let recorded = outbox.store.record_attempts(attempts, now, lease_until);
    // One that the database refuses affects no other.
    let Recorded { skipped, mut next } = recorded.await.unwrap_or_else(|_| Recorded {
        skipped: attempts.iter().collect(),
        next: vec![],
    });
    for one in skipped {
        match outbox.store.record_attempt(one, now, lease_until).await {
            Ok(claimed) => next.extend(claimed),
            Err(error) => tracing::error!(
                event = %one.event, %error,
                "an attempt could not be recorded: it is made again"
            ),
        }
    }
    next
}
