//! The encryption key is replaced while servers run, and comes from files and commands.

mod previous_version;
mod rotation;
mod sources;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use till_tests::TestApp;
use till_tests::app::ENCRYPTION_KEY;

/// The key that replaces [`ENCRYPTION_KEY`].
pub const NEW_KEY: &str = "YW5vdGhlciBrZXksIDMyIGJ5dGVzLCBmb3IgdGVzdHM=";
/// The settings in which the new key only decrypts.
const PREPARED: [&str; 4] = [
    "--encryption-key",
    ENCRYPTION_KEY,
    "--decryption-key",
    NEW_KEY,
];
/// The settings in which the old key only decrypts.
pub const ROTATED: [&str; 4] = [
    "--encryption-key",
    NEW_KEY,
    "--decryption-key",
    ENCRYPTION_KEY,
];
/// The settings without the old key.
const DONE: [&str; 2] = ["--encryption-key", NEW_KEY];

/// Runs a command about keys with settings. Returns its standard output.
async fn keys(app: &TestApp, command: &[&str], settings: &[&str]) -> Result<String> {
    let args = [&["keys"], command, settings].concat();
    app.till(&args).await?.map_err(anyhow::Error::msg)
}

/// Lists the keys.
async fn list(app: &TestApp, settings: &[&str]) -> Result<Vec<Value>> {
    let printed = keys(app, &["list", "--json"], settings).await?;
    let list: Value = serde_json::from_str(&printed)?;
    Ok(list["data"].as_array().context("no list")?.clone())
}

/// What each ciphertext of a key begins with.
fn prefix(key: &Value) -> Result<String> {
    let id = key["id"].as_str().context("no id")?;
    Ok(STANDARD.encode(hex::decode(id)?))
}
