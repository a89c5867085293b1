//! Work that runs to its end. A server drops the future of a handler when its client disconnects; a
//! call to a payment provider must not stop halfway.

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

/// Shows that the code runs in a tracked task of its own, which nothing cancels. Only
/// [`Detached::spawn`] makes one, so a function that takes one can't be called from elsewhere.
#[derive(Clone)]
pub struct Detached {
    _private: (),
}

impl Detached {
    /// Spawns a task that shutdown waits for.
    pub fn spawn<F>(tasks: &TaskTracker, work: impl FnOnce(Self) -> F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        tasks.spawn(work(Self { _private: () }))
    }
}
