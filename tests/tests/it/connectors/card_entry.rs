//! Where the buyer enters a card: in Till's form or on the payment system's page. An account with its
//! own page never receives card data.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use till_tests::TestApp;
use till_tests::cards::APPROVED;
use till_tests::client::{Api, Opened, card, send, text};
use till_tests::providers::mollie::Mollie;
use till_tests::providers::stripe::Stripe;
use till_tests::providers::{PaymentSystem, Plan};

const PROJECTS: &str = "/v1/projects";

fn account(kind: &str, card_entry: &Value) -> Value {
    let credentials = match kind {
        "stripe" => json!({ "secret_key": "sk_test_k", "webhook_secret": "whsec_k" }),
        "adyen" => json!({ "api_key": "k", "merchant_account": "m", "hmac_key": "4478",
            "base_url": "https://checkout-test.adyen.com/v71" }),
        "paypal" => json!({ "client_id": "c", "client_secret": "s", "webhook_id": "w" }),
        "mollie" => json!({ "api_key": "test_k" }),
        _ => json!({ "base_url": "http://127.0.0.1:9", "api_key": "k", "webhook_secret": "s" }),
    };
    let mut account = json!({ "kind": kind, "account": "a", "credentials": credentials });
    if !card_entry.is_null() {
        account["card_entry"] = card_entry.clone();
    }
    account
}

/// Replaces the project's accounts. Returns their kinds and card entries.
async fn replace(app: &TestApp, accounts: &[Value]) -> Result<Value> {
    let path = format!("{PROJECTS}/{}", app.keys.id);
    let patch = json!({ "connectors": accounts });
    let changed = send(app.operator(Method::PATCH, &path).json(&patch)).await?;
    ensure!(changed.status == 200, "{changed:?}");
    let read = send(app.operator(Method::GET, &path)).await?.json();
    ensure!(read["connectors"] == changed.json()["connectors"], "{read}");
    let accounts = read["connectors"].as_array().context("no accounts")?;
    let both = accounts
        .iter()
        .map(|a| json!([a["kind"], a["card_entry"]]))
        .collect();
    Ok(Value::Array(both))
}

async fn card_method(app: &TestApp, opened: &Opened) -> Result<Value> {
    let billing = send(app.api.widget(Method::GET, opened, "")).await?.json();
    ensure!(billing["methods"][0]["method"] == "card", "{billing}");
    Ok(billing["methods"][0].clone())
}

#[tokio::test]
async fn the_card_entry_of_an_account_is_a_setting() -> Result<()> {
    let app = TestApp::start().await?;
    let kinds = ["stripe", "adyen", "mollie", "paypal", "sandbox"];
    let none = kinds.map(|kind| account(kind, &Value::Null));
    let defaults = json!([
        ["stripe", "hosted"],
        ["adyen", "hosted"],
        ["mollie", "hosted"],
        ["paypal", "hosted"],
        ["sandbox", "direct"],
    ]);
    ensure!(replace(&app, &none).await? == defaults);

    let (direct, hosted) = (json!("direct"), json!("hosted"));
    let chosen = [account("stripe", &direct), account("sandbox", &hosted)];
    let expected = json!([["stripe", "direct"], ["sandbox", "hosted"]]);
    ensure!(replace(&app, &chosen).await? == expected);
    // An update that does not mention it changes nothing.
    let again = ["stripe", "sandbox"].map(|kind| json!({ "kind": kind, "account": "a" }));
    ensure!(replace(&app, &again).await? == expected);
    let shown = app
        .till(&["project", "show", "--dev", "--json", &app.keys.id])
        .await?;
    let shown: Value = serde_json::from_str(&shown.map_err(anyhow::Error::msg)?)?;
    ensure!(shown["connectors"][0]["card_entry"] == "direct", "{shown}");

    // The command line names an invalid field.
    let file = app.files().join("account.json");
    for (kind, entry, message) in [
        ("stripe", "fields", "must be one of hosted, direct"),
        ("mollie", "direct", "mollie does not take card data"),
    ] {
        std::fs::write(&file, account(kind, &json!(entry)).to_string())?;
        let path = file.display().to_string();
        let create = [
            "project",
            "create",
            "--dev",
            "--name",
            "x",
            "--connector",
            &path,
        ];
        let Err(said) = app.till(&create).await? else {
            anyhow::bail!("{kind} {entry} was accepted");
        };
        ensure!(
            said.contains("card_entry") && said.contains(message),
            "{said}"
        );
    }
    Ok(())
}

/// An account that an earlier version stored has no value.
#[tokio::test]
async fn an_account_of_an_earlier_version_goes_on_as_it_was() -> Result<()> {
    let app = TestApp::start().await?;
    let both = ["stripe", "mollie"].map(|kind| account(kind, &Value::Null));
    ensure!(replace(&app, &both).await? == json!([["stripe", "hosted"], ["mollie", "hosted"]]));
    app.change_accounts("card_entry = null").await?;
    let again = ["stripe", "mollie"].map(|kind| json!({ "kind": kind, "account": "a" }));
    let as_before = json!([["stripe", "direct"], ["mollie", "hosted"]]);
    ensure!(replace(&app, &again).await? == as_before);
    let method = card_method(&app, &app.api.invoice("1").await?).await?;
    ensure!(method["card_entry"] == "direct", "{method}");
    ensure!(
        method["fields"].as_array().is_some_and(|f| f.len() == 5),
        "{method}"
    );
    Ok(())
}

