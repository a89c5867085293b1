//! Who waits for changes of which invoice.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use till_shared::id::InvoiceId;
use tokio::sync::watch::{Receiver, Sender};

/// The invoices that somebody follows, each with its version when it was last polled.
type Followed = Arc<Mutex<HashMap<InvoiceId, Sender<i64>>>>;

/// The subscriptions to changes of invoices.
#[derive(Clone, Default)]
pub struct Subscriptions {
    followed: Followed,
}

/// A subscription to the changes of one invoice, until it is dropped.
pub struct Subscription {
    invoice: InvoiceId,
    changes: Receiver<i64>,
    followed: Followed,
}

impl Subscriptions {
    /// Subscribes to the changes of an invoice.
    pub fn subscribe(&self, invoice: &InvoiceId) -> Subscription {
        let mut followed = lock(&self.followed);
        let changes = followed.entry(invoice.clone()).or_default().subscribe();
        Subscription {
            invoice: invoice.clone(),
            changes,
            followed: self.followed.clone(),
        }
    }

    /// Wakes the subscribers of an invoice that changed.
    pub fn changed(&self, invoice: &InvoiceId) {
        if let Some(sender) = lock(&self.followed).get(invoice) {
            sender.send_modify(|_| {});
        }
    }

    /// Returns the invoices that have subscribers.
    pub fn invoices(&self) -> Vec<InvoiceId> {
        lock(&self.followed).keys().cloned().collect()
    }

    /// Wakes the subscribers of the invoices whose version is another one than when they were last polled.
    pub fn polled(&self, versions: Vec<(InvoiceId, i64)>) {
        let followed = lock(&self.followed);
        for (invoice, version) in versions {
            if let Some(sender) = followed.get(&invoice) {
                sender.send_if_modified(|known| std::mem::replace(known, version) != version);
            }
        }
    }
}

impl Subscription {
    /// Waits until the invoice may have changed.
    pub async fn changed(&mut self) {
        // The sender lives for as long as there are receivers.
        let _ = self.changes.changed().await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut followed = lock(&self.followed);
        if followed
            .get(&self.invoice)
            .is_some_and(|sender| sender.receiver_count() == 1)
        {
            followed.remove(&self.invoice);
        }
    }
}

fn lock(
    followed: &Mutex<HashMap<InvoiceId, Sender<i64>>>,
) -> MutexGuard<'_, HashMap<InvoiceId, Sender<i64>>> {
    followed.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn is_woken(subscription: &mut Subscription) -> bool {
        subscription.changed().now_or_never().is_some()
    }

    #[test]
    fn only_the_subscribers_of_the_invoice_are_woken() {
        let subscriptions = Subscriptions::default();
        let (one, other) = (InvoiceId::from_unique(1), InvoiceId::from_unique(2));
        let mut of_one = [(); 2].map(|()| subscriptions.subscribe(&one));
        let mut of_other = subscriptions.subscribe(&other);
        subscriptions.changed(&one);
        assert!(of_one.iter_mut().all(is_woken) && !is_woken(&mut of_other));
        assert!(!of_one.iter_mut().any(is_woken));
    }

    #[test]
    fn a_version_that_was_polled_before_wakes_nobody() {
        let subscriptions = Subscriptions::default();
        let invoice = InvoiceId::from_unique(1);
        let mut subscription = subscriptions.subscribe(&invoice);
        for (version, woken) in [(3, true), (3, false), (4, true)] {
            subscriptions.polled(vec![(invoice.clone(), version)]);
            assert_eq!(is_woken(&mut subscription), woken, "{version}");
        }
    }

    #[test]
    fn an_invoice_without_subscribers_takes_no_memory() {
        let subscriptions = Subscriptions::default();
        let invoice = InvoiceId::from_unique(1);
        let [first, second] = [(); 2].map(|()| subscriptions.subscribe(&invoice));
        drop(first);
        assert_eq!(subscriptions.invoices(), [invoice]);
        drop(second);
        assert!(subscriptions.invoices().is_empty());
    }
}
