//! The time by the server's clock: the buyer's may be wrong by years.

use js_sys::Date;
use std::cell::Cell;

const DAY: f64 = 86_400_000.0;

thread_local! {
    /// The difference to the server's clock, in milliseconds.
    static OFFSET: Cell<f64> = const { Cell::new(0.0) };
}

/// Sets the clock by the `Date` of a response.
pub fn set(date: &str) {
    let server = Date::parse(date);
    if server.is_finite() {
        OFFSET.set(server - Date::now());
    }
}

/// Returns the time, in milliseconds since 1970-01-01 UTC.
pub fn now() -> f64 {
    Date::now() + OFFSET.get()
}

/// Returns the seconds until a time, RFC 3339.
pub fn seconds_until(time: &str) -> f64 {
    (Date::parse(time) - now()) / 1000.0
}

/// Returns the month and the year in which a card must not have expired. A day of grace covers every
/// time zone: somewhere the month is not over.
pub fn month_and_year() -> (u8, u16) {
    let yesterday = Date::new(&(now() - DAY).into());
    let month = u8::try_from(yesterday.get_utc_month() + 1).unwrap_or(1);
    let year = u16::try_from(yesterday.get_utc_full_year()).unwrap_or(u16::MAX);
    (month, year)
}
