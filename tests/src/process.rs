//! The real binary as a child process.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);

/// Where the binary is: `cargo xtask test` says; else where cargo puts it.
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

/// A command whose process ends with the test's, even if that one is killed.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    if cfg!(target_os = "linux") {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program);
        return command;
    }
    Command::new(program)
}

/// A running child; it ends with its owner.
pub struct Running {
    child: Child,
    /// What the awaited line says after its prefix.
    pub said: String,
}

impl Running {
    /// Starts a program and waits for a line of its output with this in it.
    pub async fn start(command: &mut Command, awaited: &str) -> Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("can't be started")?;
        let out = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(out).lines();
        let line = async {
            while let Some(line) = lines.next_line().await? {
                if let Some((_, rest)) = line.split_once(awaited) {
                    return Ok(rest.trim().to_owned());
                }
            }
            bail!("ended before it said {awaited:?}")
        };
        let said = timeout(START, line).await.context("took too long")??;
        // Somebody must go on reading, or it blocks on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, said })
    }

    /// SIGKILL: no chance to tidy up.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// SIGTERM, and waits for the end. Gives whether it ended well.
    pub async fn terminate(mut self) -> Result<bool> {
        let id = self.child.id().context("it has ended already")?;
        let sent = Command::new("kill")
            .args(["-TERM", &id.to_string()])
            .status()
            .await?;
        if !sent.success() {
            bail!("SIGTERM could not be sent");
        }
        let ended = timeout(START, self.child.wait()).await;
        Ok(ended.context("did not end")??.success())
    }
}
