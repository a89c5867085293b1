//! Thieves who try stolen cards in a payment form, and honest buyers meanwhile.

mod captcha;
mod counting;

use crate::operations::encryption_keys::ROTATED;
use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use sqlx::Row;
use till_tests::TestApp;
use till_tests::cards::{
    APPROVED, CARD_DECLINED, EXPIRED_CARD, INCORRECT_CVC, INSUFFICIENT_FUNDS, LIMIT_EXCEEDED,
    PROCESSING_ERROR,
};
use till_tests::client::{Answer, Api, Opened, card, send};
use till_tests::metrics::Metrics;
use till_tests::wait::until;

/// A server that takes the address from the header of a proxy on this machine.
const BEHIND_PROXY: [&str; 2] = ["--trusted-proxy", "127.0.0.1"];
const THIEF: &str = "203.0.113.7";

/// A project with this limit and no other.
async fn limited(limit: &str, free: &str) -> Result<TestApp> {
    let mut args = vec!["--check-url", "PROJECT/check"];
    for flag in [
        "--attempts-per-invoice",
        "--attempts-per-address",
        "--attempts-per-card",
        "--attempts-per-project",
    ] {
        args.extend([flag, if flag == limit { free } else { "0" }]);
    }
    TestApp::with_settings(&args, &BEHIND_PROXY).await
}

async fn pay(api: &Api, opened: &Opened, number: &str, address: &str) -> Result<Answer> {
    let request = api.widget(Method::POST, opened, "/payments");
    let request = request.header("x-forwarded-for", address);
    send(request.json(&card(number))).await
}

/// Pays a new invoice.
async fn pay_new(api: &Api, order: &str, number: &str, address: &str) -> Result<Answer> {
    pay(api, &api.invoice(order).await?, number, address).await
}

fn ended(answer: &Answer, status: &str) -> Result<()> {
    ensure!(answer.status == 201, "{answer:?}");
    ensure!(answer.json()["payment"]["status"] == status, "{answer:?}");
    Ok(())
}

/// Checks that an attempt has to wait, for at most so many seconds. Returns the seconds.
fn refused(answer: &Answer, longest: i64) -> Result<i64> {
    answer.problem(429, "too-many-attempts")?;
    let seconds: i64 = answer.header("retry-after").parse()?;
    ensure!((1..=longest).contains(&seconds), "{seconds}");
    ensure!(answer.json()["retry_after"] == seconds, "{answer:?}");
    Ok(seconds)
}

