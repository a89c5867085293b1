//! The only reader of time.

use jiff::Timestamp;

/// Now.
#[allow(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Now, in milliseconds since 1970-01-01 UTC, as the store keeps time.
pub fn now_ms() -> i64 {
    now().as_millisecond()
}

/// A stored time as it goes over the wire: RFC 3339 UTC, always with three digits of
/// milliseconds, so that times sort as text.
pub fn rfc3339(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    format!("{time:.3}")
}

/// The present month and year (UTC) as cards count them.
pub fn month_and_year() -> (u8, u16) {
    let date = jiff::tz::TimeZone::UTC.to_datetime(now()).date();
    (date.month().unsigned_abs(), date.year().unsigned_abs())
}
