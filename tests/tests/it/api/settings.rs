//! A project's settings: what is set right, what is refused, and what is warned of.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::process::Output;
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::APPROVED;
use till_tests::client::{Answer, Api, card, send, text};
use tokio::net::TcpListener;

async fn patch(app: &TestApp, patch: &Value) -> Result<Answer> {
    let path = format!("/v1/projects/{}", app.keys.id);
    send(app.operator(Method::PATCH, &path).json(patch)).await
}

#[tokio::test]
async fn origins_are_stored_as_browsers_send_them() -> Result<()> {
    let app = TestApp::with(&["--check-url", "PROJECT/check"]).await?;
    let origins = json!([
        "https://Shop.Example/",
        "https://shop.example:443",
        " https://bücher.example ",
        "http://localhost:3000/",
    ]);
    let changed = patch(&app, &json!({ "allowed_origins": origins }))
        .await?
        .json();
    let stored = json!([
        "https://shop.example",
        "https://xn--bcher-kva.example",
        "http://localhost:3000",
    ]);
    ensure!(changed["allowed_origins"] == stored, "{changed}");
    // A page of each may create an invoice.
    for origin in ["https://shop.example", "https://xn--bcher-kva.example"] {
        let request = app.api.request(Method::POST, "/v1/widget/invoices");
        let request = request.bearer_auth(&app.keys.pk).header("origin", origin);
        let created = send(request.json(&Api::order(origin))).await?;
        ensure!(created.status == 201, "{origin}: {created:?}");
    }

    for (origin, words) in [
        ("https://*.shop.example", "add each origin by itself"),
        ("shop.example", "write https://shop.example"),
        ("localhost:3000", "write http://localhost:3000"),
        ("https://shop.example/cart", "write https://shop.example"),
        (
            "https://a.example,https://b.example",
            "must be an origin such as",
        ),
    ] {
        let answer = patch(
            &app,
            &json!({ "allowed_origins": ["https://a.example", origin] }),
        )
        .await?;
        ensure!(answer.problem(422, "invalid-request")? == ["allowed_origins[1]"]);
        ensure!(answer.text.contains(words), "{origin}: {answer:?}");
        let update = [
            "project",
            "update",
            &app.keys.id,
            "--origin",
            origin,
            "--dev",
        ];
        let refused = app.till(&update).await?.err().unwrap_or_default();
        ensure!(refused.contains(words), "{origin}: {refused}");
    }
    Ok(())
}

#[tokio::test]
async fn settings_are_checked_and_set_right() -> Result<()> {
    let app = TestApp::start().await?;
    let settings = json!({
        "name": " Bücher & Co ",
        "success_url": "",
        "widget": { "locale": "pt_br", "accent": null },
    });
    let changed = patch(&app, &settings).await?.json();
    ensure!(
        changed["name"] == "Bücher & Co" && changed["widget"]["locale"] == "pt-BR",
        "{changed}"
    );
    ensure!(changed["success_url"].is_null(), "{changed}");

    let account = |more: Value| {
        let mut account =
            json!({ "kind": "mollie", "account": "a", "credentials": { "api_key": "test_k" } });
        for (key, value) in more.as_object().into_iter().flatten() {
            account[key] = value.clone();
        }
        json!({ "connectors": [account] })
    };
    for (body, field, words) in [
        (json!({ "name": "a\u{0}" }), "name", "U+0000"),
        (json!({ "name": "a\nb" }), "name", "line breaks"),
        (json!({ "name": "a\u{202e}b" }), "name", "U+202E"),
        (
            json!({ "widget": { "locale": "Deutsch" } }),
            "widget.locale",
            "such as de or pt-BR",
        ),
        (
            json!({ "widget": { "mode": "modal" } }),
            "widget.mode",
            "must be one of iframe, popup",
        ),
        (
            json!({ "notify_url": "https://shop.example/\u{0}" }),
            "notify_url",
            "U+0000",
        ),
        (
            account(json!({ "label": "a\u{0}" })),
            "connectors[0].label",
            "U+0000",
        ),
        (
            account(json!({ "account": "a b" })),
            "connectors[0].account",
            "ASCII letters",
        ),
        (
            account(json!({ "kind": "bank" })),
            "connectors[0].kind",
            "must be one of sandbox",
        ),
        (
            account(json!({ "methods": ["ideal"], "currencies": ["usd"] })),
            "connectors[0].currencies",
            "none of the methods in USD",
        ),
    ] {
        let answer = patch(&app, &body).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == [field],
            "{body}: {answer:?}"
        );
        ensure!(answer.text.contains(words), "{body}: {answer:?}");
    }
    let lower = account(json!({ "methods": ["ideal"], "currencies": ["eur"], "label": " Main " }));
    let changed = patch(&app, &lower).await?.json();
    let connector = &changed["connectors"][0];
    ensure!(
        connector["currencies"] == json!(["EUR"]) && connector["label"] == "Main",
        "{changed}"
    );
    // In a patch, an empty list removes the accounts.
    let changed = patch(&app, &json!({ "connectors": [] })).await?.json();
    ensure!(changed["connectors"] == json!([]), "{changed}");
    Ok(())
}

