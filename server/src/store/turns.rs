//! The turns of those who write to SQLite, which has one writer at a time. Who waits for one here neither holds a
//! connection nor asks the database again and again.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a call waits for a turn, and how long for a connection.
pub(super) const ACQUIRE_LIMIT: Duration = Duration::from_secs(10);

/// The turns, which are taken in the order in which they are asked for.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Semaphore>);

/// A turn, until it is dropped.
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(1)))
    }
}

impl Turns {
    /// Waits for a turn.
    pub(super) async fn take(&self) -> sqlx::Result<Turn> {
        let permit = timeout(ACQUIRE_LIMIT, self.0.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        Ok(Turn { _permit: permit })
    }
}
