//! Every test card of the sandbox: the invoice's status matches the sandbox's ledger, the buyer is
//! charged once, and the project receives the callbacks.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use till_tests::TestApp;
use till_tests::cards::{
    ANSWER_LOST, ANSWER_LOST_WEBHOOK, APPROVED, APPROVED_AMEX, APPROVED_MASTERCARD, CARD_DECLINED,
    DECLINED_AFTER_VERIFICATION, EXPIRED_CARD, FRAUD_SUSPECTED, INCORRECT_CVC, INCORRECT_NUMBER,
    INSUFFICIENT_FUNDS, LIMIT_EXCEEDED, METHOD_UNAVAILABLE, PROCESSING_ERROR, SERVER_ERROR, SLOW,
    UNAVAILABLE, VERIFICATION_EXPIRES, VERIFICATION_FAILED, VERIFIED, VERIFIED_BY_REDIRECT,
    WEBHOOK_LATE, WEBHOOK_NEVER, WEBHOOK_OUT_OF_ORDER, WEBHOOK_TWICE,
};
use till_tests::client::{Opened, card, send, text};
use till_tests::wait::until;

async fn callback_types(app: &TestApp, invoice: &str) -> Vec<String> {
    let callbacks = app.project.callbacks();
    let about = callbacks
        .iter()
        .filter(|a| a.body["data"]["invoice"]["id"] == invoice);
    about
        .filter_map(|a| a.body["type"].as_str().map(str::to_owned))
        .collect()
}

/// Waits until the invoice is paid, the buyer is charged once, and the callbacks are received.
async fn assert_paid_once(app: &TestApp, opened: &Opened) -> Result<()> {
    let invoice = app.api.until_status(&opened.id, "paid").await?;
    ensure!(invoice["paid_at"].is_string(), "{invoice}");
    ensure!(
        app.net_captured().await? == 1999,
        "{:?}",
        app.ledger().await?
    );
    until("two callbacks", async || {
        Ok(callback_types(app, &opened.id).await.len() == 2)
    })
    .await?;
    ensure!(callback_types(app, &opened.id).await == ["invoice.paid", "payment.succeeded"]);
    let payments = invoice["payments"].as_array().context("no payments")?;
    ensure!(
        payments.len() == 1 && payments[0]["status"] == "succeeded",
        "{invoice}"
    );
    Ok(())
}

async fn pays_once(number: &str) -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, number).await?;
    let status = fixed["payment"]["status"].as_str();
    ensure!(
        matches!(status, Some("succeeded" | "processing")),
        "{fixed}"
    );
    assert_paid_once(&app, &opened).await?;
    // Later webhooks of the sandbox change nothing and cause no callbacks.
    app.until_sandbox_is_idle().await?;
    assert_paid_once(&app, &opened).await
}

#[tokio::test]
async fn approved() -> Result<()> {
    let app = TestApp::start().await?;
    for (n, number) in [APPROVED, APPROVED_MASTERCARD, APPROVED_AMEX]
        .iter()
        .enumerate()
    {
        let opened = app.api.invoice(&n.to_string()).await?;
        let fixed = app.api.paid_with(&opened, number).await?;
        ensure!(fixed["payment"]["status"] == "succeeded", "{fixed}");
    }
    ensure!(app.net_captured().await? == 3 * 1999);
    Ok(())
}

#[tokio::test]
async fn answer_lost() -> Result<()> {
    pays_once(ANSWER_LOST).await
}

#[tokio::test]
async fn answer_lost_webhook() -> Result<()> {
    pays_once(ANSWER_LOST_WEBHOOK).await
}

#[tokio::test]
async fn slow() -> Result<()> {
    pays_once(SLOW).await
}

#[tokio::test]
async fn server_error() -> Result<()> {
    pays_once(SERVER_ERROR).await
}

#[tokio::test]
async fn webhook_late() -> Result<()> {
    pays_once(WEBHOOK_LATE).await
}

#[tokio::test]
async fn webhook_twice() -> Result<()> {
    pays_once(WEBHOOK_TWICE).await
}

#[tokio::test]
async fn webhook_out_of_order() -> Result<()> {
    pays_once(WEBHOOK_OUT_OF_ORDER).await
}

#[tokio::test]
async fn webhook_never() -> Result<()> {
    pays_once(WEBHOOK_NEVER).await
}

#[tokio::test]
async fn unavailable_then_approved() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, UNAVAILABLE).await?;
    ensure!(fixed["payment"]["status"] == "processing", "{fixed}");
    app.api.until_status(&opened.id, "open").await?;
    let invoice = app.api.read(&opened.id).await?;
    ensure!(invoice["payments"][0]["status"] == "failed", "{invoice}");
    ensure!(app.ledger().await?.is_empty());
    app.api.paid_with(&opened, APPROVED).await?;
    ensure!(app.net_captured().await? == 1999);
    Ok(())
}

