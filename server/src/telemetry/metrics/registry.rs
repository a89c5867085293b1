//! Creates metrics and registers them under their names.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};
use std::fmt::Debug;
use std::hash::Hash;

/// Counters, one for each set of labels.
pub(super) type Counters<L> = Family<L, Counter>;
/// Histograms of durations in seconds, one for each set of labels.
pub(super) type Durations<L> = Family<L, Histogram, fn() -> Histogram>;

/// A histogram for answers of this server, in seconds.
pub(super) fn fast() -> Histogram {
    Histogram::new([
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    ])
}

/// A histogram for calls to other servers, in seconds.
pub(super) fn slow() -> Histogram {
    Histogram::new([0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 20.0, 30.0])
}

/// Registers a new metric and returns a handle to it.
pub(super) fn add<M: Metric + Clone + Default>(
    registry: &mut Registry,
    name: &str,
    help: &str,
) -> M {
    let metric = M::default();
    registry.register(name, help, metric.clone());
    metric
}

/// Registers new histograms and returns a handle to them.
pub(super) fn add_durations<L>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    histogram: fn() -> Histogram,
) -> Durations<L>
where
    L: Clone + Debug + EncodeLabelSet + Eq + Hash + Send + Sync + 'static,
{
    let durations = Durations::new_with_constructor(histogram);
    registry.register(name, help, durations.clone());
    durations
}
