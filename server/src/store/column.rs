//! Columns: read as the types that they stand for, and written as text.

use super::error::{Result, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;
use std::error::Error;
use std::str::FromStr;

/// Reads columns that the database keeps as text or as 0 and 1.
pub(super) trait Columns {
    /// Parses a text.
    fn parse<T: FromStr<Err: Error + Send + Sync + 'static>>(
        &self,
        column: &str,
    ) -> sqlx::Result<T>;

    /// Parses a text that may be null.
    fn parse_optional<T: FromStr<Err: Error + Send + Sync + 'static>>(
        &self,
        column: &str,
    ) -> sqlx::Result<Option<T>>;

    /// Parses JSON.
    fn json<T: DeserializeOwned>(&self, column: &str) -> sqlx::Result<T>;

    /// Parses JSON that may be null.
    fn json_optional<T: DeserializeOwned>(&self, column: &str) -> sqlx::Result<Option<T>>;

    /// Reads 0 or 1.
    fn flag(&self, column: &str) -> sqlx::Result<bool>;
}

impl Columns for AnyRow {
    fn parse<T: FromStr<Err: Error + Send + Sync + 'static>>(
        &self,
        column: &str,
    ) -> sqlx::Result<T> {
        let text: &str = self.try_get(column)?;
        text.parse().map_err(|error| undecodable(column, error))
    }

    fn parse_optional<T: FromStr<Err: Error + Send + Sync + 'static>>(
        &self,
        column: &str,
    ) -> sqlx::Result<Option<T>> {
        let text: Option<&str> = self.try_get(column)?;
        let parsed = text.map(str::parse).transpose();
        parsed.map_err(|error| undecodable(column, error))
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> sqlx::Result<T> {
        let text: &str = self.try_get(column)?;
        serde_json::from_str(text).map_err(|error| undecodable(column, error))
    }

    fn json_optional<T: DeserializeOwned>(&self, column: &str) -> sqlx::Result<Option<T>> {
        let text: Option<&str> = self.try_get(column)?;
        let parsed = text.map(serde_json::from_str).transpose();
        parsed.map_err(|error| undecodable(column, error))
    }

    fn flag(&self, column: &str) -> sqlx::Result<bool> {
        Ok(self.try_get::<i64, _>(column)? != 0)
    }
}

fn undecodable(column: &str, source: impl Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(source),
    }
}

/// Parses the texts of a column.
pub(super) fn parse_column<T: FromStr>(texts: &[String]) -> Result<Vec<T>> {
    let corrupt = |text: &str| StoreError::Corrupt(text.chars().take(40).collect());
    let parse = |text: &String| text.parse().map_err(|_| corrupt(text));
    texts.iter().map(parse).collect()
}

/// Writes JSON for a column.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// A list of `count` placeholders from `$first` on. Nothing is in the list of none.
pub(super) fn placeholders(first: usize, count: usize) -> String {
    let names: Vec<_> = (first..first + count).map(|n| format!("${n}")).collect();
    match names.as_slice() {
        [] => "(null)".into(),
        names => format!("({})", names.join(", ")),
    }
}
