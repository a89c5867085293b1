//! Runs statements, through a pooler too.

use super::connections::{Connections, Kind, Results};
use super::sessions::Sessions;
use super::turns::Turns;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use sqlx::any::{AnyQueryResult, AnyRow, AnyStatement, AnyTypeInfo};
use sqlx::error::BoxDynError;
use sqlx::{Any, AnyConnection, Database, Describe, Either, Execute, Executor, SqlStr};

/// Runs single statements, each on a connection of the pool. A result is there once what was written is committed.
#[derive(Debug, Clone, Copy)]
pub struct Pool<'a> {
    pub(super) connections: &'a Connections,
    pub(super) sessions: Sessions,
    /// The turns of writers, which a statement waits for.
    pub(super) turns: Option<&'a Turns>,
    /// What the statements do. It matters to PostgreSQL only.
    pub(super) kind: Kind,
}

impl Pool<'_> {
    async fn run<'q>(self, query: impl Execute<'q, Any> + 'q) -> sqlx::Result<Results> {
        if let Some(turns) = self.turns {
            return turns
                .write(self.connections.run(query), |all| has_changed(all))
                .await;
        }
        if self.kind == Kind::Any && self.sessions == Sessions::Own {
            return self.connections.run(query).await;
        }
        let mut tx = self.connections.begin_single(self.kind).await?;
        let connection = Connection {
            connection: tx.connection(),
            sessions: self.sessions,
        };
        let results = connection.fetch_many(query).try_collect().await?;
        tx.commit().await?;
        Ok(results)
    }
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
        let results = async move {
            let results = self.run(query).await?;
            Ok::<_, sqlx::Error>(stream::iter(results).map(Ok))
        };
        stream::once(results).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, sqlx::Result<Option<AnyRow>>>
    where
        'c: 'e,
        E: 'q + Execute<'q, Any>,
    {
        Box::pin(async move {
            let results = self.run(query).await?;
            Ok(results.into_iter().find_map(Either::right))
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
        Box::pin(async move {
            let mut lent = self.connections.take().await?;
            lent.connection().prepare_with(sql, parameters).await
        })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, sqlx::Result<Describe<Any>>>
    where
        'c: 'e,
    {
        Box::pin(async move {
            let mut lent = self.connections.take().await?;
            lent.connection().describe(sql).await
        })
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
