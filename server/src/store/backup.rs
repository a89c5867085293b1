//! A copy of an SQLite database that is in use. PostgreSQL has a tool of its own.

use anyhow::{Context, bail, ensure};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use std::fs;
use std::path::Path;
use std::str::FromStr;

/// Copies the database as it is at one moment, while others read and write it. The copy has its
/// name only once it is complete, found sound and on the disk.
///
/// # Errors
/// When it is no SQLite database, something stands in the copy's place, or it can't be made.
pub async fn backup(url: &str, to: &Path) -> anyhow::Result<()> {
    if !url.starts_with("sqlite:") {
        bail!("this copies SQLite; for PostgreSQL use pg_dump");
    }
    ensure!(!to.exists(), "{} is there already", to.display());
    let mut part = to.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = Path::new(&part);
    private(part).with_context(|| format!("can't write {}", part.display()))?;
    let done = copy(url, part).await.and_then(|()| {
        fs::File::open(part)?.sync_all()?;
        Ok(fs::rename(part, to)?)
    });
    if done.is_err() {
        // What is there is of no use.
        let _ = fs::remove_file(part);
    }
    done
}

async fn copy(url: &str, to: &Path) -> anyhow::Result<()> {
    let path = to.to_str().context("a path that is not UTF-8")?;
    // It must be there: a new, empty one would be copied just as well.
    let from = SqliteConnectOptions::from_str(url)?.create_if_missing(false);
    let mut from = from.connect().await.context("can't open the database")?;
    let into = format!("vacuum into '{}'", path.replace('\'', "''"));
    sqlx::query(AssertSqlSafe(into)).execute(&mut from).await?;
    from.close().await?;
    let copy = SqliteConnectOptions::new().filename(to);
    let mut copy: SqliteConnection = copy.connect().await?;
    let sound: String = sqlx::query_scalar("pragma integrity_check")
        .fetch_one(&mut copy)
        .await?;
    copy.close().await?;
    ensure!(sound == "ok", "the copy is not sound: {sound}");
    Ok(())
}

/// Makes an empty file that nobody else may read: buyers' data are about to be in it.
fn private(path: &Path) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ())
}
