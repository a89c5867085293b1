//! The database's schema: its migrations, and whether they have been applied.

use super::engine::Engine;
use super::error::{Result, StoreError, is_unsupported};
use super::indexes;
use super::sessions::Sessions;
use crate::private_file;
use backon::{ExponentialBuilder, Retryable};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, Connection, Row};
use std::str::FromStr;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Creates the tables or brings them up to date. An SQLite file is created if there is none.
///
/// # Errors
/// When the URL is neither `sqlite:` nor `postgres:`, or the database can't be opened or migrated.
pub async fn migrate(url: &str) -> Result<()> {
    sqlx::any::install_default_drivers();
    let engine = Engine::of(url)?;
    if engine == Engine::Sqlite {
        keep_private(url)?;
    }
    let parameter = match engine {
        Engine::Sqlite if !url.contains("mode=") => Some("mode=rwc"),
        Engine::Sqlite => None,
        // The migrator's statements are forgotten: see `migrate_postgres`.
        Engine::Postgres => Some("statement-cache-capacity=0"),
    };
    let url = match parameter {
        Some(parameter) => {
            let separator = if url.contains('?') { '&' } else { '?' };
            format!("{url}{separator}{parameter}")
        }
        None => url.to_owned(),
    };
    (|| try_migrate(engine, &url))
        .retry(ExponentialBuilder::new())
        .when(|error| engine == Engine::Postgres && error.is_transient())
        .notify(|error, _| tracing::warn!(%error, "the database can't be migrated yet"))
        .await
}

/// Creates an SQLite file that does not exist yet, so that only its owner can read it, and warns of one
/// that others can read. SQLite gives its journal the permissions of the database.
fn keep_private(url: &str) -> Result<()> {
    let options = SqliteConnectOptions::from_str(url)?;
    let file = options.get_filename();
    if url.contains(":memory:") || url.contains("mode=memory") {
        return Ok(());
    }
    // What keeps a file from being created keeps SQLite from opening it, which it reports.
    let created = private_file::create(file).is_ok();
    if !created && private_file::is_shared(file) {
        let file = file.display();
        tracing::warn!(%file, "other users of this machine can read the database: run `chmod 600`");
    }
    Ok(())
}

async fn connect(url: &str) -> Result<AnyConnection> {
    let opened = AnyConnection::connect(url).await;
    opened.map_err(StoreError::opening)
}

async fn try_migrate(engine: Engine, url: &str) -> Result<()> {
    // A connection without the pool's statement timeout: a migration takes as long as it needs.
    let mut connection = connect(url).await?;
    match engine {
        Engine::Sqlite => {
            MIGRATIONS.run(&mut connection).await?;
            indexes::create(&mut connection, engine).await?;
        }
        Engine::Postgres => {
            let takes_turns = has_advisory_locks(&mut connection).await?;
            migrate_postgres(&mut connection, takes_turns).await?;
            create_indexes(&mut connection, takes_turns, url).await?;
        }
    }
    Ok(connection.close().await?)
}

/// Creates the indexes of lists, one server after the other unless a pooler shares sessions, to which the lock
/// belongs.
async fn create_indexes(
    connection: &mut AnyConnection,
    takes_turns: bool,
    url: &str,
) -> Result<()> {
    if indexes::are_complete(connection, Engine::Postgres).await? {
        return Ok(());
    }
    let mut other = connect(url).await?;
    let sessions = Sessions::probe(connection, &mut other).await?;
    if takes_turns && sessions == Sessions::Own {
        indexes::lock(&mut other).await?;
    }
    indexes::create(connection, Engine::Postgres).await?;
    // Closing the connection releases the lock.
    Ok(other.close().await?)
}

/// Applies each missing migration in a transaction, which a pooler leaves in one session of PostgreSQL.
async fn migrate_postgres(connection: &mut AnyConnection, takes_turns: bool) -> Result<()> {
    let applied = applied(Engine::Postgres, connection).await?;
    let mut versions = MIGRATIONS.iter().map(|migration| migration.version);
    let mut missing: Vec<_> = versions
        .clone()
        .filter(|version| !applied.contains(version))
        .collect();
    // Those that are there are compared.
    if missing.is_empty() {
        missing.extend(versions.next_back());
    }
    // The migrator's own lock belongs to a session: through a pooler it could be released in another one.
    let migrator = Migrator {
        locking: false,
        migrations: MIGRATIONS.migrations.clone(),
        ..Migrator::DEFAULT
    };
    for version in missing {
        let mut tx = connection.begin().await?;
        if takes_turns {
            sqlx::raw_sql(LOCK).execute(&mut *tx).await?;
        }
        // The migrator prepares statements. The session may have some of the same names, and keeps none.
        sqlx::raw_sql(FORGET_STATEMENTS).execute(&mut *tx).await?;
        migrator.run_to(version, &mut *tx).await?;
        sqlx::raw_sql(FORGET_STATEMENTS).execute(&mut *tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Waits for another server that migrates. The number is `till` in ASCII.
const LOCK: &str = "select pg_advisory_xact_lock(x'74696c6c'::int)";
const FORGET_STATEMENTS: &str = "deallocate all";

/// Whether servers that start together can take turns. Some databases that speak PostgreSQL's
/// protocol have no advisory locks.
async fn has_advisory_locks(connection: &mut AnyConnection) -> Result<bool> {
    let tried = sqlx::raw_sql("select pg_try_advisory_xact_lock(1)")
        .execute(connection)
        .await;
    match tried {
        Ok(_) => Ok(true),
        Err(error) if is_unsupported(&error) => {
            tracing::warn!(%error, "the database has no advisory locks: start one server first");
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Checks that every migration has been applied, and changes nothing. Returns the sessions that connections
/// have.
///
/// # Errors
/// [`StoreError::Outdated`] when one has not; when the database can't be opened.
pub(super) async fn check(engine: Engine, url: &str) -> Result<Sessions> {
    let mut connection = connect(url).await?;
    let applied = applied(engine, &mut connection).await?;
    if MIGRATIONS.iter().any(|m| !applied.contains(&m.version)) {
        return Err(StoreError::Outdated);
    }
    let sessions = match engine {
        Engine::Sqlite => Sessions::Own,
        Engine::Postgres => Sessions::probe(&mut connection, &mut connect(url).await?).await?,
    };
    connection.close().await?;
    Ok(sessions)
}

/// The versions of the migrations that have been applied. Its statements have no names: a pooler may be in
/// between.
async fn applied(engine: Engine, connection: &mut AnyConnection) -> Result<Vec<i64>> {
    let exists = match engine {
        Engine::Sqlite => "select count(*) from sqlite_schema where name = '_sqlx_migrations'",
        Engine::Postgres => "select count(to_regclass('_sqlx_migrations'))",
    };
    let exists = sqlx::raw_sql(exists).fetch_one(&mut *connection).await?;
    if exists.try_get::<i64, _>(0)? == 0 {
        return Ok(vec![]);
    }
    let applied = "select version from _sqlx_migrations where success";
    let applied = sqlx::raw_sql(applied).fetch_all(connection).await?;
    Ok(applied
        .iter()
        .map(|row| row.try_get(0))
        .collect::<sqlx::Result<_>>()?)
}
