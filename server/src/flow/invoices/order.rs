//! The order that an invoice is created from.

use std::ops::RangeInclusive;

pub use till_shared::order::Order;

/// How long an invoice may stay open, in seconds: a minute to a year.
pub const TTL_SECONDS: RangeInclusive<u32> = 60..=366 * 86_400;
