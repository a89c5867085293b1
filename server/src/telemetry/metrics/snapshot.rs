//! The values that are read at each scrape instead of counted.

use super::labels::{ConnectorLabel, StateLabel};
use super::registry::add;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::atomic::AtomicU64;

type Seconds = Gauge<f64, AtomicU64>;

/// The values that are read at each scrape.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Open connections to the database, and how many of them are idle.
    pub connections: (u32, u32),
    /// The most connections that may be open.
    pub max_connections: u32,
    /// `None` when the database did not answer.
    pub backlog: Option<Backlog>,
}

/// The work that is not finished, from the database: the same on every server.
#[derive(Debug, Default)]
pub struct Backlog {
    /// For each connector: payments whose outcome is unknown, and the oldest one's age in seconds.
    pub unknown_payments: Vec<(&'static str, i64, f64)>,
    /// For each connector: payments that an operator has to look at.
    pub payments_to_review: Vec<(&'static str, i64)>,
    /// For each connector: pending refunds that an operator has to look at.
    pub refunds_to_review: Vec<(&'static str, i64)>,
    /// Callbacks that are not delivered yet, and the oldest one's age in seconds.
    pub pending_callbacks: (i64, f64),
}

impl Snapshot {
    pub(super) fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        let all = &mut registry;
        let connections: Family<StateLabel, Gauge> = add(
            all,
            "till_database_connections",
            "Open connections to the database, by state",
        );
        let (open, idle) = self.connections;
        for (state, count) in [("idle", idle), ("used", open.saturating_sub(idle))] {
            connections
                .get_or_create(&StateLabel { state })
                .set(count.into());
        }
        let max: Gauge = add(
            all,
            "till_database_connections_max",
            "The most connections to the database that may be open",
        );
        max.set(self.max_connections.into());
        let up: Gauge = add(all, "till_database_up", "Whether the database answered");
        up.set(self.backlog.is_some().into());
        if let Some(backlog) = &self.backlog {
            backlog.register(all);
        }
        registry
    }
}

impl Backlog {
    fn register(&self, all: &mut Registry) {
        let unknown: Family<ConnectorLabel, Gauge> = add(
            all,
            "till_payments_unknown",
            "Payments that were submitted and whose outcome is unknown",
        );
        let oldest: Family<ConnectorLabel, Seconds> = add(
            all,
            "till_payments_unknown_oldest_age_seconds",
            "Age of the oldest payment whose outcome is unknown",
        );
        for (connector, count, age) in &self.unknown_payments {
            let label = ConnectorLabel::new(connector);
            unknown.get_or_create(&label).set(*count);
            oldest.get_or_create(&label).set(*age);
        }
        for (name, help, counts) in [
            (
                "till_payments_to_review",
                "Payments that an operator has to resolve",
                &self.payments_to_review,
            ),
            (
                "till_refunds_to_review",
                "Refunds that an operator has to look at",
                &self.refunds_to_review,
            ),
        ] {
            let review: Family<ConnectorLabel, Gauge> = add(all, name, help);
            for (connector, count) in counts {
                let label = ConnectorLabel::new(connector);
                review.get_or_create(&label).set(*count);
            }
        }
        let (count, age) = self.pending_callbacks;
        let pending: Gauge = add(
            all,
            "till_callbacks_pending",
            "Callbacks that are not delivered yet",
        );
        pending.set(count);
        let oldest: Seconds = add(
            all,
            "till_callbacks_pending_oldest_age_seconds",
            "Age of the oldest callback that is not delivered yet",
        );
        oldest.set(age);
    }
}
