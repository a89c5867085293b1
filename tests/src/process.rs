//! The binary as a child process.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// The time limit of a start.
const START: Duration = Duration::from_secs(60);

/// Returns the path of the binary: `TILL_BIN`, or cargo's target directory.
pub fn binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("TILL_BIN") {
        return Ok(path.into());
    }
    let this_test = std::env::current_exe()?;
    let profile = this_test
        .ancestors()
        .nth(2)
        .context("no profile directory")?;
    let path = profile.join(format!("till{}", std::env::consts::EXE_SUFFIX));
    if !path.is_file() {
        bail!("{} is not built: run `cargo xtask test`", path.display());
    }
    Ok(path)
}

/// Returns a command whose process ends when the test process ends, even if it is killed.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        return command;
    }
    Command::new(program)
}

/// A running child process. It is killed on drop.
pub struct Running {
    child: Child,
    /// The awaited line after the awaited text.
    pub line: String,
    /// The lines before it.
    pub earlier: Vec<String>,
}

impl Running {
    /// Starts a program and waits for a line of its output that contains `awaited`.
    pub async fn start(command: &mut Command, awaited: &str) -> Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("cannot be started")?;
        let out = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(out).lines();
        let mut earlier = vec![];
        let line = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, rest)) = line.split_once(awaited) {
                    return Ok(rest.trim().to_owned());
                }
                earlier.push(line);
            }
            bail!("exited before it printed {awaited:?}")
        };
        let line = timeout(START, line).await.context("timed out")??;
        // The output is read until the end, because a full pipe blocks the program.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self {
            child,
            line,
            earlier,
        })
    }

    /// Returns the id of the process; `None` if it has exited.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Kills the process with SIGKILL.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Sends SIGTERM and waits for the exit. Returns whether the process exited cleanly.
    pub async fn terminate(mut self) -> Result<bool> {
        let id = self.child.id().context("the process has exited")?;
        let sent = Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()
            .await?;
        if !sent.success() {
            bail!("SIGTERM could not be sent");
        }
        let ended = timeout(START, self.child.wait()).await;
        Ok(ended.context("the process did not exit")??.success())
    }
}
