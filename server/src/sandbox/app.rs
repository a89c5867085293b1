//! The state that the handlers and the worker share.

use std::sync::Arc;

use sqlx::SqlitePool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The state of a running sandbox.
#[derive(Clone)]
pub(super) struct App {
    /// The ledger.
    pub pool: SqlitePool,
    /// The base URL for buyers and merchants, without a trailing slash.
    pub public_url: Arc<str>,
    /// Wakes the worker before its next poll.
    pub wake: Arc<Notify>,
    /// Ends the sandbox.
    pub stop: CancellationToken,
}
