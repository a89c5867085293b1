//! Backup and restore while payments are made: stored payments are restored, pending payments are
//! resumed, and payments made after the backup can be found.

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use till_tests::TestApp;
use till_tests::cards::{APPROVED, VERIFIED};
use till_tests::client::{Opened, send, text};
use till_tests::project::ReceivedCallback;
use till_tests::wait::until;
use tokio::process::Command;

fn is_sqlite(app: &TestApp) -> bool {
    app.database_url().starts_with("sqlite:")
}

async fn run(program: &str, args: &[&str]) -> Result<()> {
    let output = Command::new(program).args(args).output().await?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {stderr}");
    Ok(())
}

/// Creates a backup as docs/operations.md describes.
async fn back_up(app: &TestApp) -> Result<()> {
    if is_sqlite(app) {
        let done = app.till(&["backup", "copy.db"]).await?;
        done.map_err(anyhow::Error::msg)?;
        return Ok(());
    }
    let copy = app.files().join("copy.dump");
    let copy = copy.to_str().context("a path that is no text")?;
    run(
        "pg_dump",
        &["--format=custom", "--file", copy, app.database_url()],
    )
    .await
}

/// Restores a backup as docs/operations.md describes, while the server is stopped.
async fn restore(app: &TestApp) -> Result<()> {
    let file = |name: &str| app.files().join(name);
    if is_sqlite(app) {
        fs::copy(file("copy.db"), file("till.db"))?;
        for rest in ["till.db-wal", "till.db-shm"] {
            // A clean exit removes these files.
            let _ = fs::remove_file(file(rest));
        }
        return Ok(());
    }
    let copy = file("copy.dump");
    let copy = copy.to_str().context("a path that is no text")?;
    let args = [
        "--clean",
        "--if-exists",
        "--exit-on-error",
        "--dbname",
        app.database_url(),
        copy,
    ];
    run("pg_restore", &args).await
}

/// Pays orders until `over` is set. Returns the number of payments.
async fn keep_paying(app: Arc<TestApp>, over: Arc<AtomicBool>) -> Result<usize> {
    let mut paid = 0;
    while !over.load(Ordering::Relaxed) {
        let opened = app.api.invoice(&format!("meanwhile {paid}")).await?;
        app.api.paid_with(&opened, APPROVED).await?;
        paid += 1;
    }
    Ok(paid)
}

/// Creates a payment that requires verification. Returns its invoice and the form's URL.
async fn start_verification(app: &TestApp) -> Result<(Opened, String)> {
    let opened = app.api.invoice("under way").await?;
    let fixed = app.api.paid_with(&opened, VERIFIED).await?;
    let form = text(&fixed["verification"]["url"])?;
    Ok((opened, form))
}

#[tokio::test]
async fn a_restored_backup_resumes() -> Result<()> {
    let app = Arc::new(TestApp::start().await?);
    let before = app.api.invoice("before").await?;
    app.api.paid_with(&before, APPROVED).await?;
    until("its callbacks", async || {
        Ok(app.project.callbacks().len() == 2)
    })
    .await?;
    app.project
        .respond_to_callbacks(|_| StatusCode::SERVICE_UNAVAILABLE.into_response());
    let untold = app.api.invoice("untold").await?;
    app.api.paid_with(&untold, APPROVED).await?;
    let (under_way, form) = start_verification(&app).await?;

    let over = Arc::new(AtomicBool::new(false));
    let buyers = tokio::spawn(keep_paying(app.clone(), over.clone()));
    until("the first payments", async || {
        Ok(app.ledger().await?.len() > 5)
    })
    .await?;
    back_up(&app).await?;
    let at_copy = app.ledger().await?.len();
    until("payments to continue", async || {
        Ok(app.ledger().await?.len() > at_copy)
    })
    .await?;
    over.store(true, Ordering::Relaxed);
    let meanwhile = buyers.await??;

    // After the backup, the buyer confirms and another order is paid.
    send(
        app.api
            .request(Method::POST, &form)
            .form(&[("action", "confirm")]),
    )
    .await?;
    app.api.until_status(&under_way.id, "paid").await?;
    let after = app.api.invoice("after").await?;
    let after_paid = app.api.paid_with(&after, APPROVED).await?;
    app.project
        .respond_to_callbacks(|_| StatusCode::OK.into_response());
    let mut before_restore = vec![];
    until("the callback", async || {
        before_restore = callbacks_after_retry(&app).await?;
        Ok(before_restore
            .iter()
            .any(|a| reports_paid(a, &untold.id) && a.status == 200))
    })
    .await?;

    let mut app = Arc::into_inner(app).context("the app is still shared")?;
    ensure!(app.terminate().await?, "the server did not exit cleanly");
    restore(&app).await?;
    before_restore = app.project.callbacks();
    app.restart().await?;

    ensure!(app.api.read(&before.id).await?["status"] == "paid");
    ensure!(app.api.read(&untold.id).await?["status"] == "paid");
    // No webhook reports the confirmation again, so the reconciler polls.
    let caught_up = app.api.until_status(&under_way.id, "paid").await?;
    ensure!(
        caught_up["payments"][0]["status"] == "succeeded",
        "{caught_up}"
    );
    let mut again = vec![];
    until("the pending callbacks of the backup", async || {
        again = callbacks_after_retry(&app)
            .await?
            .split_off(before_restore.len());
        let received = |id: &str| again.iter().any(|a| a.verified && reports_paid(a, id));
        Ok(received(&untold.id) && received(&under_way.id))
    })
    .await?;
    // The restored event has the same id; the other event is new.
    let id = |list: &[ReceivedCallback], invoice: &str| {
        let paid = list.iter().find(|a| reports_paid(a, invoice));
        paid.map(|a| a.id.clone()).context("no callback")
    };
    ensure!(id(&before_restore, &untold.id)? == id(&again, &untold.id)?);
    assert_unknown_payments_are_found(&app, &after.id, &after_paid, meanwhile).await
}