#[tokio::test]
async fn a_set_up_that_takes_no_payments_is_warned_of() -> Result<()> {
    let app = TestApp::start().await?;
    let run = async |args: &[&str]| -> Result<(Value, String)> {
        let mut all = vec!["project"];
        all.extend(args);
        all.extend(["--dev", "--json"]);
        let Output {
            stdout,
            stderr,
            status,
        } = app.till_output(&all).await?;
        ensure!(status.success(), "{args:?}");
        Ok((serde_json::from_slice(&stdout)?, String::from_utf8(stderr)?))
    };
    let (made, warnings) = run(&["create", "--name", "No accounts"]).await?;
    ensure!(
        warnings.contains("warning: The project has no account"),
        "{warnings}"
    );
    ensure!(
        warnings.contains("till project update --connector FILE"),
        "{warnings}"
    );
    let id = text(&made["id"])?;
    let (_, warnings) = run(&["update", &id, "--locale", "tlh", "--sandbox", &app.sandbox]).await?;
    ensure!(
        warnings.contains("no texts in the language tlh"),
        "{warnings}"
    );
    ensure!(!warnings.contains("no account"), "{warnings}");
    let (shown, warnings) = run(&["update", &id, "--locale", "de_AT"]).await?;
    ensure!(
        shown["widget"]["locale"] == "de-AT" && warnings.is_empty(),
        "{warnings}"
    );

    let create = app.operator(Method::POST, "/v1/projects");
    let created = send(create.json(&json!({ "name": "No accounts" })))
        .await?
        .json();
    let told = text(&created["warnings"][0])?;
    ensure!(told.contains("has no account"), "{created}");
    let body = json!({ "order_id": "1", "amount": 1, "currency": "EUR", "method": "card" });
    let request = app.api.request(Method::POST, "/v1/invoices");
    let refused = send(request.bearer_auth(text(&created["sk"])?).json(&body)).await?;
    refused.problem(422, "method-unavailable")?;
    ensure!(
        refused
            .text
            .contains("till project update --connector FILE"),
        "{refused:?}"
    );
    Ok(())
}

#[tokio::test]
async fn a_server_that_waits_for_its_own_answer_is_told_so() -> Result<()> {
    // It accepts connections and never answers, as `php -S` does while it handles a request.
    let busy = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", busy.local_addr()?);
    let app = TestApp::set_up(Setup {
        project_args: &["--check-url", "PROJECT/check"],
        endpoint: Some(&url),
        ..Setup::default()
    })
    .await?;
    let mut order = Api::order("1");
    order["method"] = json!("card");
    let answer = send(app.api.secret(Method::POST, "/v1/invoices").json(&order)).await?;
    answer.problem(502, "order-check-unavailable")?;
    for words in [
        "did not answer within 5 seconds",
        "PHP_CLI_SERVER_WORKERS=4",
        &url,
    ] {
        ensure!(answer.text.contains(words), "{answer:?}");
    }
    // A buyer reads nothing of it.
    drop(busy);
    let opened = app.api.invoice("2").await?;
    let answer = app.api.pay(&opened, &card(APPROVED)).await?;
    answer.problem(502, "order-check-unavailable")?;
    ensure!(
        answer.text.contains("The shop could not confirm the order"),
        "{answer:?}"
    );
    ensure!(!answer.text.contains(&url), "{answer:?}");
    Ok(())
}
