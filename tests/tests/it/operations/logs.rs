//! The JSON log: lines carry the payment's id and contain no secret.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::{ANSWER_LOST, APPROVED_AMEX, INSUFFICIENT_FUNDS};
use till_tests::client::{Answer, Opened, card, send, text};
use till_tests::wait::until;

/// American Express has a four-digit CVC, which does not appear in the log by chance.
const CVC: &str = "7391";

/// Returns a field of a log line or of one of its spans.
fn field<'a>(line: &'a Value, name: &str) -> Option<&'a str> {
    let spans = line["spans"].as_array().map(Vec::as_slice);
    let spans = spans.unwrap_or_default().iter().rev();
    std::iter::once(line)
        .chain(spans)
        .find_map(|part| part[name].as_str())
}

/// Returns the lines that were written to their end.
fn lines(app: &TestApp) -> Result<Vec<Value>> {
    let read = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
    let log = app.log();
    let whole = log
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'));
    whole.map(read).collect()
}

#[tokio::test]
async fn log_lines_carry_the_payment_id() -> Result<()> {
    let settings = ["--log-format", "json"];
    let app = TestApp::with_settings(&["--check-url", "PROJECT/check"], &settings).await?;
    let opened = app.api.invoice("1").await?;
    let mut body = card(APPROVED_AMEX);
    body["card"]["cvc"] = CVC.into();
    body["card"]["holder"] = "Zaphod Beeblebrox".into();
    let request = app.api.widget(Method::POST, &opened, "/payments");
    let fixed = send(request.json(&body)).await?;
    ensure!(fixed.status == 201, "{fixed:?}");
    let payment = text(&fixed.json()["payment"]["id"])?;
    let refund = app.refund(&payment, 500).await?;
    let about = |line: &Value| field(line, "payment") == Some(&payment);
    let messages = |lines: &[Value], text: &str| {
        let of = |line: &&Value| about(line) && line["message"] == text;
        lines.iter().filter(of).cloned().collect::<Vec<_>>()
    };
    until("all log lines", async || {
        let lines = lines(&app)?;
        Ok(messages(&lines, "callback delivered").len() == 3
            && !messages(&lines, "webhook received").is_empty())
    })
    .await?;
    let lines = lines(&app)?;
    let written = messages(&lines, "payment created");
    let [written] = written.as_slice() else {
        anyhow::bail!("{written:?}");
    };
    ensure!(
        field(written, "request") == Some(fixed.header("x-request-id")),
        "{written}"
    );
    let changed = messages(&lines, "payment changed");
    ensure!(
        changed.iter().any(|line| line["to"] == "succeeded"),
        "{changed:?}"
    );
    let ended = messages(&lines, "refund ended");
    ensure!(
        ended
            .iter()
            .any(|line| field(line, "refund") == Some(&refund)),
        "{ended:?}"
    );
    for callback in messages(&lines, "callback delivered") {
        ensure!(
            field(&callback, "event").is_some_and(|id| id.starts_with("evt_")),
            "{callback}"
        );
    }
    // Every line about the payment carries the project and the invoice.
    let ours = |line: &&Value| field(line, "target").is_some_and(|t| t.starts_with("till_server"));
    for line in lines.iter().filter(|line| about(line)).filter(ours) {
        ensure!(field(line, "project") == Some(&app.keys.id), "{line}");
        // Lines about a refund carry the payment only.
        let messages = ["request completed", "audit log entry"];
        let of_payment = field(line, "refund").is_some()
            || messages.iter().any(|message| line["message"] == *message);
        let invoice = field(line, "invoice") == Some(&opened.id);
        ensure!(invoice || of_payment, "{line}");
    }
    assert_no_secrets(&app, &opened.token).await
}

async fn assert_no_secrets(app: &TestApp, token: &str) -> Result<()> {
    let log = app.log();
    let (_, webhook_secret) = app.sandbox_account().await?;
    let keys = &app.keys;
    for secret in [
        APPROVED_AMEX,
        "Zaphod",
        &keys.sk,
        &keys.signing_secret,
        &webhook_secret,
        token,
        "whsec_",
        "sk_",
        till_tests::app::OPERATOR_TOKEN,
        till_tests::app::ENCRYPTION_KEY,
    ] {
        ensure!(!log.contains(secret), "{secret} is in the log");
    }
    // An id has digits, too.
    let mut words = log.split(|c: char| !c.is_ascii_alphanumeric());
    ensure!(!words.any(|word| word == CVC), "the CVC is in the log");
    Ok(())
}

