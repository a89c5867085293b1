//! Software of others, installed by `cargo xtask test`: payment systems' libraries and interpreters.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::PathBuf;
use tokio::net::TcpListener;
use tokio::process::Command;

/// A path that the set-up has put into the environment.
///
/// # Errors
/// When it has not.
pub fn installed(variable: &str) -> Result<PathBuf> {
    let path = std::env::var_os(variable);
    let path = path.with_context(|| format!("{variable} is not set: run `cargo xtask test`"))?;
    Ok(path.into())
}

/// Runs a script of Node.js with the payment systems' libraries, and reads the JSON it prints.
///
/// # Errors
/// When it fails.
pub async fn node(script: &str, input: &Value) -> Result<Value> {
    let mut command = Command::new("node");
    command.arg("-e").arg(script).arg(input.to_string());
    printed(command.env("NODE_PATH", installed("TILL_NODE_PATH")?)).await
}

/// Runs a script of Python with PayPal's library, and reads the JSON it prints.
///
/// # Errors
/// When it fails.
pub async fn python(script: &str, input: &Value) -> Result<Value> {
    let mut command = Command::new(installed("TILL_PAYPAL_PYTHON")?);
    printed(command.arg("-c").arg(script).arg(input.to_string())).await
}

async fn printed(command: &mut Command) -> Result<Value> {
    let output = command.output().await.context("can't be started")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A port that was free a moment ago, for programs that can't say which they took.
///
/// # Errors
/// When there is none.
pub async fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port())
}
