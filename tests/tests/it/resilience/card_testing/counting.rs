//! What counts as an attempt, and what a suspicious browser is told.

use super::{THIEF, ended, limited, pay, refused};
use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::Value;
use till_tests::TestApp;
use till_tests::cards::{
    APPROVED, APPROVED_MASTERCARD, CARD_DECLINED, INSUFFICIENT_FUNDS, UNAVAILABLE, VERIFIED,
};
use till_tests::client::{Answer, send};
use till_tests::wait::until;

/// Honest buyers of one office and one card pay as often as they like.
#[tokio::test]
async fn payments_that_succeed_do_not_count() -> Result<()> {
    let args = ["--attempts-per-address", "1", "--attempts-per-card", "1"];
    let app = TestApp::with(&args).await?;
    for order in 0..8 {
        let opened = app.api.invoice(&order.to_string()).await?;
        app.api.paid_with(&opened, APPROVED).await?;
    }
    let rows: i64 = sqlx::query_scalar("select count(*) from payment_attempts")
        .fetch_one(&app.store().await?)
        .await?;
    ensure!(rows == 0, "{rows}");
    Ok(())
}

/// An attempt counts before its outcome is known, or a thief would send all of them at once.
#[tokio::test]
async fn attempts_at_the_same_time_are_counted() -> Result<()> {
    let app = limited("--attempts-per-address", "1").await?;
    let api = &app.api;
    let invoices = (0..40).map(async |i: i32| api.invoice(&i.to_string()).await);
    let invoices = try_join_all(invoices).await?;
    let attempts = invoices
        .iter()
        .map(|opened| pay(api, opened, VERIFIED, THIEF));
    let answers = try_join_all(attempts).await?;
    let passed = answers.iter().filter(|answer| answer.status == 201).count();
    // Five undecided ones count as one decline; the server has eight connections to the database.
    ensure!((1..=5 + 8).contains(&passed), "{passed} passed");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        refused(answer, 60)?;
    }
    Ok(())
}

/// A shop or a payment system that fails is not the buyer's fault.
#[tokio::test]
async fn what_reaches_no_payment_system_hardly_counts() -> Result<()> {
    let app = limited("--attempts-per-address", "1").await?;
    let api = &app.api;
    app.project
        .respond_to_checks(|_| StatusCode::NOT_FOUND.into_response());
    let opened = api.invoice("1").await?;
    for _ in 0..6 {
        let answer = pay(api, &opened, APPROVED, THIEF).await?;
        answer.problem(502, "order-check-unavailable")?;
    }
    app.project.confirm_orders();
    // The sandbox answers 503, and has no payment when it is asked.
    let orders = ["2", "3", "4", "5"];
    let invoices = try_join_all(orders.map(async |order| api.invoice(order).await)).await?;
    for invoice in &invoices {
        let answer = pay(api, invoice, UNAVAILABLE, THIEF).await?;
        ensure!(answer.status == 201, "{answer:?}");
    }
    for invoice in &invoices {
        until("the payment to fail", async || {
            Ok(api.read(&invoice.id).await?["status"] == "open")
        })
        .await?;
    }
    ended(&pay(api, &opened, APPROVED, THIEF).await?, "succeeded")
}

/// The browser of a suspicious caller is not told the reason of a decline. The project is.
#[tokio::test]
async fn declines_tell_a_suspicious_browser_less() -> Result<()> {
    let app = limited("--attempts-per-invoice", "4").await?;
    let api = &app.api;
    let opened = api.invoice("1").await?;
    let code = |answer: &Answer| answer.json()["payment"]["decline"]["code"].clone();
    for expected in ["insufficient_funds", "insufficient_funds", "card_declined"] {
        let answer = pay(api, &opened, INSUFFICIENT_FUNDS, THIEF).await?;
        ensure!(code(&answer) == expected, "{answer:?}");
        let shown = send(api.widget(Method::GET, &opened, "")).await?;
        ensure!(code(&shown) == expected, "{shown:?}");
        ensure!(
            !shown.text.contains("nsufficient") || expected == "insufficient_funds",
            "{shown:?}"
        );
    }
    let invoice = api.read(&opened.id).await?;
    let payments = invoice["payments"].as_array().context("no payments")?;
    let exact = |payment: &Value| payment["decline"]["code"] == "insufficient_funds";
    ensure!(
        payments.len() == 3 && payments.iter().all(exact),
        "{invoice}"
    );
    until("the callbacks", async || {
        let told = app.project.accepted();
        let told = told
            .iter()
            .map(|callback| &callback.body["data"]["payment"]);
        Ok(told.filter(|payment| exact(payment)).count() == 3)
    })
    .await
}

/// A live project has limits by default, a test project has none.
#[tokio::test]
async fn live_projects_are_limited_by_default() -> Result<()> {
    let app = TestApp::with(&["--test=false"]).await?;
    let opened = app.api.invoice("1").await?;
    for _ in 0..5 {
        ended(
            &pay(&app.api, &opened, CARD_DECLINED, THIEF).await?,
            "declined",
        )?;
    }
    refused(&pay(&app.api, &opened, CARD_DECLINED, THIEF).await?, 60)?;
    ended(
        &pay(&app.api, &opened, APPROVED_MASTERCARD, THIEF).await?,
        "succeeded",
    )
}
