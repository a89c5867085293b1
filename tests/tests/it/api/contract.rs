//! The OpenAPI document, tried by programs that others wrote: generated clients, and Schemathesis, which
//! calls the server with what the document allows and forbids.

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use till_tests::TestApp;
use till_tests::app::OPERATOR_TOKEN;
use till_tests::cards::{APPROVED, CARD_DECLINED};
use till_tests::client::{Opened, card, events, send, text};
use till_tests::tools::installed;
use tokio::process::Command;

/// The programs of these tests.
fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contract")
}

/// A program of the Python environment with the tools.
fn tool(name: &str) -> Result<Command> {
    let python = installed("TILL_CONTRACT_PYTHON")?;
    let mut command = till_tests::process::command(python.with_file_name(name));
    command.kill_on_drop(true);
    Ok(command)
}

async fn run(command: &mut Command) -> Result<String> {
    let output = command.output().await.context("cannot be started")?;
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    ensure!(output.status.success(), "{printed}");
    Ok(printed)
}

/// Writes the document to a new directory.
async fn download(app: &TestApp) -> Result<TempDir> {
    let answer = send(app.api.request(Method::GET, "/openapi.json")).await?;
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("openapi.json"), answer.text)?;
    Ok(dir)
}

/// The generated Python client takes an order from its creation to its refund.
#[tokio::test]
async fn a_generated_python_client_works() -> Result<()> {
    let app = TestApp::start().await?;
    let dir = download(&app).await?;
    let mut generate = tool("openapi-python-client")?;
    generate
        .args(["generate", "--meta", "none", "--fail-on-warning"])
        .args([
            "--path",
            "openapi.json",
            "--output-path",
            "till",
            "--config",
        ])
        .arg(programs().join("python-client.yaml"));
    run(generate.current_dir(dir.path())).await?;
    let mut client = tool("python")?;
    client
        .arg(programs().join("client.py"))
        .args([&app.api.url, &app.keys.sk])
        .env("PYTHONPATH", dir.path());
    assert_refunded(&app, &run(&mut client).await?).await
}

