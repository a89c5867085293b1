//! The processes of an app: `till serve`, `till sandbox` and `till project create`.

use crate::client::Keys;
use crate::database::Database;
use crate::process::{Running, binary, command};
use anyhow::{Context, Result};
use tempfile::TempDir;
use tokio::process::Command;

/// How the server runs, where a test does not say otherwise.
const DEFAULTS: [(&str, &str); 3] = [
    ("--speedup", "20"),
    ("--lost-after-ms", "4000"),
    ("--connector-timeout-ms", "1500"),
];
/// What `/v1/projects` takes.
pub const OPERATOR_TOKEN: &str = "an operator's token, for tests";
/// What credentials are encrypted with.
pub const ENCRYPTION_KEY: &str = "dGlsbCB0ZXN0cyBvbmx5LCAzMiBieXRlcyBvZiBrZXk=";

/// Where a test's processes run: a directory and a database.
pub struct Home {
    /// The directory.
    pub files: TempDir,
    /// The database.
    pub database: Database,
}

pub async fn start_sandbox(home: &Home, address: &str) -> Result<Running> {
    let mut command = till(home)?;
    command.args(["sandbox", "--listen", address, "--db", "sandbox.db"]);
    let running = Running::start(&mut command, "listening on").await;
    running.context("the sandbox")
}

/// The binary in the test's own directory, with nothing of the developer's settings.
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
        .env("DATABASE_URL", &home.database.url);
    // The same for every process of the test; with SQLite it lies beside the file.
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
    if !settings.is_empty() {
        // All that is said is kept beside the database, where `bytes` finds it.
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(home.files.path().join("server.log"))?;
        command
            .stderr(log)
            .env("RUST_LOG", "debug,till_server=trace");
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
    let said = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "project create: {said}");
    Ok(serde_json::from_slice(&output.stdout)?)
}
