//! The documentation's snippets, run against a server.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::time::SystemTime;
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Answer, card, send};
use till_tests::docs::docs;
use till_tests::docs::snippets::{Fields, Snippet};
use till_tests::wait::until;

/// The snippets that sign a form.
pub const FORM: [&str; 4] = ["form.php", "form.mjs", "form.py", "form.rs"];
const COMPILED_FORM: &str = env!("CARGO_BIN_EXE_snippet-form");
/// The snippets that verify callbacks.
pub const CALLBACKS: [&str; 4] = [
    "callbacks.php",
    "callbacks.mjs",
    "callbacks.py",
    "callbacks.rs",
];
const COMPILED_CALLBACKS: &str = env!("CARGO_BIN_EXE_snippet-callbacks");
/// The account files of the connectors.
pub const ACCOUNTS: [&str; 4] = ["stripe.json", "adyen.json", "paypal.json", "mollie.json"];
/// The example of a callback.
pub const EXAMPLE: &str = "invoice-paid.json";
#[tokio::test]
async fn signing_snippets_produce_accepted_forms() -> Result<()> {
    let app = TestApp::start().await?;
    for name in FORM {
        assert_signs(&app, name).await.context(name)?;
    }
    Ok(())
}

async fn assert_signs(app: &TestApp, name: &'static str) -> Result<()> {
    let order = [
        ("project", app.keys.pk.as_str()),
        ("order_id", name),
        ("amount", "19.99"),
        ("currency", "EUR"),
        (
            "description",
            r#"A "print" & <frame>, größer = 漢字 😀 100 %41+1"#,
        ),
        ("email", "buyer+test@shop.example"),
        ("locale", "de"),
        // These two sort differently in UTF-8 and UTF-16.
        ("metadata[\u{fb00}]", "ligature"),
        ("metadata[\u{1f600}]", "smile"),
        ("metadata[empty]", ""),
        ("metadata[Upper]", "before lower"),
    ];
    let order: Fields = order.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    let secret = &app.keys.signing_secret;
    let snippet = Snippet::new(name, COMPILED_FORM)?;
    let signed = snippet.sign(&app.api.url, secret, &order).await?;
    let accepted = pay(app, &signed).await?;
    let to = accepted.header("location");
    ensure!(
        accepted.status == 303 && to.contains("/pay/inv_"),
        "{accepted:?}"
    );

    for (field, other) in [
        ("amount", "0.99"),
        ("email", ""),
        ("metadata[empty]", "no more"),
    ] {
        let mut changed = signed.clone();
        changed.insert("order_id".into(), format!("{name} {field}"));
        let mut resigned = changed.clone();
        resigned.remove("signature");
        let mut resigned = snippet.sign(&app.api.url, secret, &resigned).await?;
        resigned.insert(field.into(), other.into());
        let refused = pay(app, &resigned).await?;
        ensure!((400..500).contains(&refused.status), "{field}: {refused:?}");
    }
    let mut foreign = order;
    foreign.insert("order_id".into(), format!("{name} with another secret"));
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let foreign = snippet.sign(&app.api.url, other, &foreign).await?;
    let refused = pay(app, &foreign).await?;
    ensure!((400..500).contains(&refused.status), "{refused:?}");
    Ok(())
}

async fn pay(app: &TestApp, fields: &Fields) -> Result<Answer> {
    send(app.api.request(Method::POST, "/pay").form(fields)).await
}

#[tokio::test]
async fn callback_snippets_accept_only_valid_signatures() -> Result<()> {
    for name in CALLBACKS {
        assert_verifies_callbacks(name).await.context(name)?;
    }
    Ok(())
}

