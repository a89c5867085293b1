//! The connections to the database, and who has them.
//!
//! A connection that is given back is asked whether it still works only if a statement or a transaction on it was not
//! waited for to its end, or once it has been unused for a while. sqlx's own pool asks each time, which costs a third
//! more round trips.

use super::engine::Engine;
use super::sessions::Sessions;
use super::turns::{ACQUIRE_LIMIT, Turn};
use backon::{ConstantBuilder, ExponentialBuilder, Retryable};
use deadpool::managed::{
    Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult,
};
use futures::TryStreamExt;
use secrecy::{ExposeSecret, SecretString};
use sqlx::any::{AnyQueryResult, AnyRow};
use sqlx::{Any, AnyConnection, Connection as _, Either, Execute, Executor, Row};
use std::io::ErrorKind;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// For how long an idle connection of PostgreSQL is used without asking whether it still works.
const TRUSTED: Duration = Duration::from_millis(100);
/// How old a connection gets. What PostgreSQL keeps for one grows with time.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// What a statement has returned, in order.
pub(super) type Results = Vec<Either<AnyQueryResult, AnyRow>>;

/// The connections to a database.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    pool: Pool<Opener>,
}

/// What a single statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Anything else.
    Any,
    /// It reads a list.
    List,
}

/// Opens connections.
#[derive(Debug)]
struct Opener {
    /// With the password.
    url: SecretString,
    engine: Engine,
    sessions: Sessions,
}

/// A connection, which is given back on drop.
pub(super) struct Lent {
    /// Taken on drop.
    connection: Option<Object<Opener>>,
    unfinished: Option<Unfinished>,
    /// Of a transaction that writes to SQLite.
    turn: Option<Turn>,
}

/// What a connection still does.
#[derive(Debug, Clone, Copy)]
enum Unfinished {
    Statement,
    Transaction,
}

impl Connections {
    /// Opens a database with at most this many connections.
    ///
    /// # Errors
    /// When it can't be opened.
    pub(super) async fn open(
        url: &str,
        engine: Engine,
        sessions: Sessions,
        most: u32,
    ) -> sqlx::Result<Self> {
        let opener = Opener {
            url: url.into(),
            engine,
            sessions,
        };
        let pool = Pool::builder(opener)
            .max_size(most.try_into().unwrap_or(usize::MAX))
            // The one whose prepared statements were used last.
            .queue_mode(QueueMode::Lifo)
            .build()
            .map_err(|error| sqlx::Error::Configuration(error.into()))?;
        let connections = Self { pool };
        connections.take().await?;
        Ok(connections)
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub(super) fn count(&self) -> (u32, u32) {
        let status = self.pool.status();
        let [open, idle] =
            [status.size, status.available].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        (open, idle)
    }

    /// Takes a connection.
    ///
    /// # Errors
    /// When none becomes free in time, or the database fails.
    pub(super) async fn take(&self) -> sqlx::Result<Lent> {
        let connection = match timeout(ACQUIRE_LIMIT, self.pool.get()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(PoolError::Backend(error))) => return Err(error),
            Ok(Err(_)) => return Err(sqlx::Error::PoolClosed),
            Err(_) => return Err(sqlx::Error::PoolTimedOut),
        };
        Ok(Lent {
            connection: Some(connection),
            unfinished: None,
            turn: None,
        })
    }

