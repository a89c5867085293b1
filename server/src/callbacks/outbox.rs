//! What the delivery of callbacks needs.

use super::deliver::Deliverer;
use crate::crypto::Keys;
use crate::store::Store;
use crate::store::project_cache::Projects;
use crate::telemetry::Metrics;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// The outbox and what its worker needs.
pub struct Outbox {
    /// The database.
    pub store: Store,
    /// The projects, with their endpoints.
    pub projects: Projects,
    /// Decrypts the signing secrets.
    pub keys: Arc<Keys>,
    /// Sends requests to projects.
    pub deliverer: Deliverer,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Wakes the worker to look at all projects: the time of callbacks has changed.
    pub wake: Notify,
    /// Cancelled when the server shuts down.
    pub shutdown: CancellationToken,
    /// Divides the delays between attempts.
    pub speedup: u32,
}
