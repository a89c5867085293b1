//! Backups of an SQLite database that is in use. For PostgreSQL there is `pg_dump`.

use crate::private_file;
use anyhow::{Context, bail, ensure};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::fs;
use std::path::Path;
use std::str::FromStr;

/// Copies a consistent snapshot of the database, while others read and write it. The copy is
/// renamed to `to` once it is complete, verified and on disk.
///
/// # Errors
/// When the database is not SQLite, `to` exists already, or the copy fails.
pub async fn backup(url: &str, to: &Path) -> anyhow::Result<()> {
    if !url.starts_with("sqlite:") {
        bail!("`till backup` copies SQLite databases only; for PostgreSQL use pg_dump");
    }
    ensure!(!to.exists(), "{} exists already", to.display());
    let mut part = to.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = Path::new(&part);
    // The copy contains buyers' data.
    private_file::create(part).with_context(|| format!("can't write {}", part.display()))?;
    let done = copy(url, part).await.and_then(|()| {
        fs::File::open(part)?.sync_all()?;
        Ok(fs::rename(part, to)?)
    });
    if done.is_err() {
        // An incomplete copy is of no use.
        let _ = fs::remove_file(part);
    }
    done
}

async fn copy(url: &str, to: &Path) -> anyhow::Result<()> {
    let path = to.to_str().context("the path is not UTF-8")?;
    // Without this, a missing database would be created and copied.
    let from = SqliteConnectOptions::from_str(url)?.create_if_missing(false);
    let mut from = from.connect().await.context("can't open the database")?;
    let into = format!("vacuum into '{}'", path.replace('\'', "''"));
    sqlx::query(AssertSqlSafe(into)).execute(&mut from).await?;
    from.close().await?;
    let copy = SqliteConnectOptions::new().filename(to);
    let mut copy: SqliteConnection = copy.connect().await?;
    let integrity: String = sqlx::query_scalar("pragma integrity_check")
        .fetch_one(&mut copy)
        .await?;
    copy.close().await?;
    ensure!(integrity == "ok", "the copy is damaged: {integrity}");
    Ok(())
}