    /// Runs a single statement to its end, at which what it wrote is committed.
    pub(super) async fn run<'q>(&self, query: impl Execute<'q, Any> + 'q) -> sqlx::Result<Results> {
        let mut lent = self.take().await?;
        lent.unfinished = Some(Unfinished::Statement);
        let results = lent.connection().fetch_many(query).try_collect().await?;
        lent.unfinished = None;
        Ok(results)
    }

    /// Begins a transaction that can write, in this turn.
    ///
    /// # Errors
    /// When no connection becomes free in time, or the database fails.
    pub(super) async fn begin(&self, turn: Option<Turn>) -> sqlx::Result<Lent> {
        let opener = self.pool.manager();
        let mut lent = match (opener.engine, opener.sessions) {
            // A deferred transaction fails if another one writes between its read and its write.
            (Engine::Sqlite, _) => self.begin_with("BEGIN IMMEDIATE").await?,
            (Engine::Postgres, Sessions::Own) => self.begin_with("BEGIN").await?,
            (Engine::Postgres, Sessions::Shared) => self.begin_with(LIMITED).await?,
        };
        lent.turn = turn;
        Ok(lent)
    }

    /// Begins a transaction of PostgreSQL for a single statement.
    ///
    /// # Errors
    /// When no connection becomes free in time, or the database fails.
    pub(super) async fn begin_single(&self, kind: Kind) -> sqlx::Result<Lent> {
        let statement = match (kind, self.pool.manager().sessions) {
            (Kind::Any, Sessions::Own) => "BEGIN",
            (Kind::Any, Sessions::Shared) => LIMITED,
            (Kind::List, Sessions::Own) => LISTS,
            (Kind::List, Sessions::Shared) => LIMITED_LISTS,
        };
        self.begin_with(statement).await
    }

    /// Through a pooler it begins again if the pooler had a session that PostgreSQL has closed, of which the
    /// connection to the pooler knows nothing.
    async fn begin_with(&self, statement: &'static str) -> sqlx::Result<Lent> {
        let is_shared = self.pool.manager().sessions == Sessions::Shared;
        let begin = || async {
            let mut lent = self.take().await?;
            lent.unfinished = Some(Unfinished::Transaction);
            lent.connection().execute(statement).await?;
            Ok(lent)
        };
        let once_more = ConstantBuilder::new()
            .with_delay(Duration::ZERO)
            .with_max_times(1);
        begin
            .retry(once_more)
            .when(|error| is_shared && is_closed(error))
            .await
    }
}

/// Begins a transaction and limits it, in one round trip.
macro_rules! limited {
    () => {
        "begin; set local statement_timeout = '10s'; set local idle_in_transaction_session_timeout = '30s'"
    };
}

/// The statements of lists are planned for their values, and read indexes no further than they have to, as they would
/// for a bitmap. Some engines do not have these settings.
macro_rules! for_lists {
    () => {
        "select set_config(name, case name when 'plan_cache_mode' then 'force_custom_plan' \
         when 'enable_bitmapscan' then 'off' else '0' end, true) from pg_settings \
         where name in ('plan_cache_mode', 'enable_bitmapscan', 'max_parallel_workers_per_gather')"
    };
}

const LIMITED: &str = limited!();
const LISTS: &str = concat!("begin; ", for_lists!());
const LIMITED_LISTS: &str = concat!(limited!(), "; ", for_lists!());

/// Whether the session or the connection was closed: connection_exception, which PgBouncer reports, and
/// admin_shutdown. A statement that waited in vain for a session does not wait again.
fn is_closed(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) => true,
        sqlx::Error::Database(error) => {
            let waited = error.message().contains("query_wait_timeout");
            let closed = |code: &str| code.starts_with("08") || code.starts_with("57P");
            !waited && error.code().is_some_and(|code| closed(&code))
        }
        _ => false,
    }
}

impl Lent {
    /// The connection, for statements in a transaction.
    #[expect(clippy::expect_used, reason = "only `drop` takes it")]
    pub(super) fn connection(&mut self) -> &mut AnyConnection {
        self.connection.as_mut().expect("a connection until drop")
    }

    /// Commits the transaction.
    ///
    /// # Errors
    /// When the database fails. The transaction may have been committed or not.
    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        match self.turn.take() {
            Some(turn) => turn.commit(self.end(), |()| true).await,
            None => self.end().await,
        }
    }

    async fn end(&mut self) -> sqlx::Result<()> {
        self.connection().execute("COMMIT").await?;
        self.unfinished = None;
        Ok(())
    }
}

