//! The database's schema: its migrations, and whether they have been applied.

use super::engine::Engine;
use super::error::{Result, StoreError, is_unsupported};
use super::indexes;
use crate::private_file;
use backon::{ExponentialBuilder, Retryable};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AnyConnection, Connection};
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
    let url = match engine {
        Engine::Sqlite if !url.contains("mode=") => {
            let separator = if url.contains('?') { '&' } else { '?' };
            format!("{url}{separator}mode=rwc")
        }
        Engine::Sqlite | Engine::Postgres => url.to_owned(),
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
    let locking = match engine {
        Engine::Sqlite => true,
        Engine::Postgres => has_advisory_locks(&mut connection).await?,
    };
    let migrator = Migrator {
        locking,
        migrations: MIGRATIONS.migrations.clone(),
        ..Migrator::DEFAULT
    };
    migrator.run(&mut connection).await?;
    indexes::create(&mut connection, engine, locking).await?;
    Ok(connection.close().await?)
}

/// Whether servers that start together can take turns. Some databases that speak PostgreSQL's
/// protocol have no advisory locks.
async fn has_advisory_locks(connection: &mut AnyConnection) -> Result<bool> {
    let tried = sqlx::query("select pg_try_advisory_xact_lock(1)")
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

/// Checks that every migration has been applied, and changes nothing.
///
/// # Errors
/// [`StoreError::Outdated`] when one has not; when the database can't be opened.
pub(super) async fn check(engine: Engine, url: &str) -> Result<()> {
    let mut connection = connect(url).await?;
    let exists = match engine {
        Engine::Sqlite => "select count(*) from sqlite_schema where name = '_sqlx_migrations'",
        Engine::Postgres => "select count(to_regclass('_sqlx_migrations'))",
    };
    let exists: i64 = sqlx::query_scalar(exists)
        .fetch_one(&mut connection)
        .await?;
    let applied: Vec<i64> = match exists {
        0 => vec![],
        _ => {
            sqlx::query_scalar("select version from _sqlx_migrations where success")
                .fetch_all(&mut connection)
                .await?
        }
    };
    connection.close().await?;
    if MIGRATIONS.iter().any(|m| !applied.contains(&m.version)) {
        return Err(StoreError::Outdated);
    }
    Ok(())
}
