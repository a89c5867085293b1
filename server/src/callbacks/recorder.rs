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
        let (attempts, deliveries): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
        let remaining = outbox.store.record_attempts(&attempts).await;
        // One that the database refuses affects no other.
        for one in remaining.unwrap_or_else(|_| attempts.iter().collect()) {
            if let Err(error) = outbox.store.record_attempt(one).await {
                tracing::error!(
                    event = %one.event, %error,
                    "an attempt could not be recorded: it is made again"
                );
            }
        }
        drop(deliveries);
        // The invoices' next callbacks may be due now.
        outbox.wake.notify_one();
    }
}