/// The generated TypeScript client compiles, and takes an order from its creation to its refund.
#[tokio::test]
async fn a_generated_typescript_client_works() -> Result<()> {
    let app = TestApp::start().await?;
    let dir = download(&app).await?;
    let modules = installed("TILL_NODE_MODULES")?;
    std::os::unix::fs::symlink(&modules, dir.path().join("node_modules"))?;
    std::fs::copy(programs().join("client.ts"), dir.path().join("client.ts"))?;
    std::fs::write(dir.path().join("package.json"), r#"{"type": "module"}"#)?;
    let node = |args: &[&str]| {
        let mut command = till_tests::process::command("node");
        command.args(args).current_dir(dir.path());
        command
    };
    let generator = "node_modules/openapi-typescript/bin/cli.js";
    run(&mut node(&[
        generator,
        "openapi.json",
        "--output",
        "till.ts",
    ]))
    .await?;
    let compile = [
        "node_modules/typescript/bin/tsc",
        "--strict",
        "--target",
        "es2022",
        "--lib",
        "es2023,dom",
        "--module",
        "nodenext",
        "client.ts",
    ];
    run(&mut node(&compile)).await?;
    let ran = run(&mut node(&["client.js", &app.api.url, &app.keys.sk])).await?;
    assert_refunded(&app, &ran).await
}

/// Checks that the invoice that a client printed is refunded in part.
async fn assert_refunded(app: &TestApp, printed: &str) -> Result<()> {
    let id = printed.split_whitespace().next().context("no invoice")?;
    let invoice = app.api.read(id).await?;
    ensure!(invoice["status"] == "partially_refunded", "{invoice}");
    ensure!(invoice["amount_refunded"] == 500, "{invoice}");
    Ok(())
}

/// The server rejects unknown fields, so that a mistyped name is not lost.
#[tokio::test]
async fn requests_have_no_other_fields() -> Result<()> {
    let app = TestApp::start().await?;
    let api = send(app.api.request(Method::GET, "/openapi.json")).await?;
    let api = api.json();
    let paths = api["paths"].as_object().context("no paths")?;
    let items = paths.values().filter_map(Value::as_object);
    let calls = items.flat_map(|item| item.values());
    let contents = calls.filter_map(|call| call["requestBody"]["content"].as_object());
    // A payment system's webhook is in its own format, without a schema of ours.
    let bodies = contents.flat_map(|all| all.values().filter_map(|c| c["schema"]["$ref"].as_str()));
    let bodies: BTreeSet<_> = bodies.collect();
    ensure!(bodies.len() >= 10, "{bodies:?}");
    let closed =
        |body: &str| api.pointer(body.trim_start_matches('#'))?["additionalProperties"].as_bool();
    let open: Vec<_> = bodies
        .iter()
        .filter(|body| closed(body) != Some(false))
        .collect();
    ensure!(open.is_empty(), "fields that the server rejects: {open:?}");
    Ok(())
}

/// How many random requests Schemathesis makes for an operation, at most, to make this many in all.
/// Besides them it makes about 2,000 that try the limits of every field.
fn random_requests(wanted: usize) -> usize {
    (wanted / 30).saturating_sub(30).max(3)
}

/// Schemathesis finds nothing that `contract/accepted.py` does not list with its reason.
#[tokio::test]
async fn the_server_is_as_described() -> Result<()> {
    let number = |name, default| -> Result<usize> {
        let given = std::env::var(name);
        Ok(given.map_or(Ok(default), |text| text.parse())?)
    };
    let wanted = number("TILL_CONTRACT_CASES", 1000)?;
    let seed = std::env::var("TILL_CONTRACT_SEED").ok();
    let app = TestApp::with(&["--check-url", "PROJECT/check"]).await?;
    app.project.confirm_orders();
    let dir = download(&app).await?;
    let world = world(&app).await?.to_string();
    std::fs::write(dir.path().join("world.json"), world)?;
    let mut schemathesis = tool("schemathesis")?;
    schemathesis
        .args(["run", "openapi.json", "--url", &app.api.url])
        .args(["--checks", "all", "--continue-on-failure", "--no-color"])
        // It has no end. `widget::live` tests it.
        .args(["--exclude-operation-id", "streamInvoice"])
        .args(["--warnings", "off", "--request-timeout", "20"])
        .args(["--generation-database", "none"])
        .args(["--max-examples", &random_requests(wanted).to_string()])
        .args(["--report", "json", "--report-json-path", "report.json"]);
    if let Some(seed) = &seed {
        schemathesis.args(["--seed", seed]);
    }
    schemathesis
        .env("SCHEMATHESIS_HOOKS", programs().join("hooks.py"))
        .env("TILL_CONTRACT_WORLD", dir.path().join("world.json"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(dir.path());
    let printed = run(&mut schemathesis).await?;
    let report = std::fs::read(dir.path().join("report.json"))?;
    let report: Value = serde_json::from_slice(&report)?;
    let cases = report["test_cases"]["generated"].as_u64();
    let cases = usize::try_from(cases.context("no count")?)?;
    ensure!(cases >= wanted, "only {cases} cases\n{printed}");
    Ok(())
}

/// The ids and keys that Schemathesis calls the server with.
async fn world(app: &TestApp) -> Result<Value> {
    let mut invoices = vec![];
    for number in 0..8 {
        let order = json!({
            "order_id": format!("contract {number}"), "amount": 1999, "currency": "EUR",
            "expires_in_seconds": 86_400,
        });
        invoices.push(app.api.invoice_of(&order).await?);
    }
    let mut payments = vec![];
    for (invoice, number) in invoices
        .iter()
        .zip([APPROVED, APPROVED, APPROVED, CARD_DECLINED])
    {
        let fixed = app.api.pay(invoice, &card(number)).await?;
        payments.push(text(&fixed.json()["payment"]["id"])?);
    }
    for invoice in &invoices[..3] {
        app.api.until_status(&invoice.id, "paid").await?;
    }
    let refunds = vec![app.refund(&payments[0], 5).await?];
    // Schemathesis rotates the keys of this one.
    let spare = app.operator(Method::POST, "/v1/projects");
    let spare = send(spare.json(&json!({ "name": "Spare" }))).await?.json();
    let keys = format!("/v1/projects/{}/keys", text(&spare["id"])?);
    let key = app.operator(Method::POST, &keys);
    let key = key.json(&json!({ "name": "Spare", "scopes": ["read"] }));
    let key = send(key).await?.json();
    let own = format!("/v1/projects/{}", app.keys.id);
    let own = send(app.operator(Method::GET, &own)).await?.json();
    let account = &own["connectors"][0];
    let events = events(&app.api, "").await?;
    let events: Vec<_> = events.iter().map(|event| event["id"].clone()).collect();
    let ids: Vec<_> = invoices.iter().map(|invoice| &invoice.id).collect();
    let token = |invoice: &Opened| (invoice.id.clone(), invoice.token.clone().into());
    let tokens: serde_json::Map<String, Value> = invoices.iter().map(token).collect();
    Ok(json!({
        "sk": app.keys.sk, "pk": app.keys.pk, "operator": OPERATOR_TOKEN,
        "origin": "https://shop.example", "tokens": tokens,
        "ids": {
            "invoice": ids, "payment": payments, "refund": refunds, "event": events, "dispute": [],
            "project": [spare["id"]], "key": [key["id"]], "kind": [account["kind"]], "account": [account["account"]],
        },
    }))
}
