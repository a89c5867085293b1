//! The turns of those who write to SQLite, which has one writer at a time. Who waits for one here neither holds a
//! connection nor asks the database again and again.

use super::durability::Log;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a call waits for a turn, and how long for a connection.
pub(super) const ACQUIRE_LIMIT: Duration = Duration::from_secs(10);

/// The turns, which are taken in the order in which they are asked for.
#[derive(Debug, Clone)]
pub(super) struct Turns {
    permits: Arc<Semaphore>,
    log: Log,
}

/// A turn, until it is dropped.
pub(super) struct Turn {
    _permit: OwnedSemaphorePermit,
    log: Log,
}

impl Turns {
    /// The turns of those who write to the database with this log.
    pub(super) fn new(log: Log) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(1)),
            log,
        }
    }

    /// Waits for a turn.
    pub(super) async fn take(&self) -> sqlx::Result<Turn> {
        let permit = timeout(ACQUIRE_LIMIT, self.permits.clone().acquire_owned()).await;
        let permit = permit.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let permit = permit.map_err(|_| sqlx::Error::PoolClosed)?;
        Ok(Turn {
            _permit: permit,
            log: self.log.clone(),
        })
    }

    /// Waits until all that has been committed is durable.
    pub(super) async fn durable(&self) -> sqlx::Result<()> {
        Ok(self.log.durable().await?)
    }

    /// Waits for a turn, runs a statement in it, and waits until what it wrote is durable. `has_changed` tells from
    /// the result whether it wrote anything.
    pub(super) async fn write<T>(
        &self,
        statement: impl Future<Output = sqlx::Result<T>>,
        has_changed: impl FnOnce(&T) -> bool,
    ) -> sqlx::Result<T> {
        self.take().await?.commit(statement, has_changed).await
    }
}

impl Turn {
    /// Runs what commits, ends the turn, and waits until the commit is durable.
    ///
    /// # Errors
    /// When the commit or the disk fails. It may be durable or not then.
    pub(super) async fn commit<T>(
        self,
        commit: impl Future<Output = sqlx::Result<T>>,
        has_changed: impl FnOnce(&T) -> bool,
    ) -> sqlx::Result<T> {
        let begun = self.log.begin_commit();
        let done = commit.await?;
        if has_changed(&done) {
            let durable = begun.end();
            drop(self);
            durable.await?;
        } else {
            begun.end_unchanged();
        }
        Ok(done)
    }
}
