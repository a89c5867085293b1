//! A PostgreSQL of its own with a synchronous standby, which takes over when the primary is killed.

use crate::database::{Database, postgres_owner};
use crate::process::command;
use crate::tools::{free_port, installed};
use crate::wait::until;
use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection};
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// The user that the clusters have.
const USER: &str = "till";

/// A primary and its standby behind one address, which leads to the primary. They end on drop.
pub struct Replicated {
    primary: Server,
    standby: Server,
    /// The port to which the address leads.
    target: Arc<Mutex<u16>>,
    url: String,
    made: u32,
    files: TempDir,
}

/// A running PostgreSQL.
struct Server {
    process: Child,
    port: u16,
}

impl Replicated {
    /// Starts both.
    ///
    /// # Errors
    /// When `cargo xtask test` has not found PostgreSQL, or a program fails.
    pub async fn start() -> Result<Self> {
        let files = tempfile::tempdir()?;
        if let Some((uid, gid)) = postgres_owner()? {
            chown(files.path(), Some(uid), Some(gid))?;
        }
        let user = format!("--username={USER}");
        let initdb = ["--auth=trust", "--no-sync", "--locale=C", &user, "-D", "0"];
        run(&files, "initdb", &initdb).await?;
        let primary = serve(&files, 0).await?;
        let standby = copy(&files, &primary, 1).await?;
        let target = Arc::new(Mutex::new(primary.port));
        let address = relay(target.clone()).await?;
        let replicated = Self {
            primary,
            standby,
            target,
            url: format!("postgres://{USER}@127.0.0.1:{address}/postgres"),
            made: 2,
            files,
        };
        replicated.until_synchronous().await?;
        Ok(replicated)
    }

    /// The database of the primary, whichever it is.
    pub fn database(&self) -> Database {
        Database {
            url: self.url.clone(),
        }
    }

    /// Kills the primary with SIGKILL, has the standby take over, and gives it a standby of its own.
    ///
    /// # Errors
    /// When a program fails.
    pub async fn fail_over(&mut self) -> Result<()> {
        self.primary.process.kill().await?;
        let mut standby = self.standby.connect().await?;
        let promoted: bool = sqlx::query_scalar("select pg_promote()")
            .fetch_one(&mut standby)
            .await?;
        ensure!(promoted, "the standby does not take over");
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = self.standby.port;
        let next = copy(&self.files, &self.standby, self.made).await?;
        self.made += 1;
        self.primary = std::mem::replace(&mut self.standby, next);
        self.until_synchronous().await
    }

    /// Waits until commits wait for the standby.
    async fn until_synchronous(&self) -> Result<()> {
        let mut primary = self.primary.connect().await?;
        until("the standby", async || {
            let sql = "select count(*) from pg_stat_replication where sync_state = 'sync'";
            let count: i64 = sqlx::query_scalar(sql).fetch_one(&mut primary).await?;
            Ok(count == 1)
        })
        .await
    }
}

impl Server {
    async fn connect(&self) -> Result<PgConnection> {
        let url = format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port);
        Ok(PgConnection::connect(&url).await?)
    }
}

/// Returns a command of PostgreSQL in the directory, as the user that it runs as.
fn program(files: &TempDir, name: &str) -> Result<Command> {
    let bin: PathBuf = installed("TILL_POSTGRES_BIN")?;
    let mut command = command(bin.join(name));
    command
        .current_dir(files.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    // PostgreSQL does not run as root.
    if let Some((uid, gid)) = postgres_owner()? {
        command.uid(uid).gid(gid);
    }
    Ok(command)
}

async fn run(files: &TempDir, name: &str, arguments: &[&str]) -> Result<()> {
    let status = program(files, name)?.args(arguments).status().await?;
    ensure!(status.success(), "{name} failed");
    Ok(())
}

/// Starts the server with the data of this number. As a primary, its commits wait until its standby has them.
async fn serve(files: &TempDir, number: u32) -> Result<Server> {
    let port = free_port().await?;
    let mut postgres = program(files, "postgres")?;
    postgres
        .args(["-D", &number.to_string(), "-p", &port.to_string()])
        .args(["-c", "listen_addresses=127.0.0.1"])
        .args(["-c", "unix_socket_directories="])
        .args(["-c", "synchronous_standby_names=*"])
        // The processes are killed, and the machine is not.
        .args(["-c", "fsync=off"]);
    let server = Server {
        process: postgres.spawn().context("postgres")?,
        port,
    };
    until("PostgreSQL", async || Ok(server.connect().await.is_ok())).await?;
    Ok(server)
}

/// Copies a server to the data of this number, and starts the copy as its standby.
async fn copy(files: &TempDir, server: &Server, number: u32) -> Result<Server> {
    let (port, number_text) = (server.port.to_string(), number.to_string());
    let here = ["-h", "127.0.0.1", "-p", &port, "-U", USER];
    let made = [
        "-D",
        &number_text,
        "--write-recovery-conf",
        "--checkpoint=fast",
        "--no-sync",
    ];
    run(files, "pg_basebackup", &[here.as_slice(), &made].concat()).await?;
    serve(files, number).await
}

/// Starts a relay to the port that `target` has when a connection is opened. Returns its port.
async fn relay(target: Arc<Mutex<u16>>) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let port = *target.lock().unwrap_or_else(PoisonError::into_inner);
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    Ok(port)
}
