//! Refunds, and automatic refunds of duplicate payments.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS, REFUND_FAILS, VERIFIED};
use till_tests::client::{Answer, Opened, send, text};
use till_tests::faults::relay::{Fault, Relay};
use till_tests::wait::until;

async fn paid(app: &TestApp, order: &str) -> Result<(Opened, String)> {
    let opened = app.api.invoice(order).await?;
    let fixed = app.api.paid_with(&opened, APPROVED).await?;
    Ok((opened, text(&fixed["payment"]["id"])?))
}

async fn refund(app: &TestApp, payment: &str, body: Value) -> Result<Answer> {
    let path = format!("/v1/payments/{payment}/refunds");
    send(app.api.secret(Method::POST, &path).json(&body)).await
}

fn count_callbacks(app: &TestApp, kind: &str) -> usize {
    let callbacks = app.project.callbacks();
    callbacks.iter().filter(|a| a.body["type"] == kind).count()
}

#[tokio::test]
async fn partial_refunds_do_not_exceed_the_payment() -> Result<()> {
    let app = TestApp::start().await?;
    let (opened, payment) = paid(&app, "1").await?;
    let first = refund(
        &app,
        &payment,
        json!({ "amount": 500, "reason": "damaged" }),
    )
    .await?;
    ensure!(first.status == 201, "{first:?}");
    let first = first.json();
    ensure!(
        first["object"] == "refund" && first["status"] == "succeeded",
        "{first}"
    );
    ensure!(first["amount"] == 500 && first["currency"] == "EUR" && first["reason"] == "damaged");
    let invoice = app.api.read(&opened.id).await?;
    ensure!(
        invoice["status"] == "partially_refunded" && invoice["amount_refunded"] == 500,
        "{invoice}"
    );

    for amount in [1500, 0, -1, i64::MAX] {
        let answer = refund(&app, &payment, json!({ "amount": amount })).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == ["amount"],
            "{amount}"
        );
    }
    let unknown = refund(&app, &payment, json!({ "amout": 1 })).await?;
    ensure!(unknown.problem(422, "invalid-request")? == ["amout"]);
    let path = format!("/v1/payments/{payment}/refunds");
    let rest = send(app.api.secret(Method::POST, &path)).await?.json();
    ensure!(rest["amount"] == 1499, "{rest}");
    let invoice = app.api.read(&opened.id).await?;
    ensure!(
        invoice["status"] == "refunded" && invoice["amount_refunded"] == 1999,
        "{invoice}"
    );
    let nothing = refund(&app, &payment, json!({})).await?;
    nothing.problem(409, "not-refundable")?;

    ensure!(app.net_captured().await? == 0);
    until("two callbacks", async || {
        Ok(count_callbacks(&app, "refund.succeeded") == 2)
    })
    .await?;
    let last = app.project.callbacks().pop().context("none")?;
    ensure!(
        last.body["data"]["refund"]["id"] == rest["id"],
        "{}",
        last.body
    );
    ensure!(
        last.body["data"]["invoice"]["status"] == "refunded",
        "{}",
        last.body
    );
    let path = format!("/v1/refunds/{}", text(&rest["id"])?);
    ensure!(send(app.api.secret(Method::GET, &path)).await?.json() == rest);
    let stranger = app.another_project().await?;
    send(stranger.secret(Method::GET, &path))
        .await?
        .problem(404, "not-found")?;
    let path = format!("/v1/payments/{payment}/refunds");
    let request = stranger.secret(Method::POST, &path).json(&json!({}));
    send(request).await?.problem(404, "not-found")?;
    Ok(())
}

#[tokio::test]
async fn the_same_key_refunds_once() -> Result<()> {
    let mut app = TestApp::start().await?;
    let (_, payment) = paid(&app, "1").await?;
    let path = format!("/v1/payments/{payment}/refunds");
    let api = app.api.clone();
    let again = || {
        let request = api
            .secret(Method::POST, &path)
            .header("idempotency-key", "r-1");
        send(request.json(&json!({ "amount": 100 })))
    };
    let first = again().await?;
    app.crash_and_restart().await?;
    let second = again().await?;
    ensure!(first.text == second.text && second.header("idempotent-replayed") == "true");
    ensure!(app.net_captured().await? == 1899);
    Ok(())
}

#[tokio::test]
async fn an_unpaid_payment_is_not_refundable() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
    let payment = text(&fixed["payment"]["id"])?;
    refund(&app, &payment, json!({}))
        .await?
        .problem(409, "not-refundable")?;
    refund(&app, "pay_0", json!({}))
        .await?
        .problem(404, "not-found")?;
    Ok(())
}