async fn assert_verifies_callbacks(name: &'static str) -> Result<()> {
    let app = TestApp::start().await?;
    let secret = &app.keys.signing_secret;
    let snippet = Snippet::new(name, COMPILED_CALLBACKS)?;
    let (_running, url) = snippet.listen(secret).await?;
    let id = app.keys.id.as_str();
    let change = [
        "project",
        "update",
        id,
        "--dev",
        "--notify-url",
        &url,
        "--check-url",
        &url,
    ];
    app.till(&change).await?.map_err(anyhow::Error::msg)?;

    // Callbacks from the server. The snippet accepts order 42 at 19.99 only.
    let unknown = app.api.invoice("43").await?;
    let refused = app.api.pay(&unknown, &card(APPROVED)).await?;
    refused.problem(422, "order-rejected")?;
    let known = app.api.invoice("42").await?;
    app.api.paid_with(&known, APPROVED).await?;
    until("both callbacks to be accepted", async || {
        callbacks_accepted(&app).await
    })
    .await?;

    // Callbacks with valid and invalid signatures.
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let ping = json!({ "type": "ping", "data": {} }).to_string();
    let cases = [
        (204, vec![signature(secret, 0, &ping)?]),
        (
            204,
            vec![signature(other, 0, &ping)?, signature(secret, 0, &ping)?],
        ),
        (401, vec![signature(other, 0, &ping)?]),
        (
            401,
            vec![signature(secret, 0, &ping.replace("ping", "pong"))?],
        ),
        (401, vec![signature(secret, -600, &ping)?]),
        (401, vec![signature(secret, 600, &ping)?]),
        (401, vec![]),
    ];
    for (number, (status, signatures)) in cases.iter().enumerate() {
        let answer = callback(&app, &url, signatures, &ping).await?;
        ensure!(answer.status == *status, "case {number}: {answer:?}");
    }
    let check = |order_id: &str| {
        let data = json!({ "invoice": { "order_id": order_id } });
        json!({ "type": "order.check", "data": data }).to_string()
    };
    for (order_id, expected) in [
        (
            "42",
            json!({ "accept": true, "amount": 1999, "currency": "EUR" }),
        ),
        ("43", json!({ "accept": false, "reason": "unknown order" })),
    ] {
        let body = check(order_id);
        let signatures = [signature(secret, 0, &body)?];
        let answer = callback(&app, &url, &signatures, &body).await?;
        ensure!(
            answer.status == 200 && answer.json() == expected,
            "{answer:?}"
        );
    }
    Ok(())
}

/// Whether both callbacks of the order got status 204.
async fn callbacks_accepted(app: &TestApp) -> Result<bool> {
    let list = send(app.api.secret(Method::GET, "/v1/events"))
        .await?
        .json();
    let events = list["data"].as_array().cloned().unwrap_or_default();
    let last = |event: &Value| event["attempts"].as_array()?.last()?["status"].as_u64();
    Ok(events.len() == 2 && events.iter().all(|event| last(event) == Some(204)))
}

/// Signs a body. Returns the time in seconds and the signature.
fn signature(secret: &str, seconds_from_now: i64, body: &str) -> Result<(i64, String)> {
    let now = SystemTime::UNIX_EPOCH.elapsed()?;
    let seconds = i64::try_from(now.as_secs())? + seconds_from_now;
    let signature = Webhook::new(secret)?.sign("evt_1", seconds, body.as_bytes())?;
    Ok((seconds, signature))
}

async fn callback(
    app: &TestApp,
    url: &str,
    signatures: &[(i64, String)],
    body: &str,
) -> Result<Answer> {
    let mut request = app.api.request(Method::POST, url).body(body.to_owned());
    if let Some((seconds, _)) = signatures.first() {
        let all: Vec<_> = signatures.iter().map(|(_, text)| text.as_str()).collect();
        request = request
            .header("webhook-id", "evt_1")
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", all.join(" "));
    }
    send(request).await
}

#[tokio::test]
async fn account_files_are_accepted() -> Result<()> {
    let app = TestApp::start().await?;
    for name in ACCOUNTS {
        let file = docs()?.join("snippets").join(name);
        let file = file.to_str().context("a path that is no text")?;
        let create = [
            "project",
            "create",
            "--dev",
            "--name",
            name,
            "--connector",
            file,
        ];
        let created = app.till(&create).await?;
        created.map_err(anyhow::Error::msg).context(name)?;
    }
    Ok(())
}

#[tokio::test]
async fn the_callback_example_matches_a_real_callback() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("42").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    until("both callbacks", async || {
        Ok(app.project.callbacks().len() == 2)
    })
    .await?;
    let callbacks = app.project.callbacks();
    let real = callbacks.iter().find(|a| a.body["type"] == "invoice.paid");
    let real = &real.context("no invoice.paid")?.body;
    let example = std::fs::read_to_string(docs()?.join("snippets").join(EXAMPLE))?;
    same_shape(&serde_json::from_str(&example)?, real).context("$")
}

/// Checks that two JSON values have the same field names and types.
fn same_shape(example: &Value, real: &Value) -> Result<()> {
    match (example, real) {
        (Value::Object(example), Value::Object(real)) => {
            let names = |o: &serde_json::Map<String, Value>| o.keys().cloned().collect::<Vec<_>>();
            ensure!(
                names(example) == names(real),
                "{:?} and {:?}",
                names(example),
                names(real)
            );
            for (name, value) in example {
                same_shape(value, &real[name]).with_context(|| name.clone())?;
            }
        }
        (Value::Array(example), Value::Array(real)) => {
            ensure!(example.len() == real.len(), "{example:?} and {real:?}");
            for (example, real) in example.iter().zip(real) {
                same_shape(example, real)?;
            }
        }
        _ => ensure!(
            std::mem::discriminant(example) == std::mem::discriminant(real),
            "{example} and {real}"
        ),
    }
    Ok(())
}
