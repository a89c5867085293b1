//! The server's database in a test: a file of its own, or a database of its own in the PostgreSQL
//! of `TILL_TEST_POSTGRES`. The same tests run on both.

use crate::tools::installed;
use anyhow::{Context, Result, ensure};
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, AssertSqlSafe};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A database that one test has for itself.
pub struct Database {
    /// What the server is given as `DATABASE_URL`.
    pub url: String,
}

impl Database {
    /// Makes one. An SQLite file lies in `dir`.
    pub async fn new(dir: &Path) -> Result<Self> {
        let Some(server) = std::env::var_os("TILL_TEST_POSTGRES") else {
            return Ok(Self::in_directory(dir));
        };
        let server = server
            .into_string()
            .ok()
            .context("TILL_TEST_POSTGRES is no text")?;
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "t_{}_{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        let admin = connect(&format!("{server}/postgres")).await?;
        sqlx::query(AssertSqlSafe(format!("create database {name}")))
            .execute(&admin)
            .await?;
        Ok(Self {
            url: format!("{server}/{name}"),
        })
    }

    /// An SQLite file in a directory.
    pub fn in_directory(dir: &Path) -> Self {
        let file = dir.join("till.db");
        Self {
            url: format!("sqlite:{}", file.display()),
        }
    }

    /// To fill it before any server has.
    pub async fn new_pool(&self) -> Result<AnyPool> {
        match self.url.starts_with("sqlite:") {
            true => connect(&format!("{}?mode=rwc", self.url)).await,
            false => self.pool().await,
        }
    }

    /// To look into it.
    pub async fn pool(&self) -> Result<AnyPool> {
        connect(&self.url).await
    }

    /// Everything that PostgreSQL holds, as text; nothing for SQLite, whose file says it.
    pub fn dump(&self) -> Result<Vec<u8>> {
        if self.url.starts_with("sqlite:") {
            return Ok(vec![]);
        }
        let output = Command::new("pg_dump").arg(&self.url).output()?;
        ensure!(output.status.success(), "pg_dump failed");
        Ok(output.stdout)
    }
}

/// Whether tests run on PostgreSQL.
pub fn on_postgres() -> bool {
    std::env::var_os("TILL_TEST_POSTGRES").is_some()
}

/// Stops the PostgreSQL of the tests without letting it tidy up, and starts it again.
///
/// # Errors
/// When `cargo xtask test` has not started it, or it does not come back.
pub async fn crash_postgres() -> Result<()> {
    let (bin, data) = (
        installed("TILL_POSTGRES_BIN")?,
        installed("TILL_POSTGRES_DATA")?,
    );
    let owner = std::fs::metadata(&data)?;
    let mut restart = tokio::process::Command::new(bin.join("pg_ctl"));
    restart
        .args(["restart", "-w", "-s", "-m", "immediate", "-D"])
        .arg(&data)
        .arg("-l")
        .arg(data.with_file_name("log"))
        .current_dir(&data);
    // It refuses to run as root.
    if owner.uid() != std::fs::metadata("/proc/self").map_or(owner.uid(), |me| me.uid()) {
        restart.uid(owner.uid()).gid(owner.gid());
    }
    ensure!(restart.status().await?.success(), "pg_ctl restart failed");
    Ok(())
}

async fn connect(url: &str) -> Result<AnyPool> {
    sqlx::any::install_default_drivers();
    Ok(AnyPoolOptions::new()
        .max_connections(1)
        .connect(url)
        .await?)
}
