//! SQL and nothing else: one text for SQLite and for PostgreSQL, chosen by `DATABASE_URL`. Times are
//! milliseconds, statuses their words, lists and maps JSON.
//!
//! Whoever writes about an invoice locks it first ([`invoices::lock`]), then reads: so all that
//! changes one invoice happens one after another. In SQLite a writing transaction locks everything
//! from its beginning. None is held over a network call.

pub mod accounts;
pub mod backup;
pub mod events;
pub mod idempotency;
pub mod invoices;
pub mod live;
pub mod payments;
pub mod projects;
pub mod refunds;
pub mod standing;

use sqlx::any::AnyPoolOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Executor, Transaction};
use std::str::FromStr;
use std::time::Duration;

/// How long a call waits for a connection, and a writer in SQLite for its turn.
const PATIENCE: Duration = Duration::from_secs(10);

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database's own word.
    #[error(transparent)]
    Sql(#[from] sqlx::Error),
    /// The migrations did not go through.
    #[error(transparent)]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// Not a database that this can use.
    #[error("DATABASE_URL must begin with sqlite: or postgres:")]
    Url,
    /// A stored value is not what this version writes.
    #[error("a stored value can't be read: {0}")]
    Corrupt(String),
}

/// The result of a store call.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Whose SQL is spoken.
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

    /// What makes a select keep others from changing the row.
    fn for_update(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " for update",
        }
    }

    /// The same, for rows that nobody else is about to take.
    fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres => " for update skip locked",
        }
    }
}

/// A transaction that may write.
pub struct Tx {
    inner: Transaction<'static, Any>,
    engine: Engine,
    notifies: bool,
}

impl Tx {
    /// For statements inside it.
    fn conn(&mut self) -> &mut AnyConnection {
        &mut self.inner
    }

    /// Makes it so.
    ///
    /// # Errors
    /// When the database fails: then it may or may not be so.
    pub async fn commit(self) -> sqlx::Result<()> {
        self.inner.commit().await
    }
}

/// The database.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    engine: Engine,
    /// What other servers on the same database can be told by, where it can do that.
    notifies: Option<PgConnectOptions>,
}

impl Store {
    /// Opens the database and brings its schema up to date. An SQLite file is made if it isn't
    /// there.
    ///
    /// # Errors
    /// When the URL is neither `sqlite:` nor `postgres:`, or the database can't be opened or
    /// migrated.
    pub async fn open(url: &str, connections: u32) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let engine = Engine::of(url)?;
        let url = match engine {
            Engine::Sqlite if !url.contains("mode=") => {
                let separator = if url.contains('?') { '&' } else { '?' };
                format!("{url}{separator}mode=rwc")
            }
            Engine::Sqlite | Engine::Postgres => url.to_owned(),
        };
        // On a connection of its own, which may take as long as it has to.
        let mut migrating = AnyConnection::connect(&url).await?;
        let mut migrator = sqlx::migrate!("./migrations");
        // So that servers which start together do it once. Not every database of PostgreSQL's kind
        // can lock so: there the second to come fails, and goes well when it is started again.
        let can_lock = sqlx::query("select pg_try_advisory_xact_lock(1)");
        migrator.set_locking(can_lock.execute(&mut migrating).await.is_ok());
        migrator.run(&mut migrating).await?;
        migrating.close().await?;
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
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
                    // SQLite has rolled a transaction that failed (a full disk) back by itself, so
                    // that rolling it back fails, and the driver takes it to be open for ever: such
                    // a connection is closed. The ping waits for the driver's own attempt.
                    conn.ping().await?;
                    Ok(!conn.is_in_transaction())
                })
            })
            .connect(&url)
            .await?;
        let notifies = match engine {
            Engine::Postgres => live::options(&pool, &url).await?,
            Engine::Sqlite => None,
        };
        Ok(Self {
            pool,
            engine,
            notifies,
        })
    }

    /// Begins a transaction that may write.
    ///
    /// # Errors
    /// When the database is not to be had in time.
    pub async fn begin(&self) -> Result<Tx> {
        let begin = match self.engine {
            // One that first reads and then writes may otherwise fail on another's write.
            Engine::Sqlite => "begin immediate",
            Engine::Postgres => "begin",
        };
        Ok(Tx {
            inner: self.pool.begin_with(begin).await?,
            engine: self.engine,
            notifies: self.notifies.is_some(),
        })
    }

    /// For single statements outside a transaction.
    pub fn pool(&self) -> &AnyPool {
        &self.pool
    }

    /// Connections that are open, and how many of them have nothing to do.
    pub fn connections(&self) -> (u32, u32) {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        (self.pool.size(), idle)
    }
}

/// A payment that was answered must survive a power cut: WAL with NORMAL may lose it.
const SQLITE_SETTINGS: &str = "pragma journal_mode = wal; pragma synchronous = full; \
    pragma foreign_keys = on; pragma busy_timeout = 10000;";

/// No statement takes for ever, and a transaction whose server is gone does not keep its locks.
const POSTGRES_SETTINGS: &str = "set statement_timeout = '10s'; \
    set idle_in_transaction_session_timeout = '30s';";

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

/// Whether a failure lies in the database being gone, full or overtaxed: later it may go well.
///
/// PostgreSQL's codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>, SQLite's:
/// <https://www.sqlite.org/rescode.html>.
pub fn is_passing(cause: &anyhow::Error) -> bool {
    let sql = cause.chain().find_map(|c| c.downcast_ref::<sqlx::Error>());
    match sql {
        Some(sqlx::Error::Database(error)) => error.code().is_some_and(|code| match code.len() {
            // Connections, rollbacks that may be tried again, resources, locks, shutdowns.
            5 => ["08", "40", "53", "55", "57"]
                .iter()
                .any(|class| code.starts_with(class)),
            // BUSY, LOCKED, IOERR, FULL, CANTOPEN; the higher bits say more.
            _ => code
                .parse::<u32>()
                .is_ok_and(|code| [5, 6, 10, 13, 14].contains(&(code & 0xff))),
        }),
        Some(
            sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed,
        ) => true,
        Some(_) | None => false,
    }
}

/// Whether a statement failed on this unique constraint or index. SQLite names its columns instead.
pub(crate) fn violates(error: &sqlx::Error, constraint: &str, columns: &str) -> bool {
    error.as_database_error().is_some_and(|e| {
        let named = e.constraint() == Some(constraint) || e.message().contains(columns);
        e.is_unique_violation() && named
    })
}