impl Drop for Lent {
    /// What is unfinished ends before anybody else gets the connection.
    fn drop(&mut self) {
        let (Some(mut connection), Some(unfinished)) = (self.connection.take(), self.unfinished)
        else {
            return;
        };
        let turn = self.turn.take();
        let Ok(runtime) = Handle::try_current() else {
            drop(Object::take(connection));
            return;
        };
        runtime.spawn(async move {
            if finish(&mut connection, unfinished).await.is_err() {
                // It is closed.
                drop(Object::take(connection));
            }
            drop(turn);
        });
    }
}

async fn finish(connection: &mut AnyConnection, unfinished: Unfinished) -> sqlx::Result<()> {
    match unfinished {
        Unfinished::Statement => connection.ping().await,
        // SQLite has ended it by itself after a failure such as a full disk, and fails.
        Unfinished::Transaction => connection.execute("ROLLBACK").await.map(drop),
    }
}

impl Opener {
    async fn open(&self) -> sqlx::Result<AnyConnection> {
        let mut connection = AnyConnection::connect(self.url.expose_secret()).await?;
        match (self.engine, self.sessions) {
            (Engine::Sqlite, _) => set_up_sqlite(&mut connection).await?,
            (Engine::Postgres, Sessions::Own) => {
                connection.execute(POSTGRES_SETTINGS).await?;
            }
            // Each transaction has them.
            (Engine::Postgres, Sessions::Shared) => {}
        }
        Ok(connection)
    }
}

impl Manager for Opener {
    type Type = AnyConnection;
    type Error = sqlx::Error;

    /// Waits for a database that starts.
    async fn create(&self) -> sqlx::Result<AnyConnection> {
        let backoff = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(10))
            .with_max_delay(Duration::from_secs(1))
            .with_jitter()
            .without_max_times();
        (|| self.open()).retry(backoff).when(is_starting).await
    }

    async fn recycle(
        &self,
        connection: &mut AnyConnection,
        metrics: &Metrics,
    ) -> RecycleResult<sqlx::Error> {
        if metrics.age() > LONGEST {
            return Err(RecycleError::message("the connection is too old"));
        }
        if self.engine == Engine::Postgres && metrics.last_used() > TRUSTED {
            connection.ping().await?;
        }
        Ok(())
    }
}

/// Whether nobody listens yet, or the database accepts no connections at the moment.
fn is_starting(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => error.is_transient_in_connect_phase(),
        _ => false,
    }
}

/// `secure_delete`: what is removed is overwritten, and does not stay in unused parts of the file.
const SQLITE_SETTINGS: &str = "pragma synchronous = full; pragma foreign_keys = on; \
    pragma busy_timeout = 10000; pragma secure_delete = on;";

/// Commits are written to the disk by [`Turn::commit`]. Without a write-ahead log, SQLite does it.
async fn set_up_sqlite(connection: &mut AnyConnection) -> sqlx::Result<()> {
    connection.execute(SQLITE_SETTINGS).await?;
    let mode = connection.fetch_one("pragma journal_mode = wal").await?;
    if mode.try_get::<String, _>(0)? == "wal" {
        connection.execute("pragma synchronous = normal").await?;
    }
    Ok(())
}

/// A statement ends in time, and the transaction of a server that is gone releases its locks. Every statement has
/// an index to use, and is planned once, but for lists ([`LISTS`]): without statistics, as in a new database, PostgreSQL
/// would plan to read whole tables while they are small, and keep to that. Workers take longer to start than such a
/// statement takes. Some engines do not have the last four settings.
const POSTGRES_SETTINGS: &str = "set statement_timeout = '10s'; \
    set idle_in_transaction_session_timeout = '30s'; \
    select set_config(name, case name when 'plan_cache_mode' then 'force_generic_plan' \
        when 'max_parallel_workers_per_gather' then '0' else 'off' end, false) \
    from pg_settings \
    where name in ('enable_seqscan', 'jit', 'plan_cache_mode', 'max_parallel_workers_per_gather');";
