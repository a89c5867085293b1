//! Poolers between a server and PostgreSQL, such as PgBouncer in transaction mode, that give each transaction
//! another session of PostgreSQL.
//!
//! What a session keeps is lost between transactions then, or met by others: prepared statements, settings,
//! `LISTEN` and session-level locks. Through such a pooler, every statement runs in a transaction, settings are
//! the transaction's, and statements have no names.

use super::error::{Result, is_unsupported};
use super::turns::Turns;
use backon::{ConstantBuilder, Retryable};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::error::BoxDynError;
use sqlx::{
    Any, AnyConnection, AnyPool, Database, Describe, Either, Execute, Executor, Row, SqlStr,
    Transaction,
};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long [`Sessions::probe`] waits for both connections. Longer, and the pooler has no second session to give.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// The order in which [`Sessions::probe`] asks two connections. A pooler that hands out its sessions in turn is
/// noticed by the repetitions.
const PROBES: [usize; 6] = [0, 1, 0, 0, 1, 1];

/// Begins a transaction and limits it, in one round trip.
const LIMITED: &str = "begin; set local statement_timeout = '10s'; \
    set local idle_in_transaction_session_timeout = '30s'";

/// The sessions of the database that connections have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sessions {
    /// Each connection has its own.
    Own,
    /// A pooler gives each transaction one.
    Shared,
}

impl Sessions {
    /// Finds out which sessions two connections to the same URL have.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn probe(
        first: &mut AnyConnection,
        second: &mut AnyConnection,
    ) -> Result<Self> {
        let mut connections = [first, second];
        let mut seen = [BTreeSet::new(), BTreeSet::new()];
        let asked = async {
            for turn in PROBES {
                let row = sqlx::raw_sql("select pg_backend_pid()")
                    .fetch_one(&mut *connections[turn])
                    .await?;
                seen[turn].insert(row.try_get::<i32, _>(0)?);
            }
            Ok::<_, sqlx::Error>(())
        };
        match tokio::time::timeout(PROBE_LIMIT, asked).await {
            Ok(Ok(())) => {}
            // No pooler speaks for a database that has no sessions with an id.
            Ok(Err(error)) if is_unsupported(&error) => return Ok(Self::Own),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Ok(Self::Shared),
        }
        let [first, second] = seen;
        if first.len() == 1 && second.len() == 1 && first != second {
            Ok(Self::Own)
        } else {
            Ok(Self::Shared)
        }
    }
}

/// Begins a transaction of PostgreSQL through a pooler. It begins again if the pooler had a session that
/// PostgreSQL has closed, of which the connection to the pooler knows nothing.
///
/// It begins in a task of its own. If it were canceled, as when a client disconnects, the driver would not know
/// of the transaction, and the pooler would keep a session for it until its time limit.
pub(super) async fn begin(pool: &AnyPool) -> sqlx::Result<Transaction<'static, Any>> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move {
        let at_once = ConstantBuilder::new()
            .with_delay(Duration::ZERO)
            .with_max_times(1);
        (|| pool.begin_with(LIMITED))
            .retry(at_once)
            .when(is_closed)
            .await
    });
    begun.await.map_err(|_| sqlx::Error::WorkerCrashed)?
}

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

/// Runs single statements, each on a connection of the pool.
#[derive(Debug, Clone, Copy)]
pub struct Pool<'a> {
    pub(super) pool: &'a AnyPool,
    pub(super) sessions: Sessions,
    /// The turns of writers, which a statement waits for.
    pub(super) turns: Option<&'a Turns>,
}

impl<'c> Executor<'c> for Pool<'c> {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, sqlx::Result<Either<AnyQueryResult, AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        if self.sessions == Sessions::Own && self.turns.is_none() {
            return self.pool.fetch_many(query);
        }
        let all = async move {
            let all: Vec<_> = if let Some(turns) = self.turns {
                let all = self.pool.fetch_many(query).try_collect::<Vec<_>>();
                turns.write(all, |all| has_changed(all)).await?
            } else {
                let mut tx = begin(self.pool).await?;
                let all = tx.fetch_many(Unnamed(query)).try_collect().await?;
                tx.commit().await?;
                all
            };
            Ok::<_, sqlx::Error>(stream::iter(all).map(Ok))
        };
        stream::once(all).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        if self.sessions == Sessions::Own && self.turns.is_none() {
            return self.pool.fetch_optional(query);
        }
        Box::pin(async move {
            if let Some(turns) = self.turns {
                let row = self.pool.fetch_optional(query);
                return turns.write(row, Option::is_some).await;
            }
            let mut tx = begin(self.pool).await?;
            let row = tx.fetch_optional(Unnamed(query)).await?;
            tx.commit().await?;
            Ok(row)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'c: 'e,
    {
        self.pool.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Any>>>
    where
        'c: 'e,
    {
        self.pool.describe(sql)
    }
}

/// Whether a statement changed any rows, of which it may return some.
fn has_changed(results: &[Either<AnyQueryResult, AnyRow>]) -> bool {
    results.iter().any(|result| match result {
        Either::Left(done) => done.rows_affected() > 0,
        Either::Right(_) => true,
    })
}

/// Runs the statements of a transaction.
#[derive(Debug)]
pub(super) struct Connection<'a> {
    pub(super) connection: &'a mut AnyConnection,
    pub(super) sessions: Sessions,
}

impl<'c> Executor<'c> for Connection<'c> {
    type Database = Any;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, sqlx::Result<Either<AnyQueryResult, AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        match self.sessions {
            Sessions::Own => self.connection.fetch_many(query),
            Sessions::Shared => self.connection.fetch_many(Unnamed(query)),
        }
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        match self.sessions {
            Sessions::Own => self.connection.fetch_optional(query),
            Sessions::Shared => self.connection.fetch_optional(Unnamed(query)),
        }
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [AnyTypeInfo],
    ) -> BoxFuture<'e, sqlx::Result<AnyStatement>>
    where
        'c: 'e,
    {
        self.connection.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Any>>>
    where
        'c: 'e,
    {
        self.connection.describe(sql)
    }
}

/// A query whose statement gets no name in the session: it is parsed each time that it runs.
struct Unnamed<E>(E);

impl<'q, E: Execute<'q, Any>> Execute<'q, Any> for Unnamed<E> {
    fn sql(self) -> SqlStr {
        self.0.sql()
    }

    fn statement(&self) -> Option<&AnyStatement> {
        None
    }

    fn take_arguments(
        &mut self,
    ) -> std::result::Result<Option<<Any as Database>::Arguments>, BoxDynError> {
        self.0.take_arguments()
    }

    fn persistent(&self) -> bool {
        false
    }
}