/// The buyer cancels the first payment and pays with a second. Then the provider reports that the
/// first succeeded.
#[tokio::test]
async fn a_duplicate_payment_is_refunded_automatically() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let first = app.api.paid_with(&opened, VERIFIED).await?["payment"].clone();
    let cancel = format!("/payments/{}/cancel", text(&first["id"])?);
    send(app.api.widget(Method::POST, &opened, &cancel)).await?;
    app.api.paid_with(&opened, APPROVED).await?;
    let late = app.succeed_late(&first).await?;
    ensure!(late.status == 200, "{late:?}");
    until("the duplicate refund", async || {
        Ok(count_callbacks(&app, "payment.duplicate_refunded") == 1)
    })
    .await?;
    // A repeated webhook changes nothing.
    ensure!(app.succeed_late(&first).await?.status == 200);
    let invoice = app.api.read(&opened.id).await?;
    ensure!(
        invoice["status"] == "paid" && invoice["amount_refunded"] == 0,
        "{invoice}"
    );
    ensure!(
        count_callbacks(&app, "invoice.paid") == 1
            && count_callbacks(&app, "payment.duplicate_refunded") == 1
    );
    ensure!(
        app.net_captured().await? == 1999,
        "{:?}",
        app.ledger().await?
    );
    let none = refund(&app, &text(&first["id"])?, json!({})).await?;
    none.problem(409, "not-refundable")?;
    Ok(())
}

#[tokio::test]
async fn a_late_success_pays_an_expired_invoice() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let first = app.api.paid_with(&opened, VERIFIED).await?["payment"].clone();
    let cancel = format!("/payments/{}/cancel", text(&first["id"])?);
    send(app.api.widget(Method::POST, &opened, &cancel)).await?;
    app.expire(&opened.id).await?;
    app.api.until_status(&opened.id, "expired").await?;
    ensure!(app.succeed_late(&first).await?.status == 200);
    app.api.until_status(&opened.id, "paid").await?;
    until("the callbacks", async || {
        Ok(count_callbacks(&app, "payment.succeeded") == 1)
    })
    .await?;
    let sequence: Vec<_> = app
        .project
        .callbacks()
        .iter()
        .map(|a| (a.body["sequence"].as_i64(), a.body["type"].clone()))
        .collect();
    let kinds = ["invoice.expired", "invoice.paid", "payment.succeeded"];
    let expected: Vec<_> = (1..).map(Some).zip(kinds.map(Value::from)).collect();
    ensure!(sequence == expected, "{sequence:?}");
    Ok(())
}

/// The first call gets no answer, and the payment system refuses the next one: the first may have
/// refunded. The refund stays pending and is counted, until a later call ends it.
#[tokio::test]
async fn a_refund_that_is_refused_after_an_unanswered_call_is_counted() -> Result<()> {
    let relay = Relay::start().await?;
    let app = TestApp::set_up(Setup {
        sandbox_relay: Some(&relay),
        settings: &["--speedup", "1000"],
        ..Setup::default()
    })
    .await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, REFUND_FAILS).await?;
    let payment = app.api.read(&opened.id).await?["payments"][0].clone();
    relay.inject(|method, path| match path.ends_with("/refunds") {
        true if method == Method::POST => Fault::Reject(503),
        _ => Fault::None,
    });
    let refund = app.refund(&text(&payment["id"])?, 1999).await?;
    // Meanwhile the money goes back in the dashboard, and comes back a second later.
    app.refund_in_dashboard(&payment, 1999).await?;
    relay.inject(|_, _| Fault::None);
    let read = async |path: &str| {
        Ok::<_, anyhow::Error>(send(app.api.request(Method::GET, path)).await?.text)
    };
    let counted = "till_refunds_to_review{connector=\"sandbox\"} 1";
    until("the warning", async || {
        Ok(read("/readyz").await?.contains("refunds_to_review")
            && read("/metrics").await?.contains(counted))
    })
    .await?;
    let path = format!("/v1/refunds/{refund}");
    let status = async || -> Result<String> {
        text(&send(app.api.secret(Method::GET, &path)).await?.json()["status"])
    };
    ensure!(status().await? == "pending");
    ensure!(app.log().contains("an operator has to look at it"));
    // This refund succeeds and fails as well; either way it has ended.
    until("the refund to end", async || {
        Ok(status().await? != "pending")
    })
    .await?;
    ensure!(!read("/readyz").await?.contains("refunds_to_review"));
    Ok(())
}
