//! How many statements a payment takes, counted in the server's log.

use anyhow::{Context, Result, ensure};
use futures::future::try_join;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeMap;
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::APPROVED;
use till_tests::client::send;
use till_tests::database::on_postgres;
use till_tests::faults::relay::Relay;
use till_tests::wait::until;

/// The most statements of each part of a payment.
const MOST: [(&str, usize); 5] = [
    ("POST /v1/invoices", 2),
    ("GET /v1/widget/invoices/{invoice}", 1),
    ("POST /v1/widget/invoices/{invoice}/payments", 9),
    ("POST /v1/connectors/{kind}/{account}/webhooks", 7),
    // The first callback is claimed when it is inserted. The second one waits for it only, so that it is delivered
    // without a claim, and one transaction records both.
    ("callbacks", 3),
];

/// The most statements of a payment whose webhook comes after the answer to the call is applied. The statements of
/// PostgreSQL write several tables.
fn most_in_order() -> usize {
    if on_postgres() { 14 } else { 18 }
}

/// How many payments have their webhook come at about the time of the answer, so that either may be applied first.
const RACES: usize = 5;

/// When the webhook of a payment comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Webhook {
    AtOnce,
    AfterTheAnswer,
}

/// What begins and ends transactions.
const ENDS: [&str; 4] = ["BEGIN", "BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"];

/// What the jobs in the background look for, whether there are payments or not.
const BACKGROUND: [&str; 6] = [
    "with recursive",
    "select distinct",
    "select id from",
    "select 1 from",
    "delete from",
    "select pg_notify",
];

/// Pays an order and waits for its callbacks.
async fn pay(app: &TestApp, webhooks: &Relay, number: &str, webhook: Webhook) -> Result<()> {
    // What ends the two deliveries.
    let claims = || {
        app.log()
            .matches("update events set next_attempt_at")
            .count()
    };
    let all = claims() + 1;
    let opened = app.api.invoice(number).await?;
    let read = send(app.api.widget(Method::GET, &opened, "")).await?;
    ensure!(read.status == 200, "{read:?}");
    let held = webhooks.held();
    let deliver = async {
        until("the webhook", async || Ok(webhooks.held() > held)).await?;
        let status = webhooks.release(held).await?;
        ensure!(status == 200, "{status}");
        Ok(())
    };
    let paid = async { app.api.paid_with(&opened, APPROVED).await.map(drop) };
    match webhook {
        Webhook::AtOnce => try_join(paid, deliver).await.map(drop)?,
        Webhook::AfterTheAnswer => {
            paid.await?;
            deliver.await?;
        }
    }
    until("the callbacks", async || Ok(claims() >= all)).await?;
    app.api.until_status(&opened.id, "paid").await?;
    Ok(())
}

/// Returns the statements in lines of the log, by the part of the payment that they belong to.
fn statements(log: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let mut statements: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
        let Some(summary) = line["summary"].as_str() else {
            continue;
        };
        // A new connection has its settings first, and through a pooler a transaction.
        let sets = ["set statement_timeout", "begin; set local"];
        if ENDS.contains(&summary) || sets.iter().any(|set| summary.starts_with(set)) {
            continue;
        }
        let part = match line["spans"][0]["otel.name"].as_str() {
            Some(route) => route,
            None if BACKGROUND.iter().any(|of| summary.starts_with(of)) => continue,
            None => "callbacks",
        };
        let of_part = statements.entry(part.into()).or_default();
        of_part.push(summary.into());
    }
    Ok(statements)
}

#[tokio::test]
async fn a_payment_takes_few_statements() -> Result<()> {
    let webhooks = Relay::holding_webhooks().await?;
    let app = TestApp::set_up(Setup {
        server_relay: Some(&webhooks),
        settings: &["--log-format", "json"],
        log_filter: Some("warn,till_server=info,sqlx::query=debug"),
        ..Setup::default()
    })
    .await?;
    // What is kept in memory is read once.
    pay(&app, &webhooks, "first", Webhook::AfterTheAnswer).await?;
    let races = (0..RACES).map(|number| (number.to_string(), Webhook::AtOnce));
    let in_order = ("in order".to_owned(), Webhook::AfterTheAnswer);
    for (number, webhook) in races.chain([in_order]) {
        let before = app.log().len();
        pay(&app, &webhooks, &number, webhook).await?;
        let log = app.log();
        let found = statements(&log[before..])?;
        let mut total = 0;
        for (part, most) in MOST {
            let of_part = found
                .get(part)
                .with_context(|| format!("nothing of {part}: {found:#?}"))?;
            ensure!(of_part.len() <= most, "{part}: {of_part:#?}");
            total += of_part.len();
        }
        let has_raced = webhook == Webhook::AtOnce;
        ensure!(has_raced || total <= most_in_order(), "{total}: {found:#?}");
    }
    Ok(())
}
