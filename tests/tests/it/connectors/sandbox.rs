//! The sandbox: what happens after a payment succeeded, and what its answers mean.

use super::paypal::system::{PAYMENT, Scripted, foreign_bodies, meaning};
use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_server::connectors::{Reference, RefundOutcome};
use till_shared::payment::{Method as PaymentMethod, PaymentStatus};
use till_tests::TestApp;
use till_tests::cards::{
    APPROVED, DISPUTE_LOST, DISPUTE_WON, REFUND_FAILS, REFUND_PENDING, REVERSED, SUCCEEDS_LATE,
};
use till_tests::client::{Opened, send, text};
use till_tests::wait::until;

/// Pays with a card and returns the payment.
async fn paid(app: &TestApp, number: &str) -> Result<(Opened, Value)> {
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, number).await?;
    ensure!(fixed["payment"]["status"] == "succeeded", "{fixed}");
    let invoice = app.api.read(&opened.id).await?;
    Ok((opened, invoice["payments"][0].clone()))
}

async fn read(app: &TestApp, path: &str) -> Result<Value> {
    let answer = send(app.api.secret(Method::GET, path)).await?;
    ensure!(answer.status == 200, "{answer:?}");
    Ok(answer.json())
}

/// Waits until the project has received these callbacks, in this order among themselves.
async fn until_told(app: &TestApp, kinds: &[&str]) -> Result<()> {
    until("the callbacks", async || {
        let all = app.project.callbacks();
        let told = all.iter().filter_map(|one| one.body["type"].as_str());
        let told: Vec<_> = told.filter(|kind| kinds.contains(kind)).collect();
        Ok(told == kinds)
    })
    .await
    .with_context(|| format!("{kinds:?}"))
}

async fn disputed(number: &str, told: &[&str], end: &str) -> Result<()> {
    let app = TestApp::start().await?;
    let (_, payment) = paid(&app, number).await?;
    until_told(&app, told).await?;
    let id = text(&payment["id"])?;
    let disputes = read(&app, &format!("/v1/disputes?payment={id}")).await?;
    let dispute = &disputes["data"][0];
    ensure!(dispute["status"] == end, "{disputes}");
    ensure!(
        dispute["amount"] == 1999 && dispute["reason"] == "fraudulent",
        "{disputes}"
    );
    ensure!(dispute["respond_by"].is_string(), "{disputes}");
    let payment = read(&app, &format!("/v1/payments/{id}")).await?;
    ensure!(payment["status"] == "succeeded", "{payment}");
    Ok(())
}

#[tokio::test]
async fn a_dispute_that_is_won() -> Result<()> {
    let told = ["dispute.opened", "dispute.updated", "dispute.closed"];
    disputed(DISPUTE_WON, &told, "won").await
}

#[tokio::test]
async fn a_dispute_that_is_lost() -> Result<()> {
    let told = ["dispute.opened", "dispute.closed"];
    disputed(DISPUTE_LOST, &told, "lost").await
}

/// The failure of a refund in the dashboard is reported before its success.
#[tokio::test]
async fn a_refund_in_the_dashboard_that_fails() -> Result<()> {
    let app = TestApp::start().await?;
    let (opened, payment) = paid(&app, REFUND_FAILS).await?;
    app.refund_in_dashboard(&payment, 500).await?;
    app.until_sandbox_is_idle().await?;
    let path = format!("/v1/payments/{}", text(&payment["id"])?);
    let payment = read(&app, &path).await?;
    ensure!(payment["amount_refunded"] == 0, "{payment}");
    let invoice = app.api.read(&opened.id).await?;
    ensure!(invoice["status"] == "paid", "{invoice}");
    let refunds = read(&app, "/v1/refunds").await?;
    ensure!(refunds["data"][0]["status"] == "failed", "{refunds}");
    Ok(())
}

/// A payment succeeds after it was declined, and after another one paid the invoice.
#[tokio::test]
async fn a_payment_that_succeeds_late() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, SUCCEEDS_LATE).await?;
    ensure!(
        fixed["payment"]["decline"]["code"] == "processing_error",
        "{fixed}"
    );
    app.api.paid_with(&opened, APPROVED).await?;
    until_told(&app, &["payment.duplicate_refunded"]).await?;
    ensure!(app.net_captured().await? == 1999);
    Ok(())
}