/// Makes pending retries due and returns all callbacks received so far.
async fn callbacks_after_retry(app: &TestApp) -> Result<Vec<ReceivedCallback>> {
    sqlx::query("update events set next_attempt_at = 1 where state = 'pending' and attempts > 0")
        .execute(&app.store().await?)
        .await?;
    Ok(app.project.callbacks())
}

fn reports_paid(callbacks: &ReceivedCallback, invoice: &str) -> bool {
    callbacks.body["type"] == "invoice.paid" && callbacks.body["data"]["invoice"]["id"] == invoice
}

/// Payments made after the backup are missing in the store. They are found by comparing the
/// provider's references, which are payment ids, with the store.
async fn assert_unknown_payments_are_found(
    app: &TestApp,
    invoice: &str,
    fixed: &Value,
    meanwhile: usize,
) -> Result<()> {
    let answer = send(
        app.api
            .secret(Method::GET, &format!("/v1/invoices/{invoice}")),
    )
    .await?;
    answer.problem(404, "not-found")?;
    let mut ours = BTreeMap::new();
    until("every payment to be final", async || {
        let rows: Vec<(String, String)> = sqlx::query_as("select id, status from payments")
            .fetch_all(&app.store().await?)
            .await?;
        ours = rows.into_iter().collect();
        Ok(!ours.values().any(|s| s == "created" || s == "processing"))
    })
    .await?;
    let theirs = app.ledger().await?;
    ensure!(
        theirs.len() == meanwhile + 4,
        "{} and {meanwhile}",
        theirs.len()
    );
    let (known, unknown): (Vec<_>, Vec<_>) =
        theirs.iter().partition(|(id, ..)| ours.contains_key(id));
    ensure!(known.len() >= 3, "{known:?}");
    for (id, status) in &ours {
        let there = theirs.iter().find(|(reference, ..)| reference == id);
        // A payment that was stored but not submitted at the time of the backup.
        let expected = there.map_or("failed", |(_, status, _)| status);
        ensure!(
            status == expected,
            "{id} is {expected} at the provider, {status} in the store"
        );
    }
    let after = text(&fixed["payment"]["id"])?;
    ensure!(unknown.iter().any(|(id, ..)| *id == after), "{unknown:?}");
    ensure!(unknown.len() >= 2, "{unknown:?}");
    Ok(())
}

#[tokio::test]
async fn a_backup_is_private_and_not_overwritten() -> Result<()> {
    let app = TestApp::start().await?;
    if !is_sqlite(&app) {
        let refused = app.till(&["backup", "copy.db"]).await?;
        ensure!(refused.is_err_and(|error| error.contains("pg_dump")));
        return Ok(());
    }
    let backup = async |to: &str| app.till(&["backup", to]).await;
    let printed = backup("it's a copy.db")
        .await?
        .map_err(anyhow::Error::msg)?;
    ensure!(printed == "it's a copy.db\n", "{printed}");
    let copy = app.files().join("it's a copy.db");
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(&copy)?.permissions().mode();
    ensure!(mode & 0o777 == 0o600, "{mode:o}");
    let bytes = fs::read(&copy)?;
    let refused = backup("it's a copy.db").await?;
    ensure!(refused.is_err_and(|error| error.contains("exists already")));
    ensure!(fs::read(&copy)? == bytes, "the backup was overwritten");
    let refused = backup("no/such/place.db").await?;
    ensure!(refused.is_err_and(|error| error.contains("can't write")));

    let missing = ["backup", "none.db", "--database-url", "sqlite:missing.db"];
    let refused = app.till(&missing).await?;
    ensure!(refused.is_err_and(|error| error.contains("can't open the database")));
    ensure!(
        files_with_prefix(app.files(), "none.db")?.is_empty(),
        "a file was left behind"
    );
    ensure!(
        files_with_prefix(app.files(), "missing.db")?.is_empty(),
        "a database was created"
    );
    Ok(())
}

/// Lists the files with this prefix.
fn files_with_prefix(dir: &Path, name: &str) -> Result<Vec<String>> {
    let mut found = vec![];
    for entry in fs::read_dir(dir)? {
        let file = entry?.file_name().to_string_lossy().into_owned();
        if file.starts_with(name) {
            found.push(file);
        }
    }
    Ok(found)
}
