//! Cursor pagination.

use crate::flow::Result;
use crate::http::middleware::error::field;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct Page<T> {
    /// Newest first.
    data: Vec<T>,
    /// The `cursor` of the next page. Null on the last page.
    next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Cuts rows, which were read with [`Limit::and_one`], to a page and gives the cursor of the next.
    pub fn of<R>(mut rows: Vec<R>, size: Limit, id: impl Fn(&R) -> String) -> (Vec<R>, Cursor) {
        let size = usize::try_from(size.0).unwrap_or(usize::MAX);
        let more = rows.len() > size;
        rows.truncate(size);
        let next = rows.last().filter(|_| more).map(id);
        (rows, Cursor(next))
    }

    /// A page of objects.
    pub fn with(data: Vec<T>, Cursor(next_cursor): Cursor) -> Self {
        Self { data, next_cursor }
    }
}

/// The cursor of the next page, if there is one.
pub struct Cursor(Option<String>);

/// The number of objects on a page.
#[derive(Clone, Copy)]
pub struct Limit(i64);

impl Limit {
    const DEFAULT: i64 = 20;

    /// The `limit` of a request, or 20.
    ///
    /// # Errors
    /// When it is not from 1 to 100.
    pub fn checked(limit: Option<i64>) -> Result<Self> {
        match limit.unwrap_or(Self::DEFAULT) {
            limit @ 1..=100 => Ok(Self(limit)),
            _ => Err(field("limit", "out_of_range", "from 1 to 100")),
        }
    }

    /// The number of rows to read: one more than fits tells whether there is a next page.
    pub fn and_one(self) -> i64 {
        self.0 + 1
    }
}
