//! PgBouncer for the tests: installed if missing, and started between them and PostgreSQL.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::debian;
use super::postgres::unprivileged;
use crate::{paths, process};

/// How often the start is checked, with [`PAUSE`] in between.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(50);

/// The configuration in the documentation, and what is replaced in it: all users of PostgreSQL may connect
/// without a password, and sessions of the databases of earlier tests are closed soon.
const CONFIGURATION: &str = "docs/snippets/pgbouncer.ini";
const PASSWORDS: &str = "auth_type = scram-sha-256\n";
const NO_PASSWORDS: &str = "auth_type = trust\nauth_user = till\nserver_idle_timeout = 10\n";

/// The program.
pub struct PgBouncer {
    program: PathBuf,
}

/// Finds or installs PgBouncer.
pub fn ensure() -> Result<PgBouncer> {
    if find().is_none() && debian::can_install() {
        debian::install(&["pgbouncer"])?;
    }
    let Some(program) = find() else {
        if cfg!(target_os = "macos") {
            bail!("the tests of poolers need PgBouncer: run `brew install pgbouncer`");
        }
        bail!("the tests of poolers need PgBouncer: install it with your package manager");
    };
    println!("  ok: PgBouncer ({})", program.display());
    Ok(PgBouncer { program })
}

/// Finds the program. Debian installs it in a directory that is not on every user's PATH.
fn find() -> Option<PathBuf> {
    let debian = || Some(PathBuf::from("/usr/sbin/pgbouncer")).filter(|path| path.exists());
    process::find("pgbouncer").or_else(debian)
}

/// A running PgBouncer. Dropping it stops it.
pub struct Running {
    _process: process::Background,
    port: u16,
}

impl Running {
    /// Has the servers of the tests use it.
    pub fn apply(&self, command: &mut Command) {
        command.env("TILL_TEST_PGBOUNCER", format!("127.0.0.1:{}", self.port));
    }
}

impl PgBouncer {
    /// Tells the tests where the program is.
    pub fn apply(&self, command: &mut Command) {
        command.env("TILL_PGBOUNCER", &self.program);
    }

    /// Starts it on a free local port, in front of the PostgreSQL at another one. Its files are in `dir`.
    pub fn start(&self, postgres: u16, dir: &Path) -> Result<Running> {
        let dir = dir.join("pgbouncer");
        fs::create_dir_all(&dir)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let configuration = fs::read_to_string(paths::workspace().join(CONFIGURATION))?;
        ensure!(
            configuration.contains(PASSWORDS),
            "{CONFIGURATION} has changed"
        );
        let configuration = configuration
            .replace("port=5432", &format!("port={postgres}"))
            .replace("listen_port = 6432", &format!("listen_port = {port}"))
            .replace(PASSWORDS, NO_PASSWORDS);
        fs::write(dir.join("pgbouncer.ini"), configuration)?;
        fs::write(dir.join("userlist.txt"), "\"till\" \"\"\n")?;
        let mut command = process::command(&self.program);
        command.args(["-q", "pgbouncer.ini"]).current_dir(&dir);
        // Like PostgreSQL, PgBouncer does not run as root.
        if let Some((uid, gid)) = unprivileged()? {
            for file in [&dir, &dir.join("pgbouncer.ini"), &dir.join("userlist.txt")] {
                chown(file, Some(uid), Some(gid))?;
            }
            command.uid(uid).gid(gid);
        }
        let running = Running {
            _process: process::Background::start(&mut command)?,
            port,
        };
        for _ in 0..TRIES {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(running);
            }
            thread::sleep(PAUSE);
        }
        bail!("PgBouncer does not start with {}", dir.display())
    }
}
