//! What a server keeps in its memory.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use till_tests::TestApp;
use till_tests::app::ENCRYPTION_KEY;
use till_tests::client::{card, send};
use till_tests::jwe::encrypted;
use till_tests::providers::stripe::Stripe;
use till_tests::providers::{PaymentSystem, Plan};
use till_tests::wait::until;

/// A valid number that is no test card: the program itself does not have it.
const NUMBER: &str = "4929001726354416";

/// Counts a text in the memory that a process may write to.
fn count(process: u32, text: &[u8]) -> Result<usize> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps"))?;
    let mut memory = File::open(format!("/proc/{process}/mem"))?;
    let finder = regex::bytes::Regex::new(&regex::escape(std::str::from_utf8(text)?))?;
    let mut found = 0;
    for line in maps.lines() {
        let mut columns = line.split_whitespace();
        let range = columns.next().and_then(|range| range.split_once('-'));
        let (from, to) = range.context("no range")?;
        let writable = columns.next().is_some_and(|flags| flags.starts_with("rw"));
        if !writable || line.ends_with("[vvar]") {
            continue;
        }
        let (from, to) = (u64::from_str_radix(from, 16)?, u64::from_str_radix(to, 16)?);
        let mut bytes = vec![0; usize::try_from(to - from)?];
        memory.seek(SeekFrom::Start(from))?;
        // A region that was unmapped meanwhile cannot be read.
        if memory.read_exact(&mut bytes).is_ok() {
            found += finder.find_iter(&bytes).count();
        }
    }
    Ok(found)
}

#[tokio::test]
async fn a_card_does_not_stay_in_memory() -> Result<()> {
    let stripe = Stripe::start().await?;
    let accounts = [(Stripe::KIND, "main", stripe.credentials())];
    let app = TestApp::with_accounts(&accounts, &[]).await?;
    let process = app.process_id().context("no server")?;
    // The environment has the encryption key.
    ensure!(
        count(process, ENCRYPTION_KEY.as_bytes())? > 0,
        "the search finds nothing"
    );
    for encrypt in [false, true] {
        let opened = app.api.invoice(&encrypt.to_string()).await?;
        stripe.pay(Plan::Approve);
        let mut body = card(NUMBER);
        if encrypt {
            body = encrypted(&app.api, &opened, &body).await?;
        }
        let request = app.api.widget(Method::POST, &opened, "/payments");
        let paid = send(request.json(&body)).await?;
        ensure!(paid.status == 201, "{paid:?}");
        ensure!(paid.json()["payment"]["status"] == "succeeded", "{paid:?}");
        until("the card to be gone from memory", async || {
            Ok(count(process, NUMBER.as_bytes())? == 0)
        })
        .await?;
    }
    Ok(())
}
