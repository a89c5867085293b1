//! The database of a test: an SQLite file, or a new database in the PostgreSQL server of
//! `TILL_TEST_POSTGRES`.

use crate::tools::installed;
use anyhow::{Context, Result, ensure};
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, AssertSqlSafe, Column, Row};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// The name of an SQLite file.
const FILE: &str = "till.db";

/// The database of one test.
pub struct Database {
    /// Its URL. Servers reach it through PgBouncer in `cargo xtask test --pgbouncer`.
    pub url: String,
}

impl Database {
    /// Creates a database, with the tables if `cargo xtask test` has migrated a template. An SQLite file is in
    /// `dir`.
    pub async fn new(dir: &Path) -> Result<Self> {
        if let Some(template) = std::env::var_os("TILL_TEST_SQLITE") {
            std::fs::copy(template, dir.join(FILE))?;
        }
        Self::copied_from("template1", dir).await
    }

    /// Creates a database without tables. An SQLite file is in `dir`.
    pub async fn empty(dir: &Path) -> Result<Self> {
        Self::copied_from("template0", dir).await
    }

    async fn copied_from(template: &str, dir: &Path) -> Result<Self> {
        let Some(server) = std::env::var_os("TILL_TEST_POSTGRES") else {
            return Ok(Self::in_directory(dir));
        };
        let server = server
            .into_string()
            .ok()
            .context("TILL_TEST_POSTGRES is not UTF-8")?;
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "t_{}_{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        let admin = connect(&format!("{server}/postgres")).await?;
        sqlx::query(AssertSqlSafe(format!(
            "create database {name} template {template}"
        )))
        .execute(&admin)
        .await?;
        Ok(Self {
            url: format!("{server}/{name}"),
        })
    }

    /// Returns an SQLite database in a directory.
    pub fn in_directory(dir: &Path) -> Self {
        let file = dir.join(FILE);
        Self {
            url: format!("sqlite:{}", file.display()),
        }
    }

    /// Returns the settings with which a server reaches the database.
    ///
    /// # Errors
    /// When a variable has no URL.
    pub fn settings(&self) -> Result<Vec<(&'static str, String)>> {
        let direct = vec![("DATABASE_URL", self.url.clone())];
        let Ok(pooler) = std::env::var("TILL_TEST_PGBOUNCER") else {
            return Ok(direct);
        };
        let server = std::env::var("TILL_TEST_POSTGRES")?;
        let (_, server) = server.split_once('@').context("no user")?;
        if !self.url.contains(&format!("@{server}/")) {
            // PgBouncer leads to the server of all tests, and this is another one.
            return Ok(direct);
        }
        Ok(vec![
            ("DATABASE_URL", at(&self.url, &pooler)?),
            ("TILL_DATABASE_LISTEN_URL", self.url.clone()),
        ])
    }

    /// Connects to the database and creates an SQLite file.
    pub async fn new_pool(&self) -> Result<AnyPool> {
        if self.url.starts_with("sqlite:") {
            connect(&format!("{}?mode=rwc", self.url)).await
        } else {
            self.pool().await
        }
    }

    /// Connects to the database.
    pub async fn pool(&self) -> Result<AnyPool> {
        connect(&self.url).await
    }

    /// Returns a dump of a PostgreSQL database; empty for SQLite, which stores a file.
    pub fn dump(&self) -> Result<Vec<u8>> {
        if self.url.starts_with("sqlite:") {
            return Ok(vec![]);
        }
        let output = Command::new("pg_dump").arg(&self.url).output()?;
        ensure!(output.status.success(), "pg_dump failed");
        Ok(output.stdout)
    }
}

/// Returns the URL of a PostgreSQL database with another host and port.
///
/// # Errors
/// When the URL has no host.
pub fn at(url: &str, address: &str) -> Result<String> {
    let (user, rest) = url.split_once('@').context("no user")?;
    let (_, name) = rest.split_once('/').context("no database")?;
    Ok(format!("{user}@{address}/{name}"))
}

/// Returns the user and the group that PostgreSQL runs as, if this is another one.
///
/// # Errors
/// When `cargo xtask test` has not started it.
pub fn postgres_owner() -> Result<Option<(u32, u32)>> {
    let owner = std::fs::metadata(installed("TILL_POSTGRES_DATA")?)?;
    let me = std::fs::metadata("/proc/self").map_or(owner.uid(), |me| me.uid());
    Ok((owner.uid() != me).then_some((owner.uid(), owner.gid())))
}

/// Whether tests run on PostgreSQL.
pub fn on_postgres() -> bool {
    std::env::var_os("TILL_TEST_POSTGRES").is_some()
}

/// Returns the columns of all tables with a value that contains one of the texts, such as
/// `invoices.buyer`.
pub async fn columns_with(store: &AnyPool, texts: &[&str]) -> Result<Vec<String>> {
    let tables = if on_postgres() {
        "select cast(table_name as text) from information_schema.tables
         where table_schema = 'public'"
    } else {
        "select name from sqlite_schema where type = 'table'"
    };
    let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(store).await?;
    ensure!(tables.len() > 10, "{tables:?}");
    let mut found = vec![];
    for table in tables.iter().filter(|table| *table != "_sqlx_migrations") {
        let sql = format!("select * from {table}");
        for row in sqlx::query(AssertSqlSafe(sql)).fetch_all(store).await? {
            for column in row.columns() {
                let value = row.try_get::<Option<String>, _>(column.name());
                let value = value.ok().flatten().unwrap_or_default();
                if texts.iter().any(|text| value.contains(text)) {
                    found.push(format!("{table}.{}", column.name()));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// Stops the tests' PostgreSQL server without a clean shutdown and restarts it.
///
/// # Errors
/// When `cargo xtask test` has not started it, or it does not restart.
pub async fn crash_postgres() -> Result<()> {
    let (bin, data) = (
        installed("TILL_POSTGRES_BIN")?,
        installed("TILL_POSTGRES_DATA")?,
    );
    let mut restart = tokio::process::Command::new(bin.join("pg_ctl"));
    restart
        .args(["restart", "-w", "-s", "-m", "immediate", "-D"])
        .arg(&data)
        .arg("-l")
        .arg(data.with_file_name("log"))
        .current_dir(&data)
        // The server outlives this test: `cargo xtask test` stops it, and must not count it as left over.
        .env_remove("XTASK_TEST_RUN");
    // PostgreSQL does not run as root.
    if let Some((uid, gid)) = postgres_owner()? {
        restart.uid(uid).gid(gid);
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
