//! Lists, page by page.

use crate::flow::Result;
use crate::http::middleware::error::field;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    /// From the newest to the oldest.
    data: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last one.
    next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `size` out of rows of which one more was asked for.
    pub fn of<R>(mut rows: Vec<R>, size: Limit, id: impl Fn(&R) -> String) -> (Vec<R>, Cursor) {
        let size = usize::try_from(size.0).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next = rows.last().filter(|_| more).map(id);
        (rows, Cursor(next))
    }

    /// The page with what goes over the wire.
    pub fn with(data: Vec<T>, Cursor(next_cursor): Cursor) -> Self {
        Self { data, next_cursor }
    }
}

/// What to send for the next page.
pub struct Cursor(Option<String>);

/// How many a page holds.
#[derive(Clone, Copy)]
pub struct Limit(i64);

impl Limit {
    /// How many where the caller doesn't say.
    const USUAL: i64 = 20;

    /// As the caller says.
    ///
    /// # Errors
    /// When that is not from 1 to 100.
    pub fn checked(limit: Option<i64>) -> Result<Self> {
        match limit.unwrap_or(Self::USUAL) {
            limit @ 1..=100 => Ok(Self(limit)),
            _ => Err(field("limit", "out_of_range", "from 1 to 100")),
        }
    }

    /// One more, which tells whether there is a next page.
    pub fn and_one(self) -> i64 {
        self.0 + 1
    }
}