#[tokio::test]
async fn a_payment_that_is_taken_back() -> Result<()> {
    let app = TestApp::start().await?;
    let (_, payment) = paid(&app, REVERSED).await?;
    until_told(&app, &["payment.reversed"]).await?;
    let path = format!("/v1/payments/{}", text(&payment["id"])?);
    let payment = read(&app, &path).await?;
    ensure!(payment["status"] == "succeeded", "{payment}");
    ensure!(payment["amount_reversed"] == 1999, "{payment}");
    Ok(())
}

/// The webhook about the success arrives after the one about the failure.
#[tokio::test]
async fn a_refund_that_fails_after_it_succeeded() -> Result<()> {
    let app = TestApp::start().await?;
    let (opened, payment) = paid(&app, REFUND_FAILS).await?;
    let refund = app.refund(&text(&payment["id"])?, 500).await?;
    until_told(&app, &["refund.succeeded", "refund.failed"]).await?;
    app.until_sandbox_is_idle().await?;
    let refund = read(&app, &format!("/v1/refunds/{refund}")).await?;
    ensure!(refund["status"] == "failed", "{refund}");
    let invoice = app.api.read(&opened.id).await?;
    ensure!(invoice["status"] == "paid", "{invoice}");
    ensure!(invoice["amount_refunded"] == 0, "{invoice}");
    ensure!(app.net_captured().await? == 1999);
    Ok(())
}

#[tokio::test]
async fn a_refund_that_is_pending() -> Result<()> {
    let app = TestApp::start().await?;
    let (opened, payment) = paid(&app, REFUND_PENDING).await?;
    let id = app.refund(&text(&payment["id"])?, 500).await?;
    until_told(&app, &["refund.succeeded"]).await?;
    let refund = read(&app, &format!("/v1/refunds/{id}")).await?;
    ensure!(refund["status"] == "succeeded", "{refund}");
    let invoice = app.api.read(&opened.id).await?;
    ensure!(invoice["amount_refunded"] == 500, "{invoice}");
    Ok(())
}

#[tokio::test]
async fn a_refund_on_the_dashboards_page() -> Result<()> {
    let app = TestApp::start().await?;
    let (opened, payment) = paid(&app, APPROVED).await?;
    let page = format!(
        "{}/sandbox/payments/{}",
        app.sandbox,
        text(&payment["reference"])?
    );
    let refund = async |amount: &str| {
        let form = app.api.request(Method::POST, &page);
        send(form.form(&[("amount", amount)])).await
    };
    for wrong in ["20.00", "x", "-1.00", "0"] {
        let answer = refund(wrong).await?;
        ensure!(answer.status == 422, "{wrong}: {answer:?}");
        ensure!(answer.text.contains("role=\"alert\""), "{answer:?}");
    }
    ensure!(refund("5.00").await?.status == 303);
    let invoice = app
        .api
        .until_status(&opened.id, "partially_refunded")
        .await?;
    ensure!(invoice["amount_refunded"] == 500, "{invoice}");
    let id = text(&payment["id"])?;
    let refunds = read(&app, &format!("/v1/refunds?payment={id}")).await?;
    ensure!(
        refunds["data"][0]["source"] == "payment_system",
        "{refunds}"
    );
    // The rest.
    ensure!(refund("").await?.status == 303);
    app.api.until_status(&opened.id, "refunded").await?;
    let shown = send(app.api.request(Method::GET, &page)).await?;
    ensure!(shown.text.contains("14.99 EUR, succeeded"), "{shown:?}");
    Ok(())
}

async fn scripted() -> Result<Scripted> {
    let credentials =
        |base: &str| json!({ "base_url": base, "api_key": "key", "webhook_secret": "secret" });
    Scripted::start("sandbox", credentials).await
}

fn error(code: &str) -> Value {
    json!({ "error": { "code": code, "message": "The request failed." } })
}

fn payment(status: &str) -> Value {
    json!({
        "id": "sbp_1", "reference": PAYMENT, "amount": 1999, "currency": "EUR", "status": status,
    })
}

