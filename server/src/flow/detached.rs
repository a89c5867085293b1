//! Work that runs to its end. A server drops the future of a handler when its client disconnects; a
//! call to a payment provider must not stop halfway.

use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// Shows that the code runs in a tracked task of its own, which nothing cancels. Only
/// [`Detached::spawn`] makes one, so a function that takes one can't be called from elsewhere.
#[derive(Clone)]
pub struct Detached {
    _permit: Arc<Option<OwnedSemaphorePermit>>,
}

impl Detached {
    /// Spawns a task that shutdown waits for. The task holds its permit of a concurrency limit until
    /// it is over.
    pub fn spawn<F>(
        tasks: &TaskTracker,
        permit: Option<OwnedSemaphorePermit>,
        work: impl FnOnce(Self) -> F,
    ) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let detached = Self {
            _permit: Arc::new(permit),
        };
        let work = work(detached.clone());
        tasks.spawn(async move {
            let _detached = detached;
            work.await
        })
    }
}
