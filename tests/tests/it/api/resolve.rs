//! The operator ends payments that no payment system will end.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::{APPROVED, VERIFIED, WEBHOOK_NEVER};
use till_tests::client::{Answer, Opened, send, text};
use till_tests::wait::until;

/// An invoice whose payment stays in processing, and the payment's id.
async fn stuck(app: &TestApp, number: &str) -> Result<(Opened, String)> {
    let opened = app.api.invoice(number).await?;
    let fixed = app.api.paid_with(&opened, WEBHOOK_NEVER).await?;
    let payment = text(&fixed["payment"]["id"])?;
    // Without status polls, the payment stays in processing.
    sqlx::query("update payments set next_check_at = null where id = $1")
        .bind(&payment)
        .execute(&app.store().await?)
        .await?;
    Ok((opened, payment))
}

async fn resolve(app: &TestApp, payment: &str, body: &Value) -> Result<Answer> {
    let path = format!("/v1/payments/{payment}/resolve");
    send(app.operator(Method::POST, &path).json(body)).await
}

#[tokio::test]
async fn a_resolved_payment_is_told_and_audited() -> Result<()> {
    let app = TestApp::start().await?;
    let (opened, payment) = stuck(&app, "1").await?;
    let body = json!({
        "status": "succeeded", "reference": "bank-1", "reason": "it is in the bank's statement",
    });
    let answer = resolve(&app, &payment, &body).await?;
    ensure!(answer.status == 200, "{answer:?}");
    ensure!(answer.json()["status"] == "succeeded", "{answer:?}");
    ensure!(answer.json()["reference"] == "bank-1", "{answer:?}");
    app.api.until_status(&opened.id, "paid").await?;
    until("the callbacks", async || {
        Ok(app.project.callbacks().len() == 2)
    })
    .await?;
    let (action, subject, detail): (String, String, String) = sqlx::query_as(
        "select action, subject, detail from audit_log where action = 'payment.resolve'",
    )
    .fetch_one(&app.store().await?)
    .await?;
    ensure!(action == "payment.resolve" && subject == payment);
    ensure!(detail.contains("bank's statement"), "{detail}");
    // It has ended.
    resolve(&app, &payment, &body)
        .await?
        .problem(409, "payment-final")?;
    Ok(())
}

#[tokio::test]
async fn a_payment_is_resolved_on_the_command_line() -> Result<()> {
    let app = TestApp::start().await?;
    let (opened, payment) = stuck(&app, "1").await?;
    let args = [
        "payment", "resolve", &payment, "--status", "failed", "--reason", "no trace", "--dev",
    ];
    let output = app.till(&args).await?;
    ensure!(
        output.as_ref().is_ok_and(|o| o.contains("failed")),
        "{output:?}"
    );
    app.api.until_status(&opened.id, "open").await?;
    let again = app.till(&args).await?;
    ensure!(
        again.as_ref().is_err_and(|e| e.contains("already failed")),
        "{again:?}"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_not_open_is_not_resolved() -> Result<()> {
    let app = TestApp::start().await?;
    let good = json!({ "status": "failed", "reason": "no trace" });
    resolve(&app, "pay_1", &good)
        .await?
        .problem(404, "not-found")?;

    let waiting = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&waiting, VERIFIED).await?;
    let answer = resolve(&app, &text(&fixed["payment"]["id"])?, &good).await?;
    answer.problem(409, "payment-in-progress")?;

    let paid = app.api.invoice("2").await?;
    let fixed = app.api.paid_with(&paid, APPROVED).await?;
    let reference = fixed["payment"]["reference"].clone();
    let answer = resolve(&app, &text(&fixed["payment"]["id"])?, &good).await?;
    answer.problem(409, "payment-final")?;

    let (opened, payment) = stuck(&app, "3").await?;
    for (body, field) in [
        (json!({ "status": "declined", "reason": "x" }), "status"),
        (json!({ "status": "lost", "reason": "x" }), "status"),
        (json!({ "status": "failed", "reason": " " }), "reason"),
        (json!({ "status": "failed" }), "reason"),
        (
            json!({ "status": "failed", "reason": "x", "amount": 1 }),
            "amount",
        ),
        (
            json!({ "status": "succeeded", "reason": "x", "reference": reference }),
            "reference",
        ),
    ] {
        let answer = resolve(&app, &payment, &body).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == [field],
            "{answer:?}"
        );
    }
    let path = format!("/v1/payments/{payment}/resolve");
    let answer = send(app.api.secret(Method::POST, &path).json(&good)).await?;
    answer.problem(401, "unauthorized")?;
    ensure!(app.api.read(&opened.id).await?["status"] == "processing");
    let entries: i64 =
        sqlx::query_scalar("select count(*) from audit_log where action = 'payment.resolve'")
            .fetch_one(&app.store().await?)
            .await?;
    ensure!(entries == 0);
    Ok(())
}
