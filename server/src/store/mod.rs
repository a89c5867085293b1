//! The database. All statements run on SQLite and on PostgreSQL; `DATABASE_URL` selects one. Times
//! are milliseconds since 1970-01-01 UTC, statuses are text, lists and maps are JSON.
//!
//! A transaction that changes an invoice, its payments or its refunds locks the invoice
//! ([`invoices::lock`]) before it reads anything, so that changes of one invoice are serialized. In
//! SQLite a writing transaction locks the whole database. No transaction is open during a network
//! call.

mod backlog;
pub mod backup;
mod column;
pub mod connector_accounts;
mod connector_webhooks;
mod error;
pub mod event_attempts;
pub mod events;
pub mod idempotency_keys;
pub mod invoices;
mod notify;
pub mod payments;
pub mod projects;
pub mod refunds;
mod schema;
pub mod secret_keys;

pub use error::{Result, StoreError, is_transient};
pub use notify::Changes;
pub use schema::migrate;

use notify::Notifications;
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor, Transaction};
use std::time::Duration;

/// How long a call waits for a connection.
const ACQUIRE_LIMIT: Duration = Duration::from_secs(10);

/// The database's engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    fn of(url: &str) -> Result<Self> {
        match url.split_once(':').map_or(url, |(scheme, _)| scheme) {
            "sqlite" => Ok(Self::Sqlite),
            "postgres" | "postgresql" => Ok(Self::Postgres),
            _ => Err(StoreError::Url),
        }
    }

    /// The clause that locks the selected row.
    fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " for update",
        }
    }

    /// The clause that locks the selected rows and leaves out those that are locked already.
    fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " for update skip locked",
        }
    }
}

/// A transaction that can write.
pub struct Tx {
    inner: Transaction<'static, Any>,
    engine: Engine,
    notifies: bool,
}

impl Tx {
    /// The connection, for statements in the transaction.
    fn conn(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// When the database fails. The transaction may have been committed or not.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.inner.commit().await
    }
}

/// The database.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    engine: Engine,
    /// `None` when the database has none.
    notifications: Option<Notifications>,
}

impl Store {
    /// Opens a database whose schema is up to date.
    ///
    /// # Errors
    /// When the URL is neither `sqlite:` nor `postgres:`, the database can't be opened, or it lacks
    /// migrations ([`migrate`]).
    pub async fn open(url: &str, connections: u32) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let engine = Engine::of(url)?;
        schema::check(engine, url).await?;
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_LIMIT)
            .after_connect(move |conn, _| {
                Box::pin(async move {
                    conn.execute(match engine {
                        Engine::Sqlite => SQLITE_SETTINGS,
                        Engine::Postgres => POSTGRES_SETTINGS,
                    })
                    .await?;
                    Ok(())
                })
            })
            .after_release(move |conn, _| {
                Box::pin(async move {
                    if engine == Engine::Postgres {
                        return Ok(true);
                    }
                    // After a failure such as a full disk SQLite rolls the transaction back by
                    // itself. The driver's rollback then fails, and the driver considers the
                    // transaction open forever: such a connection is closed. The ping waits for
                    // the driver's rollback.
                    conn.ping().await?;
                    Ok(!conn.is_in_transaction())
                })
            })
            .connect(url)
            .await?;
        Ok(Self {
            notifications: Notifications::new(engine, &pool, url).await?,
            pool,
            engine,
        })
    }

    /// Begins a transaction that can write.
    ///
    /// # Errors
    /// When no connection becomes free in time, or the database fails.
    pub async fn begin(&self) -> Result<Tx> {
        let begin = match self.engine {
            // A deferred transaction fails if another one writes between its read and its write.
            Engine::Sqlite => "begin immediate",
            Engine::Postgres => "begin",
        };
        Ok(Tx {
            inner: self.pool.begin_with(begin).await?,
            engine: self.engine,
            notifies: self
                .notifications
                .as_ref()
                .is_some_and(Notifications::enabled),
        })
    }

    /// The pool, for single statements outside a transaction.
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub fn connections(&self) -> (u32, u32) {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        (self.pool.size(), idle)
    }
}

/// `synchronous = full`: with `normal` a power cut may lose a committed payment.
const SQLITE_SETTINGS: &str = "pragma journal_mode = wal; pragma synchronous = full; \
    pragma foreign_keys = on; pragma busy_timeout = 10000;";

/// A statement ends in time, and the transaction of a server that is gone releases its locks.
const POSTGRES_SETTINGS: &str = "set statement_timeout = '10s'; \
    set idle_in_transaction_session_timeout = '30s';";
