//! Concurrency limits by key: an account of a payment system, a project, an invoice or a client's
//! network has a limit of its own, so that one that hangs affects no other.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The permits in use, by key.
type InUse<K> = Arc<Mutex<HashMap<K, usize>>>;

/// Limits what is in progress for each key.
#[derive(Clone)]
pub struct KeyedLimit<K> {
    in_use: InUse<K>,
}

/// A permit of one key. Dropping it releases the permit.
pub struct KeyedPermit<K: Eq + Hash> {
    key: K,
    in_use: InUse<K>,
}

impl<K> Default for KeyedLimit<K> {
    fn default() -> Self {
        Self {
            in_use: Arc::default(),
        }
    }
}

impl<K: Eq + Hash + Clone> KeyedLimit<K> {
    /// Acquires a permit of a key. `None` if the key has `limit` permits already.
    pub fn try_acquire(&self, key: K, limit: usize) -> Option<KeyedPermit<K>> {
        let mut in_use = lock(&self.in_use);
        let count = in_use.get(&key).copied().unwrap_or_default();
        if count >= limit {
            return None;
        }
        in_use.insert(key.clone(), count + 1);
        Some(KeyedPermit {
            key,
            in_use: self.in_use.clone(),
        })
    }
}

impl<K: Eq + Hash> Drop for KeyedPermit<K> {
    fn drop(&mut self) {
        let mut in_use = lock(&self.in_use);
        if let Some(count) = in_use.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                in_use.remove(&self.key);
            }
        }
    }
}

fn lock<K>(in_use: &Mutex<HashMap<K, usize>>) -> MutexGuard<'_, HashMap<K, usize>> {
    in_use.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_limit() {
        let limit = KeyedLimit::default();
        let first = limit.try_acquire("a", 2);
        let second = limit.try_acquire("a", 2);
        assert!(first.is_some() && second.is_some());
        assert!(limit.try_acquire("a", 2).is_none());
        assert!(limit.try_acquire("b", 2).is_some());
        drop(first);
        assert!(limit.try_acquire("a", 2).is_some());
    }

    #[test]
    fn a_key_without_permits_takes_no_memory() {
        let limit = KeyedLimit::default();
        assert!(limit.try_acquire("a", 0).is_none());
        drop(limit.try_acquire("a", 1));
        assert!(lock(&limit.in_use).is_empty());
    }
}