#[tokio::test]
async fn declines_have_their_code_and_leave_the_invoice_open() -> Result<()> {
    let app = TestApp::start().await?;
    for (number, code) in [
        (INSUFFICIENT_FUNDS, "insufficient_funds"),
        (CARD_DECLINED, "card_declined"),
        (EXPIRED_CARD, "expired_card"),
        (INCORRECT_CVC, "incorrect_cvc"),
        (INCORRECT_NUMBER, "incorrect_number"),
        (FRAUD_SUSPECTED, "fraud_suspected"),
        (LIMIT_EXCEEDED, "limit_exceeded"),
        (METHOD_UNAVAILABLE, "method_unavailable"),
        (PROCESSING_ERROR, "processing_error"),
    ] {
        let opened = app.api.invoice(code).await?;
        let fixed = app.api.paid_with(&opened, number).await?;
        ensure!(fixed["payment"]["status"] == "declined", "{fixed}");
        ensure!(fixed["payment"]["decline"]["code"] == code, "{fixed}");
        ensure!(app.api.read(&opened.id).await?["status"] == "open");
        until("the callback", async || {
            Ok(callback_types(&app, &opened.id).await == ["payment.declined"])
        })
        .await?;
    }
    ensure!(app.net_captured().await? == 0);
    Ok(())
}

/// Creates a payment that requires verification and submits the bank's form.
async fn verify(app: &TestApp, number: &str, action: &str) -> Result<(Opened, String)> {
    let opened = app.api.invoice(action).await?;
    let fixed = app.api.paid_with(&opened, number).await?;
    ensure!(
        fixed["payment"]["status"] == "requires_verification",
        "{fixed}"
    );
    let url = text(&fixed["verification"]["url"])?;
    let form = app
        .api
        .request(Method::POST, &url)
        .form(&[("action", action)]);
    let answer = send(form).await?;
    ensure!(answer.status == 303, "{answer:?}");
    Ok((opened, answer.header("location").to_owned()))
}

#[tokio::test]
async fn verified_and_confirmed() -> Result<()> {
    for number in [VERIFIED, VERIFIED_BY_REDIRECT] {
        let app = TestApp::start().await?;
        let (opened, _) = verify(&app, number, "confirm").await?;
        assert_paid_once(&app, &opened).await?;
    }
    Ok(())
}

#[tokio::test]
async fn verification_fails() -> Result<()> {
    for (number, action, code) in [
        (VERIFICATION_FAILED, "confirm", "verification_failed"),
        (DECLINED_AFTER_VERIFICATION, "confirm", "insufficient_funds"),
        (VERIFIED, "cancel", "verification_abandoned"),
    ] {
        let app = TestApp::start().await?;
        let (opened, _) = verify(&app, number, action).await?;
        let invoice = app.api.until_status(&opened.id, "open").await?;
        ensure!(
            invoice["payments"][0]["decline"]["code"] == code,
            "{invoice}"
        );
        ensure!(app.net_captured().await? == 0);
    }
    Ok(())
}

#[tokio::test]
async fn verification_expires() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, VERIFICATION_EXPIRES).await?;
    let invoice = app.api.until_status(&opened.id, "open").await?;
    let code = &invoice["payments"][0]["decline"]["code"];
    ensure!(code == "verification_abandoned", "{invoice}");
    Ok(())
}

/// The server crashes while the provider processes the payment. The buyer is charged once.
#[tokio::test]
async fn the_server_crashes_during_a_payment() -> Result<()> {
    let mut app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let body = card(SLOW);
    let request = app
        .api
        .widget(Method::POST, &opened, "/payments")
        .json(&body);
    let asking = tokio::spawn(send(request));
    until("the payment to be stored", async || {
        Ok(app.api.read(&opened.id).await?["status"] == "processing")
    })
    .await?;
    app.crash_and_restart().await?;
    ensure!(asking.await?.is_err(), "the connection is closed");
    assert_paid_once(&app, &opened).await
}

/// The buyer does not finish the verification within the time limit.
#[tokio::test]
async fn an_unfinished_verification_is_canceled() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--verification-seconds", "1"]).await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, VERIFIED).await?;
    let invoice = app.api.until_status(&opened.id, "open").await?;
    let payment = &invoice["payments"][0];
    ensure!(payment["status"] == "declined", "{invoice}");
    ensure!(
        payment["decline"]["code"] == "verification_abandoned",
        "{invoice}"
    );
    until("the callback", async || {
        Ok(callback_types(&app, &opened.id).await == ["payment.declined"])
    })
    .await?;
    ensure!(
        app.ledger().await?[0].1 == "canceled",
        "{:?}",
        app.ledger().await?
    );
    Ok(())
}
