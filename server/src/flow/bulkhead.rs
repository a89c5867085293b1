//! Bulkheads: of the buyers' calls under way, each account of a payment system has a share, so that
//! one that hangs takes down none but itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The calls under way, by account.
pub struct Bulkhead {
    share: usize,
    accounts: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// A call under way. Its place is free again once this is dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
    _account: Arc<Semaphore>,
}

impl Bulkhead {
    /// With a share of so many calls for each account.
    pub fn new(share: usize) -> Self {
        Self {
            share,
            accounts: Mutex::default(),
        }
    }

    /// A place for a call to an account; `None` when its share is used up.
    pub fn enter(&self, kind: &str, account: &str) -> Option<Place> {
        let account = {
            let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            let known = accounts.entry(format!("{kind} {account}")).or_default();
            known.upgrade().unwrap_or_else(|| {
                let fresh = Arc::new(Semaphore::new(self.share));
                *known = Arc::downgrade(&fresh);
                fresh
            })
        };
        let permit = account.clone().try_acquire_owned().ok()?;
        Some(Place {
            _permit: permit,
            _account: account,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_has_its_own_share() {
        let bulkhead = Bulkhead::new(2);
        let first = bulkhead.enter("sandbox", "a");
        let second = bulkhead.enter("sandbox", "a");
        assert!(first.is_some() && second.is_some());
        assert!(bulkhead.enter("sandbox", "a").is_none());
        assert!(bulkhead.enter("sandbox", "b").is_some());
        drop(first);
        assert!(bulkhead.enter("sandbox", "a").is_some());
    }
}