#[tokio::test]
async fn warnings_carry_the_payment_id() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--log-format", "json"]).await?;
    app.project.respond_to_callbacks(|_| {
        use axum::response::IntoResponse;
        axum::http::StatusCode::SERVICE_UNAVAILABLE.into_response()
    });
    let opened = app.api.invoice("1").await?;
    // The response is lost, so the reconciler polls the status.
    let fixed = app.api.paid_with(&opened, ANSWER_LOST).await?;
    let payment = text(&fixed["payment"]["id"])?;
    until("the warnings", async || {
        let lines = lines(&app)?;
        let of = |text: &str| lines.iter().find(|line| line["message"] == text).cloned();
        let (Some(lost), Some(refused)) = (
            of("the payment system did not accept the payment"),
            of("callback not delivered"),
        ) else {
            return Ok(false);
        };
        for (line, level) in [(&lost, "WARN"), (&refused, "WARN")] {
            ensure!(line["level"] == level, "{line}");
            ensure!(field(line, "payment") == Some(&payment), "{line}");
            ensure!(field(line, "invoice") == Some(&opened.id), "{line}");
            ensure!(field(line, "project") == Some(&app.keys.id), "{line}");
        }
        ensure!(field(&lost, "connector") == Some("sandbox"), "{lost}");
        Ok(true)
    })
    .await
}

/// The log for people says why a request was refused and why a payment was declined, in short lines.
#[tokio::test]
async fn the_text_log_says_why() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--log-format", "text"]).await?;
    let order = |amount: i64| json!({ "order_id": "shop-7", "amount": amount, "currency": "EUR" });
    let create =
        async |order: Value| send(app.api.secret(Method::POST, "/v1/invoices").json(&order)).await;
    let invalid = create(order(-1)).await?;
    let unauthorized = send(app.api.request(Method::GET, "/v1/payments")).await?;
    let made = create(order(1999)).await?.json();
    let reused = create(order(2000)).await?;
    let opened = Opened {
        id: text(&made["id"])?,
        token: text(&made["client_token"])?,
    };
    let fixed = app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
    let payment = text(&fixed["payment"]["id"])?;
    let missing = send(app.api.secret(Method::GET, "/v1/nothing")).await?;
    let line = |parts: &[&str]| {
        let log = app.log();
        let mut lines = log.lines().filter(|line| line.contains(" INFO "));
        lines.any(|line| parts.iter().all(|part| line.contains(part)))
    };
    let refused = |answer: &Answer, parts: &[&str]| {
        let id = format!("request={}", answer.header("x-request-id"));
        let status = format!("status={}", answer.status);
        line(&[&[id.as_str(), &status, "request refused"], parts].concat())
    };
    until("the log", async || Ok(line(&["payment changed", &payment]))).await?;
    let invoices = "route=/v1/invoices";
    ensure!(refused(
        &invalid,
        &["invalid-request", "fields=amount", "shop-7", invoices]
    ));
    ensure!(refused(&unauthorized, &["unauthorized", "method=GET"]));
    ensure!(refused(&reused, &["order-id-reused", "amount", "shop-7"]));
    ensure!(refused(&missing, &["not-found"]));
    ensure!(line(&[
        "payment changed",
        &payment,
        "decline=insufficient_funds",
        "to=declined"
    ]));
    for line in app.log().lines().filter(|line| line.contains(" INFO ")) {
        // The webhook may tell of the decline before the answer to the call does: its id is in the line then.
        let limit = if line.contains("webhook=") { 400 } else { 360 };
        ensure!(line.len() < limit, "{} characters: {line}", line.len());
        for name in ["request=", "payment=", "invoice=", "project="] {
            ensure!(line.matches(name).count() <= 1, "{name} twice: {line}");
        }
    }
    Ok(())
}

/// A core dump would have keys in it, and cards.
#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_crash_writes_no_memory() -> Result<()> {
    let app = TestApp::start().await?;
    let id = app.process_id().context("the server has ended")?;
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits"))?;
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let core: Vec<_> = core.unwrap_or_default().split_whitespace().collect();
    ensure!(core.ends_with(&["0", "0", "bytes"]), "{limits}");
    Ok(())
}
