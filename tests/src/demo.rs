//! `till demo`: server, sandbox and demo shop in one process.

use crate::client::install_crypto_provider;
use crate::process::{Running, binary, command};
use anyhow::{Context, Result};
use serde_json::Value;
use sqlx::SqlitePool;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

/// A running demo. It ends on drop.
pub struct Demo {
    /// The shop's URL.
    pub url: String,
    _running: Running,
    files: TempDir,
    http: reqwest::Client,
}

impl Demo {
    /// Starts a demo.
    pub async fn start() -> Result<Self> {
        install_crypto_provider();
        let files = tempfile::tempdir()?;
        let mut command = command(binary()?);
        command
            .args(["demo", "--data"])
            .arg(files.path())
            .env("RUST_LOG", "warn");
        let running = Running::start(&mut command, "Open ").await?;
        Ok(Self {
            url: running.line.clone(),
            _running: running,
            files,
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Lists the shop's orders, newest first.
    pub async fn orders(&self) -> Result<Vec<Value>> {
        let url = format!("{}/orders.json", self.url);
        let list: Value = self.http.get(url).send().await?.json().await?;
        let data = list["data"].as_array().context("no list of orders")?;
        Ok(data.clone())
    }

    /// Lists the payments in the sandbox's ledger: status and net amount.
    pub async fn ledger(&self) -> Result<Vec<(String, i64)>> {
        let file = self.files.path().join("sandbox.db");
        let options = SqliteConnectOptions::new().filename(file);
        let db = SqlitePool::connect_with(options).await?;
        let sql = "select status, captured - refunded from payments order by id";
        Ok(sqlx::query_as(sql).fetch_all(&db).await?)
    }
}
