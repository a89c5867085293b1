//! The clock. Nothing else reads the time.

use jiff::Timestamp;

/// Returns the current time.
#[allow(
    clippy::disallowed_methods,
    reason = "everything else calls this function"
)]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// Returns the current time in milliseconds since 1970-01-01 UTC, as the store keeps time.
pub fn now_ms() -> i64 {
    now().as_millisecond()
}

/// Formats a stored time for the wire: RFC 3339 in UTC, always with three digits of milliseconds,
/// so that times sort as text.
pub fn rfc3339(ms: i64) -> String {
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    format!("{time:.3}")
}

/// Returns the current month (1 to 12) and year in UTC, to compare with a card's expiry.
pub fn month_and_year() -> (u8, u16) {
    let date = jiff::tz::TimeZone::UTC.to_datetime(now()).date();
    (date.month().unsigned_abs(), date.year().unsigned_abs())
}
