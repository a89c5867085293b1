//! The command line: projects, and what the server needs to start.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use till_tests::TestApp;
use till_tests::app::ENCRYPTION_KEY;
use till_tests::client::{Keys, send};
use till_tests::process::binary;

#[tokio::test]
async fn projects_are_managed_on_the_command_line() -> Result<()> {
    let app = TestApp::start().await?;
    let run = async |args: &[&str]| -> Result<String> {
        let mut all = vec!["project"];
        all.extend(args);
        all.push("--dev");
        app.till(&all).await?.map_err(anyhow::Error::msg)
    };
    let made = run(&["create", "--name", "By Hand", "--theme", "dark", "--json"]).await?;
    let keys: Keys = serde_json::from_str(&made)?;
    let list = app.api.request(Method::GET, "/v1/invoices");
    let answer = send(list.bearer_auth(&keys.sk)).await?;
    ensure!(
        answer.status == 200,
        "the running server does not accept the new key: {answer:?}"
    );
    let list = run(&["list"]).await?;
    ensure!(
        list.contains(&keys.id) && list.contains("Test Shop"),
        "{list}"
    );
    let changed = run(&[
        "update",
        &keys.id,
        "--accent",
        "#abcdef",
        "--failure-url",
        "http://a.example/",
        "--json",
    ])
    .await?;
    let changed: Value = serde_json::from_str(&changed)?;
    ensure!(changed["widget"]["theme"] == "dark" && changed["widget"]["accent"] == "#abcdef");
    run(&["update", &keys.id, "--failure-url", ""]).await?;
    let shown: Value = serde_json::from_str(&run(&["show", &keys.id]).await?)?;
    ensure!(
        shown["failure_url"].is_null() && shown["name"] == "By Hand",
        "{shown}"
    );

    let bad = run(&["update", &keys.id, "--notify-url", "nonsense"]).await;
    let error = bad
        .err()
        .context("an invalid URL was accepted")?
        .to_string();
    ensure!(error.contains("notify_url"), "{error}");
    let none = run(&["show", "prj_0"]).await;
    ensure!(none.is_err_and(|e| e.to_string().contains("there is no prj_0")));
    Ok(())
}

#[tokio::test]
async fn the_server_requires_an_encryption_key() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let output = tokio::process::Command::new(binary()?)
        .args([
            "serve",
            "--public-url",
            "https://till.example",
            "--listen",
            "127.0.0.1:0",
        ])
        .env_remove("TILL_ENCRYPTION_KEY")
        .env_remove("TILL_DEV")
        .env("DATABASE_URL", "sqlite:till.db")
        .current_dir(dir.path())
        .output()
        .await?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        !output.status.success() && stderr.contains("TILL_ENCRYPTION_KEY is not set"),
        "{stderr}"
    );
    ensure!(
        std::fs::read_dir(dir.path())?.next().is_none(),
        "files were left behind"
    );
    Ok(())
}

