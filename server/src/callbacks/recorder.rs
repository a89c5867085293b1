//! Records the attempts to deliver callbacks. Those that end at about the same time share one transaction.

use super::in_flight::Delivery;
use super::outbox::Outbox;
use crate::store::event_attempts::Attempted;
use std::sync::Arc;
use tokio::sync::mpsc::Receiver;

/// The most attempts in one transaction.
const BATCH: usize = 64;

/// Records attempts until there are no more senders. Each counts as in flight until then. An attempt that can't
/// be recorded is made again once its lease is over.
pub async fn run(outbox: Arc<Outbox>, mut ended: Receiver<(Attempted, Delivery)>) {
    let mut batch = Vec::with_capacity(BATCH);
    while ended.recv_many(&mut batch, BATCH).await > 0 {
        let attempts: Vec<_> = batch.iter().map(|(attempted, _)| attempted).collect();
        if outbox.store.record_attempts(&attempts).await.is_err() {
            record_each(&outbox, &attempts).await;
        }
        batch.clear();
        // The invoices' next callbacks may be due now.
        outbox.wake.notify_one();
    }
}

/// Records attempts one by one, so that one that the database refuses affects no other.
async fn record_each(outbox: &Outbox, attempts: &[&Attempted]) {
    for one in attempts {
        if let Err(error) = outbox.store.record_attempts(&[*one]).await {
            tracing::error!(
                event = %one.event, %error,
                "an attempt could not be recorded: it is made again"
            );
        }
    }
}
