//! The database engines, and where their SQL differs.

use super::error::{Result, StoreError};

/// The database's engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(super) fn of(url: &str) -> Result<Self> {
        match url.split_once(':').map_or(url, |(scheme, _)| scheme) {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" | "postgresql" => Ok(Self::Postgres),
            _ => Err(StoreError::Url),
        }
    }

    /// The clause that locks the selected row against other changes. Rows that refer to it can be written
    /// meanwhile. With `for update` they could not: PostgreSQL checks the references of a row also when a
    /// transaction changes it a second time, and a delivery that is recorded would wait for the lock of a
    /// project whose callbacks are resent, which waits for that delivery.
    pub(super) fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " for no key update",
        }
    }

    /// The clause that locks the selected rows and leaves out those that are locked already.
    pub(super) fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " for update skip locked",
        }
    }

    /// As [`Self::for_update`], and leaves out rows that are locked already.
    pub(super) fn for_update_skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " for no key update skip locked",
        }
    }
}
