//! SQL and nothing else. Times are milliseconds, statuses their words, lists and maps JSON.
//!
//! Writing transactions begin at once ([`Store::begin`]): in SQLite a transaction that first reads
//! and then writes may otherwise fail on another's write. None is held over a network call.

pub mod accounts;
pub mod events;
pub mod idempotency;
pub mod invoices;
pub mod payments;
pub mod projects;
pub mod refunds;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};
use std::str::FromStr;
use std::time::Duration;

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database's own word.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// The migrations did not go through.
    #[error(transparent)]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A stored value is not what this version writes.
    #[error("a stored value can't be read: {0}")]
    Corrupt(String),
}

/// The result of a store call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A transaction that may write.
pub type Tx = Transaction<'static, Sqlite>;

/// The database.
#[derive(Clone)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens the database, makes it if it isn't there, and brings its schema up to date.
    ///
    /// # Errors
    /// When the URL is none of `sqlite:`, or the file can't be opened or migrated.
    pub async fn open(url: &str) -> Result<Self> {
        let options = SqliteConnectOptions::from_str(url)?
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A payment that was answered must survive a power cut: WAL with NORMAL may lose it.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new()
            .max_connections(8)
            .connect_with(options)
            .await?;
        sqlx::migrate!("migrations/sqlite").run(&pool).await?;
        Ok(Self { pool })
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// When the database is not to be had in time.
    pub async fn begin(&self) -> Result<Tx> {
        Ok(self.pool.begin_with("begin immediate").await?)
    }

    /// For single statements outside a transaction.
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it doesn't.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }
}

/// Reads a stored word or id.
pub(crate) fn word<T: FromStr>(text: &str) -> Result<T> {
    text.parse()
        .map_err(|_| StoreError::Corrupt(text.chars().take(40).collect()))
}

/// Reads stored JSON.
pub(crate) fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// Writes JSON for the store.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|e| StoreError::Corrupt(e.to_string()))
}

/// Whether a statement failed on this constraint or index (SQLite names the columns instead).
pub(crate) fn violates(error: &sqlx::Error, columns: &str) -> bool {
    error
        .as_database_error()
        .is_some_and(|e| e.is_unique_violation() && e.message().contains(columns))
}
