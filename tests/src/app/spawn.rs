//! The processes of an app: `till serve`, `till sandbox` and `till project create`.

use crate::client::Keys;
use crate::database::Database;
use crate::process::{Running, binary, command};
use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::Command;

/// The default arguments of `till serve`.
const DEFAULTS: [(&str, &str); 3] = [
    ("--speedup", "20"),
    ("--lost-after-ms", "4000"),
    ("--connector-timeout-ms", "1500"),
];
/// The operator token.
pub const OPERATOR_TOKEN: &str = "an operator's token, for tests";
/// The encryption key.
pub const ENCRYPTION_KEY: &str = "dGlsbCB0ZXN0cyBvbmx5LCAzMiBieXRlcyBvZiBrZXk=";

/// The working directory and the database of a test.
pub struct Home {
    /// The directory.
    pub files: TempDir,
    /// The database.
    pub database: Database,
    /// What the server logs (`RUST_LOG`), if it has settings.
    pub log_filter: String,
}

pub async fn start_sandbox(home: &Home, address: &str) -> Result<Running> {
    let mut command = till(home)?;
    command.args(["sandbox", "--listen", address, "--db", "sandbox.db"]);
    let running = Running::start(&mut command, "listening on").await;
    running.context("the sandbox")
}

/// Returns a command of the binary in the test's directory, without the developer's settings.
pub fn till(home: &Home) -> Result<Command> {
    let mut command = command(binary()?);
    command.current_dir(home.files.path());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("TILL_") || name == "DATABASE_URL" {
            command.env_remove(name.as_ref());
        }
    }
    command
        .env("RUST_LOG", "warn")
        .envs(home.database.settings()?);
    // All processes of a test share the key.
    command.env("TILL_ENCRYPTION_KEY", ENCRYPTION_KEY);
    Ok(command)
}

pub async fn serve(home: &Home, address: &str, settings: &[String]) -> Result<Running> {
    let mut command = till(home)?;
    command
        .args(["serve", "--dev", "--listen", address])
        .env("TILL_OPERATOR_TOKEN", OPERATOR_TOKEN);
    for (name, value) in DEFAULTS {
        if !settings.iter().any(|arg| arg == name) {
            command.args([name, value]);
        }
    }
    command.args(settings);
    if settings.iter().any(|arg| arg == "--database-url") {
        command.env_remove("TILL_DATABASE_LISTEN_URL");
    }
    if !settings.is_empty() {
        // The log is in the directory that `bytes` reads.
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(home.files.path().join("server.log"))?;
        command.stderr(log).env("RUST_LOG", &home.log_filter);
    }
    let running = Running::start(&mut command, "listening on").await;
    running.context("the server")
}

pub async fn create_project(home: &Home, endpoint: &str, args: &[String]) -> Result<Keys> {
    let output = till(home)?
        .args([
            "project",
            "create",
            "--dev",
            "--json",
            "--name",
            "Test Shop",
        ])
        .args(["--origin", "https://shop.example"])
        .args(["--notify-url", &format!("{endpoint}/callbacks")])
        .args(args.iter().map(|arg| arg.replace("PROJECT", endpoint)))
        .output()
        .await?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "project create: {stderr}");
    Ok(serde_json::from_slice(&output.stdout)?)
}
