//! Lists: cursor pagination, and the filters that several lists share.

use super::error::{Error, Result};
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    /// Newest first.
    pub data: Vec<T>,
    /// The `cursor` of the next page. Null on the last page.
    #[schema(required)]
    pub next_cursor: Option<String>,
}

impl<R> Page<R> {
    /// A page of rows, of which one more than `limit` was read. `cursor` is a row's cursor.
    pub fn new(mut rows: Vec<R>, limit: Limit, cursor: impl Fn(&R) -> String) -> Self {
        let limit = usize::try_from(limit.0).unwrap_or(usize::MAX);
        let has_next = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| has_next).map(cursor);
        Self {
            data: rows,
            next_cursor,
        }
    }

    /// The same page with other data: its rows, converted.
    pub fn with_data<T>(self, data: Vec<T>) -> Page<T> {
        Page {
            data,
            next_cursor: self.next_cursor,
        }
    }
}

/// The number of objects on a page.
#[derive(Clone, Copy)]
pub struct Limit(i64);

impl Limit {
    /// The number where the caller names none.
    const DEFAULT: i64 = 20;

    /// Checks the caller's limit.
    ///
    /// # Errors
    /// When it is not from 1 to 100.
    pub fn new(limit: Option<i64>) -> Result<Self> {
        match limit.unwrap_or(Self::DEFAULT) {
            limit @ 1..=100 => Ok(Self(limit)),
            limit => {
                let message = format!("must be from 1 to 100, not {limit}");
                Err(Error::field("limit", "out_of_range", message))
            }
        }
    }

    /// The number of rows to read: one more than the page holds, to know whether there is a next
    /// page.
    pub const fn rows(self) -> i64 {
        self.0 + 1
    }
}

/// Checks the last digits of a card by which a list is narrowed.
///
/// # Errors
/// `invalid-request` if they are not four digits.
pub fn check_last4(last4: Option<&str>) -> Result<()> {
    let valid = |last4: &str| last4.len() == 4 && last4.bytes().all(|b| b.is_ascii_digit());
    if last4.is_none_or(valid) {
        Ok(())
    } else {
        Err(Error::field("last4", "invalid", "must be four digits"))
    }
}

/// What [`time`] reads.
pub const TIME: &str =
    "must be a time with an offset, such as 2026-01-31T12:00:00Z, or a date, such as 2026-01-31";

/// Reads a time by which a list is narrowed, as milliseconds since 1970-01-01 UTC: RFC 3339 with any
/// offset, or a date alone, which is its beginning in UTC.
pub fn time(text: &str) -> Option<i64> {
    // In a query, a plus sign that is not percent-encoded arrives as a space.
    let with_plus = || {
        let (time, offset) = text.rsplit_once(' ')?;
        format!("{time}+{offset}").parse::<jiff::Timestamp>().ok()
    };
    let time = text.parse::<jiff::Timestamp>().ok().or_else(with_plus);
    let day = || {
        // The parser also reads a time without an offset, and leaves the time out.
        let day = text.parse::<jiff::civil::Date>().ok();
        let day = day.filter(|_| text.len() == 10)?;
        let begin = day.to_datetime(jiff::civil::Time::midnight());
        jiff::tz::TimeZone::UTC.to_timestamp(begin).ok()
    };
    time.or_else(day).map(jiff::Timestamp::as_millisecond)
}
