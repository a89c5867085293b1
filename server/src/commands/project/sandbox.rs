//! Opens accounts at a sandbox payment system.

use anyhow::{Context, bail};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;
use till_server::flow::accounts::NewAccount;

#[derive(Deserialize)]
struct SandboxAccount {
    account: String,
    api_key: SecretString,
    webhook_secret: SecretString,
}

/// Opens an account at the sandbox with this URL.
pub async fn sandbox_account(base_url: &str) -> anyhow::Result<NewAccount> {
    Ok(serde_json::from_value(open_account(base_url).await?)?)
}

/// Opens an account and describes it as `/v1/projects` takes it.
pub(super) async fn open_account(base_url: &str) -> anyhow::Result<Value> {
    let base_url = base_url.trim_end_matches('/');
    let response = reqwest::Client::builder()
        .timeout(Duration::from_secs(10))
        .no_proxy()
        .build()?
        .post(format!("{base_url}/v1/accounts"))
        .send()
        .await
        .with_context(|| format!("no sandbox answers at {base_url}; start `till sandbox`"))?;
    if !response.status().is_success() {
        bail!("the sandbox opened no account: {}", response.status());
    }
    let opened: SandboxAccount = response
        .json()
        .await
        .context("the sandbox's answer can't be read")?;
    Ok(json!({
        "kind": "sandbox",
        "account": opened.account,
        "credentials": {
            "base_url": base_url,
            "api_key": opened.api_key.expose_secret(),
            "webhook_secret": opened.webhook_secret.expose_secret(),
        },
    }))
}
