//! Third-party software installed by `cargo xtask test`: interpreters and the providers' libraries.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::process::Command;

/// Returns a path that the setup put into the environment.
///
/// # Errors
/// When the variable is not set.
pub fn installed(variable: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable);
    let path = path.with_context(|| format!("{variable} is not set: run `cargo xtask test`"))?;
    Ok(path.into())
}

/// Runs a Node.js script with the providers' libraries and parses the JSON that it prints.
///
/// # Errors
/// When the script fails.
pub async fn node(script: &str, input: &Value) -> Result<Value> {
    let mut command = Command::new("node");
    command.arg("-e").arg(script).arg(input.to_string());
    printed(command.env("NODE_PATH", installed("TILL_NODE_PATH")?)).await
}

/// Runs a Python script with PayPal's library and parses the JSON that it prints.
///
/// # Errors
/// When the script fails.
pub async fn python(script: &str, input: &Value) -> Result<Value> {
    let mut command = Command::new(installed("TILL_PAYPAL_PYTHON")?);
    printed(command.arg("-c").arg(script).arg(input.to_string())).await
}

async fn printed(command: &mut Command) -> Result<Value> {
    let output = command.output().await.context("cannot be started")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{stderr}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Returns a free port, for programs that do not print theirs.
///
/// # Errors
/// When no port is free.
pub async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}
