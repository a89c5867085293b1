//! What may happen to an invoice and a payment: pure functions, no clock, no store, no network.

pub mod invoice;
pub mod payment;
pub mod refund;

/// The time a decision is made at, passed in by whoever has a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing(i64);

impl Timing {
    /// At so many milliseconds since 1970-01-01 UTC.
    pub const fn at(ms: i64) -> Self {
        Self(ms)
    }

    /// Seconds since 1970-01-01 UTC.
    pub const fn now_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}