#[tokio::test]
async fn only_documented_errors_are_final() -> Result<()> {
    let system = scripted().await?;
    let refunds = "POST /v1/payments/sbp_1/refunds";
    for (status, body, expected) in [
        (400, error("invalid_request"), "refused"),
        (401, error("unauthorized"), "not sent"),
        (422, error("invalid_amount"), "refused"),
        // An earlier request created something.
        (409, error("reference_exists"), "unknown"),
        (422, error("idempotency_key_reused"), "unknown"),
        (418, error("teapot"), "unknown"),
        (500, error("internal"), "unknown"),
    ] {
        system.answers("POST /v1/payments", &[(status, &body)]);
        let result = system.create(PaymentMethod::Card).await;
        ensure!(meaning(&result) == expected, "{status} {body}: {result:?}");
        system.answers(refunds, &[(status, &body)]);
        let result = system.refund("sbp_1").await;
        ensure!(meaning(&result) == expected, "{status} {body}: {result:?}");
    }
    for status in [400, 401, 403, 404, 409, 422] {
        for body in foreign_bodies() {
            for call in [
                "POST /v1/payments",
                refunds,
                "POST /v1/payments/sbp_1/cancel",
            ] {
                system.answers(call, &[(status, &body)]);
            }
            let created = system.create(PaymentMethod::Card).await;
            ensure!(
                meaning(&created) == "unknown",
                "{status} {body}: {created:?}"
            );
            let refunded = system.refund("sbp_1").await;
            ensure!(
                meaning(&refunded) == "unknown",
                "{status} {body}: {refunded:?}"
            );
            let canceled = system.cancel(&Reference::payment("sbp_1")).await;
            ensure!(
                meaning(&canceled) == "unknown",
                "{status} {body}: {canceled:?}"
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_payment_ends_only_by_the_sandboxs_word_about_ours() -> Result<()> {
    let system = scripted().await?;
    let reference = Reference::payment("sbp_1");
    let mut other = payment("succeeded");
    other["reference"] = json!("pay_1");
    let cancel = "POST /v1/payments/sbp_1/cancel";
    system.answers(cancel, &[(409, &error("not_cancelable"))]);
    for (found, expected) in [
        (payment("succeeded"), PaymentStatus::Succeeded),
        (payment("processing"), PaymentStatus::Processing),
        (other, PaymentStatus::Processing),
    ] {
        system.answers("GET /v1/payments/sbp_1", &[(200, &found)]);
        for update in [
            system.fetch(&reference, true).await?,
            system.cancel(&reference).await?,
        ] {
            let status = update.context("no payment")?.status;
            ensure!(status == expected, "{found}: {status}");
        }
    }
    system.answers(cancel, &[(200, &payment("canceled"))]);
    let canceled = system.cancel(&reference).await?.context("no payment")?;
    ensure!(canceled.status == PaymentStatus::Canceled, "{canceled:?}");
    Ok(())
}

#[tokio::test]
async fn a_refund_has_the_status_that_the_sandbox_says() -> Result<()> {
    let system = scripted().await?;
    for (status, expected) in [
        ("pending", RefundOutcome::Pending("sbr_1".into())),
        ("succeeded", RefundOutcome::Succeeded("sbr_1".into())),
        ("failed", RefundOutcome::Failed("failed".into())),
    ] {
        let refund = json!({
            "id": "sbr_1", "reference": "rfd_1", "amount": 500, "currency": "EUR", "status": status,
        });
        system.answers("POST /v1/payments/sbp_1/refunds", &[(200, &refund)]);
        let outcome = system.refund("sbp_1").await?;
        ensure!(outcome == expected, "{outcome:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_api_key_is_checked() -> Result<()> {
    let system = scripted().await?;
    let check = async || system.connector().check_login(&system.ctx()).await;
    system.answers("GET /v1/payments", &[(200, &json!({ "data": [] }))]);
    ensure!(meaning(&check().await) == "answered");
    system.answers("GET /v1/payments", &[(401, &error("unauthorized"))]);
    ensure!(meaning(&check().await) == "not sent");
    Ok(())
}