/// An app whose accounts are written as files. The log is kept.
async fn start(accounts: &[Value]) -> Result<TestApp> {
    let files = tempfile::tempdir()?;
    let mut args = vec![];
    for (n, account) in accounts.iter().enumerate() {
        let file = files.path().join(n.to_string());
        std::fs::write(&file, account.to_string())?;
        args.extend(["--connector".to_owned(), file.display().to_string()]);
    }
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    TestApp::with_settings(&args, &["--connector-timeout-ms", "1500"]).await
}

fn at<S: PaymentSystem>(system: &S, id: &str, card_entry: &str) -> Value {
    json!({
        "kind": S::KIND, "account": id, "credentials": system.credentials(),
        "methods": ["card"], "card_entry": card_entry,
    })
}

#[tokio::test]
async fn a_hosted_account_takes_no_card_data() -> Result<()> {
    let mollie = Mollie::start().await?;
    let app = start(&[at(&mollie, "m", "hosted")]).await?;
    let opened = app.api.invoice("1").await?;
    let method = card_method(&app, &opened).await?;
    ensure!(method == json!({ "method": "card", "fields": [], "card_entry": "hosted" }));

    let mut flat = card(APPROVED)["card"].clone();
    flat["method"] = json!("card");
    for body in [card(APPROVED), flat] {
        let request = app.api.widget(Method::POST, &opened, "/payments");
        let answer = send(request.header("idempotency-key", "k").json(&body)).await?;
        ensure!(
            answer.problem(422, "invalid-request")? == ["card"],
            "{answer:?}"
        );
        ensure!(!answer.text.contains(APPROVED), "{answer:?}");
    }
    ensure!(app.api.read(&opened.id).await?["payments"] == json!([]));
    ensure!(mollie.payments().await? == 0);
    // The directory has the log, at the lowest level.
    let bytes = app.bytes()?;
    let holds = |text: &[u8]| bytes.windows(text.len()).any(|w| w == text);
    ensure!(holds(opened.id.as_bytes()) && !app.log().is_empty());
    ensure!(
        !holds(APPROVED.as_bytes()),
        "the card number is stored or logged"
    );

    let fixed = app
        .api
        .pay(&opened, &json!({ "method": "card" }))
        .await?
        .json();
    let form = text(&fixed["verification"]["url"])?;
    let back = mollie.confirm(&form).await?;
    send(app.api.request(Method::GET, &back)).await?;
    app.api.until_status(&opened.id, "paid").await?;

    // An invoice with a method has the payment system's form for every `card_entry`.
    let mut order = Api::order("2");
    order["method"] = json!("card");
    let created = send(app.api.secret(Method::POST, "/v1/invoices").json(&order)).await?;
    ensure!(
        created.json()["confirmation_url"].is_string(),
        "{created:?}"
    );
    Ok(())
}

/// Lists the payments of an invoice: connector, status, and whether the card is known.
async fn attempts(app: &TestApp, opened: &Opened) -> Result<Value> {
    let invoice = app.api.read(&opened.id).await?;
    let payments = invoice["payments"].as_array().context("no payments")?;
    let attempt = |p: &Value| json!([p["connector"], p["status"], p["card"].is_object()]);
    Ok(payments.iter().map(attempt).collect())
}

/// The card was typed for the first account. The second one asks for it on its own page.
#[tokio::test]
async fn the_next_account_receives_card_data_only_if_it_takes_them() -> Result<()> {
    let (stripe, mollie) = (Stripe::start().await?, Mollie::start().await?);
    let app = start(&[at(&stripe, "s", "direct"), at(&mollie, "m", "hosted")]).await?;
    let opened = app.api.invoice("1").await?;
    let method = card_method(&app, &opened).await?;
    ensure!(method["card_entry"] == "direct", "{method}");
    let answer = app.api.pay(&opened, &json!({ "method": "card" })).await?;
    ensure!(
        answer.problem(422, "invalid-request")? == ["card"],
        "{answer:?}"
    );

    stripe.pay(Plan::Fail(401));
    mollie.pay(Plan::Verify);
    let fixed = app.api.paid_with(&opened, APPROVED).await?;
    ensure!(fixed["payment"]["card"].is_null(), "{fixed}");
    let expected = json!([
        ["stripe", "failed", true],
        ["mollie", "requires_verification", false],
    ]);
    ensure!(attempts(&app, &opened).await? == expected);
    Ok(())
}

/// An account that needs card data is no next account for a payment without.
#[tokio::test]
async fn an_account_that_needs_card_data_is_left_out_without_them() -> Result<()> {
    let (stripe, mollie) = (Stripe::start().await?, Mollie::start().await?);
    let app = start(&[at(&mollie, "m", "hosted"), at(&stripe, "s", "direct")]).await?;
    let opened = app.api.invoice("1").await?;
    let method = card_method(&app, &opened).await?;
    ensure!(method["card_entry"] == "hosted", "{method}");
    mollie.pay(Plan::Fail(503));
    let fixed = app
        .api
        .pay(&opened, &json!({ "method": "card" }))
        .await?
        .json();
    ensure!(fixed["payment"]["status"] == "failed", "{fixed}");
    ensure!(attempts(&app, &opened).await? == json!([["mollie", "failed", false]]));
    let refused = app.api.pay(&opened, &card(APPROVED)).await?;
    ensure!(
        refused.problem(422, "invalid-request")? == ["card"],
        "{refused:?}"
    );
    ensure!(stripe.payments().await? == 0);
    Ok(())
}