/// Outside development mode, cards, keys and orders travel encrypted, and only the server's own user reads
/// its database.
#[tokio::test]
async fn what_is_not_private_is_refused_outside_development_mode() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let create = async |args: &[&str]| -> Result<(bool, String)> {
        let output = tokio::process::Command::new(binary()?)
            .args(["project", "create", "--name", "Shop"])
            .args(["--public-url", "https://till.example"])
            .args(args)
            .env_remove("TILL_DEV")
            .env("TILL_ENCRYPTION_KEY", ENCRYPTION_KEY)
            .env("DATABASE_URL", "sqlite:till.db")
            .current_dir(dir.path())
            .output()
            .await?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        Ok((output.status.success(), stderr.into_owned()))
    };
    for origin in ["http://shop.example", "HTTP://127.0.0.1:80"] {
        let (done, stderr) = create(&["--origin", origin]).await?;
        let says = stderr.contains("allowed_origins[0]: must be https");
        ensure!(!done && says, "{origin}: {stderr}");
    }
    let account = dir.path().join("account.json");
    for base_url in [
        "http://sandbox.example",
        "http://127.0.0.1:8788",
        "ftp://sandbox.example",
        "sandbox",
    ] {
        let credentials = json!({ "base_url": base_url, "api_key": "k", "webhook_secret": "s" });
        let described = json!({ "kind": "sandbox", "account": "a", "credentials": credentials });
        std::fs::write(&account, described.to_string())?;
        let (done, stderr) = create(&["--connector", "account.json"]).await?;
        let says = stderr.contains("connectors[0].credentials: base_url must be an https URL");
        ensure!(!done && says, "{base_url}: {stderr}");
    }
    let allowed = [
        "--origin",
        "https://shop.example",
        "--origin",
        "https://shop.example:8443",
    ];
    let (done, stderr) = create(&allowed).await?;
    ensure!(done && !stderr.contains("chmod"), "{stderr}");

    let database = dir.path().join("till.db");
    let mode = std::fs::metadata(&database)?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "{mode:o}");
    std::fs::set_permissions(&database, Permissions::from_mode(0o644))?;
    let (done, stderr) = create(&[]).await?;
    ensure!(done && stderr.contains("chmod 600"), "{stderr}");
    Ok(())
}

/// A restored database with another key would end every payment in an error.
#[tokio::test]
async fn another_encryption_key_is_refused() -> Result<()> {
    let app = TestApp::start().await?;
    let with_key = async |args: &[&str]| -> Result<(bool, String)> {
        let mut command = app.command(args)?;
        command.env(
            "TILL_ENCRYPTION_KEY",
            "YW5vdGhlciBrZXksIDMyIGJ5dGVzLCBmb3IgdGVzdHM=",
        );
        let output = command.output().await?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        Ok((output.status.success(), stderr.into_owned()))
    };
    let serve = ["serve", "--dev", "--listen", "127.0.0.1:0"];
    let create = ["project", "create", "--dev", "--name", "Other"];
    for args in [&serve[..], &create[..]] {
        let (done, stderr) = with_key(args).await?;
        let says = stderr.contains("neither TILL_ENCRYPTION_KEY nor in TILL_DECRYPTION_KEYS");
        ensure!(!done && says, "{args:?}: {stderr}");
    }
    // Also of a database that was set up before the key was recorded.
    let forget = "delete from installation where name = 'key_check'";
    sqlx::query(forget).execute(&app.store().await?).await?;
    for args in [&serve[..], &create[..]] {
        let (done, stderr) = with_key(args).await?;
        let says = stderr.contains("TILL_ENCRYPTION_KEY is not the key that this database");
        ensure!(!done && says, "{args:?}: {stderr}");
    }
    let (done, stderr) = with_key(&["project", "list"]).await?;
    ensure!(done, "reading needs no key: {stderr}");
    app.another_server().await?;
    Ok(())
}

#[test]
fn completions_and_manual_pages_name_every_command() -> Result<()> {
    let till = |args: &[&str]| -> Result<String> {
        let output = std::process::Command::new(binary()?).args(args).output()?;
        ensure!(output.status.success(), "{args:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    };
    let commands = ["serve", "project", "payment", "backup", "completions"];
    for shell in ["bash", "zsh", "fish"] {
        let script = till(&["completions", shell])?;
        let missing: Vec<_> = commands.iter().filter(|c| !script.contains(*c)).collect();
        ensure!(missing.is_empty(), "{shell} does not have {missing:?}");
    }
    let dir = tempfile::tempdir()?;
    let dir = dir.path().join("man1");
    till(&["man", &dir.display().to_string()])?;
    for command in commands {
        let page = std::fs::read_to_string(dir.join(format!("till-{command}.1")))?;
        ensure!(
            page.contains(".SH NAME") && page.contains(command),
            "{page}"
        );
    }
    Ok(())
}