/// Lets time pass.
async fn advance(api: &Api, seconds: i64) -> Result<()> {
    let request = api.secret(Method::POST, "/v1/test/advance");
    let answer = send(request.json(&json!({ "seconds": seconds }))).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn eleven_declines_on_one_invoice() -> Result<()> {
    let app = limited("--attempts-per-invoice", "").await?;
    let opened = app.api.invoice("1").await?;
    // The default for one invoice is 10; a test project has to ask for it.
    ended(
        &pay(&app.api, &opened, CARD_DECLINED, THIEF).await?,
        "declined",
    )?;
    let ten = [
        "project",
        "update",
        &app.keys.id,
        "--attempts-per-invoice",
        "10",
    ];
    app.till(&ten).await?.map_err(anyhow::Error::msg)?;
    for i in 0..10 {
        let address = format!("198.51.100.{i}");
        let number = if i % 2 == 0 {
            INCORRECT_CVC
        } else {
            CARD_DECLINED
        };
        ended(&pay(&app.api, &opened, number, &address).await?, "declined")?;
    }
    let before = app.api.read(&opened.id).await?;
    let made = app.ledger().await?.len();
    let keyed = async || {
        let request = app.api.widget(Method::POST, &opened, "/payments");
        let request = request.header("idempotency-key", "press-1");
        send(request.json(&card(APPROVED))).await
    };
    let wait = refused(&keyed().await?, 60)?;
    ensure!(
        app.api.read(&opened.id).await? == before,
        "something changed"
    );
    ensure!(
        app.ledger().await?.len() == made,
        "the payment system was called"
    );
    // Nobody else is concerned.
    ended(&pay_new(&app.api, "2", APPROVED, THIEF).await?, "succeeded")?;

    // A refusal does not make the wait longer. The next decline does.
    advance(&app.api, wait).await?;
    ended(
        &pay(&app.api, &opened, CARD_DECLINED, THIEF).await?,
        "declined",
    )?;
    let wait = refused(&pay(&app.api, &opened, APPROVED, THIEF).await?, 120)?;
    ensure!(wait > 60, "{wait}");
    advance(&app.api, wait).await?;
    // The refused call freed its key.
    ended(&keyed().await?, "succeeded")?;
    let limit = [("limit", "invoice")];
    let counted = Metrics::of(&app).await?;
    let name = "till_payment_attempts_refused_total";
    ensure!(counted.sum(name, &limit) == 2.0 && counted.sum(name, &[]) == 2.0);
    Ok(())
}

#[tokio::test]
async fn a_new_invoice_each_time_from_one_address() -> Result<()> {
    let app = limited("--attempts-per-address", "3").await?;
    let api = &app.api;
    // A success does not give a thief further attempts.
    for (order, number) in [
        (1, CARD_DECLINED),
        (2, APPROVED),
        (3, INCORRECT_CVC),
        (4, EXPIRED_CARD),
    ] {
        let answer = pay_new(api, &order.to_string(), number, THIEF).await?;
        ensure!(answer.status == 201, "{answer:?}");
    }
    let checks = app.project.checks().len();
    let wait = refused(&pay_new(api, "5", INSUFFICIENT_FUNDS, THIEF).await?, 60)?;
    // What a client adds to the header changes nothing.
    let spoofed = format!("198.51.100.1, {THIEF}");
    refused(&pay_new(api, "6", APPROVED, &spoofed).await?, 60)?;
    ensure!(
        app.project.checks().len() == checks,
        "the project was called"
    );
    ended(
        &pay_new(api, "7", APPROVED, "198.51.100.1").await?,
        "succeeded",
    )?;

    // A colleague in the same office waits, and pays.
    advance(api, wait).await?;
    let office = api.invoice("8").await?;
    ended(&pay(api, &office, APPROVED, THIEF).await?, "succeeded")?;
    // An hour later, the declines are forgotten.
    advance(api, 3600).await?;
    for order in 10..13 {
        let answer = pay_new(api, &order.to_string(), CARD_DECLINED, THIEF).await?;
        ended(&answer, "declined")?;
    }
    refused(&pay_new(api, "13", CARD_DECLINED, THIEF).await?, 60)?;
    Ok(())
}

/// A client has a whole IPv6 network, and must not hide its address from the count.
#[tokio::test]
async fn an_address_cannot_be_varied_or_hidden() -> Result<()> {
    let app = limited("--attempts-per-address", "2").await?;
    let api = &app.api;
    for (order, address) in [("1", "2001:db8:1:2::1"), ("2", "2001:db8:1:2:aaaa::2")] {
        ended(
            &pay_new(api, order, CARD_DECLINED, address).await?,
            "declined",
        )?;
    }
    refused(
        &pay_new(api, "3", CARD_DECLINED, "2001:db8:1:2:bbbb::3").await?,
        60,
    )?;
    ended(
        &pay_new(api, "4", APPROVED, "2001:db8:1:3::1").await?,
        "succeeded",
    )?;
    for (order, hidden) in [("5", "unknown"), ("6", "_proxy"), ("7", "\"")] {
        let answer = pay_new(api, order, CARD_DECLINED, hidden).await?;
        if order == "7" {
            refused(&answer, 60)?;
        } else {
            ended(&answer, "declined")?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn one_card_from_many_addresses() -> Result<()> {
    let app = limited("--attempts-per-card", "3").await?;
    let api = &app.api;
    for i in 1..4 {
        let address = format!("198.51.100.{i}");
        let answer = pay_new(api, &i.to_string(), INCORRECT_CVC, &address).await?;
        ended(&answer, "declined")?;
    }
    let spaced = INCORRECT_CVC.replace("0000", "0000 ");
    refused(&pay_new(api, "4", &spaced, "198.51.100.4").await?, 60)?;
    ended(
        &pay_new(api, "5", APPROVED, "198.51.100.1").await?,
        "succeeded",
    )?;

    let store = app.store().await?;
    let rows = sqlx::query("select * from payment_attempts")
        .fetch_all(&store)
        .await?;
    ensure!(rows.len() == 3, "{} rows", rows.len());
    for row in &rows {
        for column in ["payment", "project", "invoice", "address", "card"] {
            let text: String = row.try_get(column)?;
            for clear in [INCORRECT_CVC, &INCORRECT_CVC[..8], "198.51"] {
                ensure!(!text.contains(clear), "{column}: {text}");
            }
        }
    }
    ensure!(!app.log().contains(INCORRECT_CVC));
    // A day later the hashes are gone.
    advance(api, 24 * 3600 + 1).await?;
    until("the attempts to be deleted", async || {
        let count = sqlx::query_scalar("select count(*) from payment_attempts");
        let count: i64 = count.fetch_one(&store).await?;
        Ok(count == 0)
    })
    .await?;
    ended(&pay_new(api, "6", INCORRECT_CVC, THIEF).await?, "declined")
}

/// A thief with many addresses and many cards: the waits are short, as they concern all buyers.
#[tokio::test]
async fn a_project_under_attack() -> Result<()> {
    let app = limited("--attempts-per-project", "5").await?;
    let api = &app.api;
    let cards = [
        CARD_DECLINED,
        EXPIRED_CARD,
        INCORRECT_CVC,
        LIMIT_EXCEEDED,
        PROCESSING_ERROR,
    ];
    for (i, number) in cards.into_iter().enumerate() {
        let address = format!("198.51.100.{i}");
        ended(
            &pay_new(api, &i.to_string(), number, &address).await?,
            "declined",
        )?;
    }
    let honest = api.invoice("honest").await?;
    let wait = refused(&pay(api, &honest, APPROVED, THIEF).await?, 5)?;
    // Another shop on the same server is not concerned.
    let other = app.another_project().await?;
    ended(&pay_new(&other, "1", APPROVED, THIEF).await?, "succeeded")?;
    advance(api, wait).await?;
    ended(&pay(api, &honest, APPROVED, THIEF).await?, "succeeded")?;
    for i in 10..16 {
        advance(api, 15).await?;
        ended(
            &pay_new(api, &i.to_string(), CARD_DECLINED, THIEF).await?,
            "declined",
        )?;
    }
    refused(&pay_new(api, "16", APPROVED, THIEF).await?, 15)?;
    Ok(())
}

/// The counts are in the database: a thief gains nothing by spreading attempts over the servers.
#[tokio::test]
async fn two_servers_share_the_counts() -> Result<()> {
    let app = limited("--attempts-per-address", "4").await?;
    let other = app.another_server().await?;
    let both = [app.api.clone(), Api::new(&other.line, &app.keys)?];
    for i in 0..4 {
        let answer = pay_new(&both[i % 2], &i.to_string(), CARD_DECLINED, THIEF).await?;
        ended(&answer, "declined")?;
        // An honest buyer elsewhere.
        let order = format!("honest-{i}");
        let answer = pay_new(&both[i % 2], &order, APPROVED, "198.51.100.1").await?;
        ended(&answer, "succeeded")?;
    }
    for (i, api) in both.iter().enumerate() {
        let order = format!("refused-{i}");
        refused(&pay_new(api, &order, CARD_DECLINED, THIEF).await?, 60)?;
    }
    Ok(())
}

#[tokio::test]
async fn a_new_encryption_key_keeps_the_counts() -> Result<()> {
    let app = limited("--attempts-per-card", "2").await?;
    for (i, address) in ["203.0.113.1", "203.0.113.2"].into_iter().enumerate() {
        let answer = pay_new(&app.api, &i.to_string(), CARD_DECLINED, address).await?;
        ended(&answer, "declined")?;
    }
    let rotated = app.another_server_with(&ROTATED).await?;
    let api = Api::new(&rotated.line, &app.keys)?;
    let answer = pay_new(&api, "rotated", CARD_DECLINED, "203.0.113.3").await?;
    refused(&answer, 60)?;
    Ok(())
}
