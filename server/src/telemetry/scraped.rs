//! What is looked up at each scrape, rather than counted.

use super::metrics::{Labels, Registrar, connector};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

type Seconds = Gauge<f64, AtomicU64>;

/// What is looked up at each scrape. What comes from the database is the same on every server.
#[derive(Debug, Default)]
pub struct Scraped {
    /// Open connections to the database, and how many of them have nothing to do.
    pub connections: (u32, u32),
    /// How many there may be.
    pub most_connections: u32,
    /// `None` when the database did not answer.
    pub database: Option<Standing>,
}

/// How the work stands that all servers on a database share.
#[derive(Debug, Default)]
pub struct Standing {
    /// For each connector: payments whose fate is open, and the seconds since the oldest was made.
    pub unknown: Vec<(&'static str, i64, f64)>,
    /// Callbacks that wait, and the seconds since the oldest was written.
    pub outbox: (i64, f64),
}

impl Scraped {
    pub(super) fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        let mut all = Registrar(&mut registry);
        let connections: Family<Labels<1>, Gauge> =
            all.add("till_database_connections", "Open connections, by state");
        let (open, idle) = self.connections;
        for (state, n) in [("idle", idle), ("used", open.saturating_sub(idle))] {
            let labels = [("state", state.to_owned())];
            connections.get_or_create(&labels).set(n.into());
        }
        let most: Gauge = all.add("till_database_connections_max", "As many there may be");
        most.set(self.most_connections.into());
        let up: Gauge = all.add("till_database_up", "Whether the database answered");
        up.set(self.database.is_some().into());
        let Some(standing) = &self.database else {
            return registry;
        };
        let unknown: Family<Labels<1>, Gauge> = all.add(
            "till_payments_unknown",
            "Payments whose fate is open: asked for and not known to have ended",
        );
        let oldest: Family<Labels<1>, Seconds> = all.add(
            "till_payments_unknown_oldest_age_seconds",
            "Since the oldest of them was made",
        );
        for (kind, n, age) in &standing.unknown {
            unknown.get_or_create(&connector(kind)).set(*n);
            oldest.get_or_create(&connector(kind)).set(*age);
        }
        let (waiting, age) = standing.outbox;
        let pending: Gauge = all.add("till_callbacks_pending", "Callbacks not delivered yet");
        pending.set(waiting);
        let oldest: Seconds = all.add(
            "till_callbacks_pending_oldest_age_seconds",
            "Since the oldest of them was written",
        );
        oldest.set(age);
        registry
    }
}
