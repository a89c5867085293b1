//! PgBouncer in transaction mode between servers and the tests' PostgreSQL.

use crate::database::{at, postgres_owner};
use crate::docs::docs;
use crate::process::command;
use crate::tools::{free_port, installed};
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::os::unix::fs::chown;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::Child;

/// A running PgBouncer with the configuration of the documentation, but without passwords. It ends on drop.
pub struct PgBouncer {
    address: String,
    process: Child,
    _files: TempDir,
}

impl PgBouncer {
    /// Starts PgBouncer with some sessions for each database.
    ///
    /// # Errors
    /// When `cargo xtask test` has not installed it, or it does not start.
    pub async fn start(sessions: u32) -> Result<Self> {
        let size = format!("default_pool_size = {sessions}");
        Self::with(&[("default_pool_size = 20", &size)]).await
    }

    /// Starts PgBouncer with texts of the configuration replaced.
    ///
    /// # Errors
    /// As [`Self::start`], and when the configuration has no such text.
    pub async fn with(replaced: &[(&str, &str)]) -> Result<Self> {
        let server = std::env::var("TILL_TEST_POSTGRES").context("these tests need PostgreSQL")?;
        let (_, server) = server.rsplit_once(':').context("no port")?;
        let port = free_port().await?;
        let mut configuration = fs::read_to_string(docs()?.join("snippets/pgbouncer.ini"))?;
        let (postgres, own) = (format!("port={server}"), format!("listen_port = {port}"));
        let here = [
            ("port=5432", postgres.as_str()),
            ("listen_port = 6432", &own),
            (
                "auth_type = scram-sha-256",
                "auth_type = trust\nauth_user = till",
            ),
        ];
        for (text, by) in here.iter().chain(replaced) {
            ensure!(
                configuration.contains(text),
                "{text:?} is not in pgbouncer.ini"
            );
            configuration = configuration.replace(text, by);
        }
        let files = tempfile::tempdir()?;
        let dir = files.path();
        fs::write(dir.join("pgbouncer.ini"), configuration)?;
        fs::write(dir.join("userlist.txt"), "\"till\" \"\"\n")?;
        let mut pgbouncer = command(installed("TILL_PGBOUNCER")?);
        pgbouncer
            .args(["-q", "pgbouncer.ini"])
            .current_dir(dir)
            .stderr(Stdio::null())
            .kill_on_drop(true);
        // PgBouncer does not run as root.
        if let Some((uid, gid)) = postgres_owner()? {
            chown(dir, Some(uid), Some(gid))?;
            pgbouncer.uid(uid).gid(gid);
        }
        let address = format!("127.0.0.1:{port}");
        let started = Self {
            process: pgbouncer.spawn()?,
            address,
            _files: files,
        };
        until("PgBouncer", async || {
            Ok(TcpStream::connect(&started.address).await.is_ok())
        })
        .await?;
        Ok(started)
    }

    /// Returns the URL of a database through this PgBouncer.
    ///
    /// # Errors
    /// When the URL is not one of PostgreSQL.
    pub fn url(&self, direct: &str) -> Result<String> {
        at(direct, &self.address)
    }

    /// Returns the id of the process; `None` if it has exited.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }
}
