//! The rules of invoices, payments, refunds, attempts to pay and access as pure functions: no clock, no store, no
//! network.

pub mod access;
pub mod attempts;
pub mod dispute;
pub mod invoice;
pub mod payment;
pub mod reference;
pub mod refund;

/// The time at which a decision is made. Callers read the clock and pass it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing(i64);

impl Timing {
    /// A time in milliseconds since 1970-01-01 UTC.
    pub const fn at(ms: i64) -> Self {
        Self(ms)
    }

    /// Seconds since 1970-01-01 UTC.
    pub const fn now_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
}
