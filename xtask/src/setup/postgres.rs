//! PostgreSQL for the tests: installed if missing, and started on a temporary directory.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::debian;
use crate::process;

/// The directory of the server's programs.
pub struct Postgres {
    bin: PathBuf,
}

/// Finds or installs PostgreSQL.
pub fn ensure() -> Result<Postgres> {
    if find().is_none() && debian::can_install() {
        debian::install(&["postgresql"])?;
    }
    let Some(bin) = find() else {
        if cfg!(target_os = "macos") {
            bail!("the tests need PostgreSQL: run `brew install postgresql`");
        }
        bail!("the tests need PostgreSQL: install it with your package manager");
    };
    println!("  ok: PostgreSQL ({})", bin.display());
    Ok(Postgres { bin })
}

/// Finds the server's programs. Debian installs them outside of PATH, in a directory for each version.
fn find() -> Option<PathBuf> {
    let on_path = process::find("initdb").and_then(|path| path.canonicalize().ok());
    let on_path = on_path.and_then(|path| path.parent().map(Path::to_path_buf));
    on_path.or_else(|| {
        let versions = Path::new("/usr/lib/postgresql").read_dir().ok()?;
        let dirs = versions.flatten().map(|version| version.path().join("bin"));
        dirs.filter(|dir| dir.join("initdb").exists()).max()
    })
}

/// A running server. Dropping it stops the server and removes its data.
pub struct Running {
    stop: Command,
    bin: PathBuf,
    dir: PathBuf,
    port: u16,
}

impl Running {
    /// The port of the server.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The directory of the server, which other servers can have files in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The URL of the server, without a database's name.
    fn url(&self) -> String {
        format!("postgres://till@127.0.0.1:{}", self.port)
    }

    /// The URL of the template that new databases are copies of.
    pub fn template(&self) -> String {
        format!("{}/template1", self.url())
    }

    /// Sets the variables that the tests read: the server's URL, and the paths to crash the server.
    pub fn apply(&self, command: &mut Command) {
        command
            .env("TILL_TEST_POSTGRES", self.url())
            .env("TILL_POSTGRES_BIN", &self.bin)
            .env("TILL_POSTGRES_DATA", self.dir.join("data"));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors are ignored: the directory is temporary.
        let _ = process::output(&mut self.stop);
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Postgres {
    /// Starts a server on a free local port, without a password, whose data need not survive a crash of the
    /// machine. They are in a new directory inside of `dir`, or of one on disk.
    pub fn start(&self, dir: Option<&Path>) -> Result<Running> {
        self.start_with(
            dir,
            "-c fsync=off -c full_page_writes=off -c autovacuum=off",
        )
    }

    /// As [`start`](Self::start), with PostgreSQL's own settings: what is committed is on disk.
    pub fn start_durable(&self) -> Result<Running> {
        self.start_with(None, "")
    }

    fn start_with(&self, dir: Option<&Path>, settings: &str) -> Result<Running> {
        let parent = dir.map_or_else(on_disk, Path::to_path_buf);
        let dir = parent.join(format!("till-postgres-{}", std::process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let user = unprivileged()?;
        if let Some((uid, gid)) = user {
            chown(&dir, Some(uid), Some(gid))?;
        }
        let program = |name: &str| {
            let mut command = process::command(self.bin.join(name));
            command.current_dir(&dir);
            if let Some((uid, gid)) = user {
                command.uid(uid).gid(gid);
            }
            command
        };
        let data = dir.join("data");
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        process::output(
            program("initdb")
                .args(["--auth=trust", "--username=till", "-D"])
                .arg(&data),
        )?;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' \
             -c max_connections=500 {settings}"
        );
        let mut stop = program("pg_ctl");
        stop.args(["stop", "-m", "immediate", "-D"]).arg(&data);
        let running = Running {
            stop,
            bin: self.bin.clone(),
            dir: dir.clone(),
            port,
        };
        process::run(
            program("pg_ctl")
                .args(["start", "-w", "-s", "-o", &options, "-l"])
                .arg(dir.join("log"))
                .arg("-D")
                .arg(&data),
        )?;
        Ok(running)
    }
}

/// The directory on disk for the server's data. Not where the tests have theirs: a database is 300 files, and
/// ext4 without a journal searches long for an inode in a directory in which many files were deleted
/// in the last minutes.
fn on_disk() -> PathBuf {
    let other = PathBuf::from("/var/tmp");
    if other.is_dir() {
        other
    } else {
        env::temp_dir()
    }
}

/// Returns another user for the server if this is root, as in containers: PostgreSQL does not run as
/// root.
pub(super) fn unprivileged() -> Result<Option<(u32, u32)>> {
    let id = |args: &[&str]| -> Result<u32> {
        Ok(process::output(process::command("id").args(args))?.parse()?)
    };
    if id(&["-u"])? != 0 {
        return Ok(None);
    }
    let ids = |user: &str| Ok::<_, anyhow::Error>((id(&["-u", user])?, id(&["-g", user])?));
    let found = ids("postgres").or_else(|_| ids("nobody"));
    found.map(Some).context(
        "PostgreSQL does not run as root, and the users `postgres` and `nobody` do not exist",
    )
}
