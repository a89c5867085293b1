//! A full disk: a payment that cannot be stored is not submitted, and no payment is lost.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::{APPROVED, VERIFIED};
use till_tests::client::{Api, card, send, text};
use till_tests::database::Database;
use till_tests::ledger::{assert_consistent, until_settled};
use till_tests::wait::until;

const FILLER: &str = "filler";

/// A small file system that is unmounted on drop.
struct Disk(TempDir);

impl Disk {
    fn mount() -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=6m,mode=777", "tmpfs"])
            .arg(dir.path())
            .output()?;
        let stderr = String::from_utf8_lossy(&mounted.stderr);
        ensure!(
            mounted.status.success(),
            "only root can mount a disk: {stderr}"
        );
        Ok(Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Fills the file system.
    fn fill(&self) -> Result<()> {
        let mut filler = std::fs::File::create(self.path().join(FILLER))?;
        while filler.write_all(&[0; 4096]).is_ok() {}
        Ok(())
    }

    fn free(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.path().join(FILLER))?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A lazy unmount, because files may be open.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test]
async fn nothing_is_submitted_that_is_not_stored() -> Result<()> {
    let disk = Disk::mount()?;
    let database = Database::in_directory(disk.path());
    let setup = Setup {
        database: Some(database),
        ..Setup::default()
    };
    let mut app = TestApp::set_up(setup).await?;
    let api = app.api.clone();
    let paid = api.invoice("paid before").await?;
    api.paid_with(&paid, APPROVED).await?;
    let waiting = api.invoice("waiting").await?;
    let fixed = api.paid_with(&waiting, VERIFIED).await?;
    let open = api.invoice("open").await?;
    until_settled_but_waiting(&app).await?;

    disk.fill()?;
    // The bank charges the buyer while nothing can be stored.
    let form = text(&fixed["verification"]["url"])?;
    send(
        api.request(Method::POST, &form)
            .form(&[("action", "confirm")]),
    )
    .await?;
    let mut refused = 0;
    for number in 0..12 {
        let order = Api::order(&format!("full {number}"));
        let answer = send(api.secret(Method::POST, "/v1/invoices").json(&order)).await?;
        if answer.status != 201 {
            answer.problem(503, "unavailable")?;
            refused += 1;
        }
        // The response matches the stored invoices.
        let list = send(api.secret(Method::GET, "/v1/invoices?limit=100")).await?;
        let list = list.json()["data"].as_array().cloned().context("no list")?;
        let known = list.iter().any(|i| i["order_id"] == order["order_id"]);
        ensure!(known == (answer.status == 201), "{answer:?}");
    }
    ensure!(refused > 0, "the disk was not full");
    let pay = api.pay(&open, &card(APPROVED)).await?;
    pay.problem(503, "unavailable")?;
    let submitted: Vec<_> = app.ledger().await?;
    ensure!(
        submitted.len() == 2,
        "a payment that is not stored was submitted: {submitted:?}"
    );
    app.crash().await?;

    disk.free()?;
    until("the server to start", async || {
        Ok(app.restart().await.is_ok())
    })
    .await?;
    api.until_status(&waiting.id, "paid").await?;
    api.paid_with(&open, APPROVED).await?;
    until_settled(&app, Duration::from_secs(60)).await?;
    ensure!(assert_consistent(&app).await?.paid == 3);
    Ok(())
}

async fn until_settled_but_waiting(app: &TestApp) -> Result<()> {
    until("the first callbacks", async || {
        Ok(app.project.callbacks().len() == 2)
    })
    .await?;
    let store = app.store().await?;
    until("the deliveries to be stored", async || {
        let sql = "select count(*) from events where state = 'delivered'";
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&store).await?;
        Ok(count == 2)
    })
    .await
}
