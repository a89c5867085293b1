//! Child processes: finding them, running them with a clean environment and reporting errors.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::paths;

/// Variables that `cargo run` sets. They are removed for child processes: build scripts that watch
/// them would otherwise run again.
const SET_BY_CARGO_RUN: [&str; 5] = [
    "CARGO",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "OUT_DIR",
    "CARGO_PRIMARY_PACKAGE",
];

/// Returns a command in the workspace directory, without the variables of `cargo run`.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(paths::workspace());
    for name in SET_BY_CARGO_RUN {
        command.env_remove(name);
    }
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("CARGO_PKG_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a command with its output on the terminal.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed ({status}), see above");
    }
    Ok(())
}

/// Runs a step with its output on the terminal, and prints its name and its duration.
pub fn run_step(what: &str, command: &mut Command) -> Result<()> {
    println!("  .. {what}");
    let start = Instant::now();
    run(command)?;
    println!("  ok: {what} ({} s)", start.elapsed().as_secs());
    Ok(())
}

/// A command that runs while other steps do. It has no output, and ends at the latest when this is
/// dropped.
pub struct Background(Child);

impl Background {
    /// Starts a command.
    pub fn start(command: &mut Command) -> Result<Self> {
        let shown = shown(command);
        let silent = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = silent
            .spawn()
            .with_context(|| format!("cannot start `{shown}`"))?;
        Ok(Self(child))
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Result<()> {
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Errors are ignored: it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command and returns its output, or the most relevant line of its error output.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = shown(command);
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed: {}", error_line(&stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Returns the most relevant line of an error output: the first error line, else the last line.
fn error_line(stderr: &str) -> &str {
    let mut lines = stderr
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    lines
        .clone()
        .find(|line| line.starts_with("error"))
        .or_else(|| lines.next_back())
        .unwrap_or("no error output")
}

/// Finds a program on PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|dir| dir.join(program))
        .find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![
        program
            .file_name()
            .unwrap_or(program.as_os_str())
            .to_string_lossy(),
    ];
    words.extend(command.get_args().map(OsStr::to_string_lossy));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_one_line() {
        assert_eq!(
            error_line("info: one\nerror: two\nerror: three\n"),
            "error: two"
        );
        assert_eq!(error_line("one\n  two  \n\n"), "two");
        assert_eq!(error_line("\n"), "no error output");
    }

    #[test]
    fn a_command_is_shown_without_the_path_of_its_program() {
        let mut command = Command::new("/some/where/npm");
        assert_eq!(shown(command.args(["install", "it"])), "npm install it");
    }
}
