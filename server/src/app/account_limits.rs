//! Concurrency limits: each account of a payment system has its own share of the buyers' calls, so
//! that an account that hangs affects no other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Limits the concurrent calls to each account.
pub struct AccountLimits {
    max_calls: usize,
    accounts: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// Permission for one call to an account. Dropping it releases the permit.
pub struct CallPermit {
    _permit: OwnedSemaphorePermit,
    _account: Arc<Semaphore>,
}

impl AccountLimits {
    /// Allows at most `max_calls` concurrent calls to each account.
    pub fn new(max_calls: usize) -> Self {
        Self {
            max_calls,
            accounts: Mutex::default(),
        }
    }

    /// Acquires a permit for a call to an account. `None` if the account is at its limit.
    pub fn try_acquire(&self, kind: &str, account: &str) -> Option<CallPermit> {
        let account = {
            let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
            let known = accounts.entry(format!("{kind} {account}")).or_default();
            known.upgrade().unwrap_or_else(|| {
                let fresh = Arc::new(Semaphore::new(self.max_calls));
                *known = Arc::downgrade(&fresh);
                fresh
            })
        };
        let permit = account.clone().try_acquire_owned().ok()?;
        Some(CallPermit {
            _permit: permit,
            _account: account,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_has_its_own_limit() {
        let limits = AccountLimits::new(2);
        let first = limits.try_acquire("sandbox", "a");
        let second = limits.try_acquire("sandbox", "a");
        assert!(first.is_some() && second.is_some());
        assert!(limits.try_acquire("sandbox", "a").is_none());
        assert!(limits.try_acquire("sandbox", "b").is_some());
        drop(first);
        assert!(limits.try_acquire("sandbox", "a").is_some());
    }
}
