//! The command line: what is found, created and sent again, next to a running server.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use till_tests::TestApp;
use till_tests::cards::{APPROVED, INSUFFICIENT_FUNDS};
use till_tests::client::{Api, Opened, text};
use till_tests::database::on_postgres;
use till_tests::wait::until;

/// Every command takes the server's settings and needs none of them: it acts as the server that uses
/// the same database.
#[tokio::test]
async fn commands_need_no_settings_of_the_server() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
    let payment = text(&fixed["payment"]["id"])?;
    let id = app.keys.id.as_str();
    let copy = app.files().join("copy.db").display().to_string();
    let commands: [&[&str]; 9] = [
        &["project", "list"],
        &["project", "show", id],
        &[
            "project",
            "update",
            id,
            "--failure-url",
            "http://127.0.0.1:9/",
        ],
        &["payment", "list"],
        &["payment", "show", &payment],
        &["event", "list"],
        &[
            "invoice",
            "create",
            "--order-id",
            "7",
            "--amount",
            "5",
            "--currency",
            "EUR",
        ],
        &["form", "sign", "order_id=8", "amount=5", "currency=EUR"],
        &["migrate"],
    ];
    for command in commands {
        for dev in [&[][..], &["--dev"]] {
            let done = app.till(&[command, dev].concat()).await?;
            done.map_err(anyhow::Error::msg)
                .with_context(|| format!("{command:?} {dev:?}"))?;
        }
    }
    if !on_postgres() {
        let done = app.till(&["backup", "--dev", &copy]).await?;
        done.map_err(anyhow::Error::msg)?;
    }
    Ok(())
}

#[tokio::test]
async fn payments_and_callbacks_are_found_on_the_command_line() -> Result<()> {
    let app = TestApp::start().await?;
    let mut order = Api::order("1");
    order["buyer"] = serde_json::json!({ "email": "jane@shop.example" });
    let opened = app.api.invoice_of(&order).await?;
    let declined = app.api.paid_with(&opened, INSUFFICIENT_FUNDS).await?;
    let declined = text(&declined["payment"]["id"])?;
    let paid = app.api.paid_with(&opened, APPROVED).await?;
    let paid = text(&paid["payment"]["id"])?;
    let order_id = text(&order["order_id"])?;
    let run = async |args: &[&str]| app.till(args).await?.map_err(anyhow::Error::msg);
    let list = async |args: &[&str]| -> Result<Vec<String>> {
        let printed = run(&[&["payment", "list", "--json"], args].concat()).await?;
        let ids = printed
            .lines()
            .map(|line| text(&serde_json::from_str::<Value>(line)?["id"]));
        ids.collect()
    };
    ensure!(list(&[]).await? == [paid.clone(), declined.clone()]);
    ensure!(list(&["--limit", "1"]).await? == [paid.as_str()]);
    for filter in [
        ["--decline", "insufficient_funds"],
        ["--status", "declined"],
        ["--last4", "9995"],
    ] {
        ensure!(list(&filter).await? == [declined.as_str()], "{filter:?}");
    }
    for filter in [
        ["--order-id", &order_id],
        ["--email", "Jane@shop.example"],
        ["--created-after", "2026-01-01"],
        ["--invoice", &opened.id],
        ["--project", &app.keys.id],
    ] {
        ensure!(list(&filter).await?.len() == 2, "{filter:?}");
    }
    ensure!(list(&["--created-before", "2026-01-01"]).await?.is_empty());
    let table = run(&["payment", "list"]).await?;
    let line = table.lines().find(|line| line.contains(&declined));
    let line = line.context("the payment is not listed")?;
    for part in [
        "19.99 EUR",
        "declined",
        "insufficient_funds",
        "visa 9995",
        &order_id,
    ] {
        ensure!(line.contains(part), "{part}: {line}");
    }
    for (args, message) in [
        (
            ["payment", "list", "--created-after", "soon"],
            "must be a time",
        ),
        (["payment", "list", "--last4", "42"], "last4"),
        (["payment", "list", "--status", "lost"], "--status"),
        (
            ["payment", "list", "--project", "prj_0"],
            "there is no prj_0",
        ),
    ] {
        let refused = app.till(&args).await?;
        let error = refused.err().with_context(|| format!("{args:?}"))?;
        ensure!(error.contains(message), "{args:?}: {error}");
    }

    until("the callbacks", async || {
        Ok(app.project.callbacks().len() == 3)
    })
    .await?;
    let events = run(&["event", "list", "--type", "invoice.paid", "--json"]).await?;
    let event: Value = serde_json::from_str(&events)?;
    let id = text(&event["id"])?;
    let table = run(&["event", "list", "--order-id", &order_id]).await?;
    ensure!(table.lines().count() == 3, "{table}");
    let line = table
        .lines()
        .find(|line| line.contains(&id))
        .context("not listed")?;
    ensure!(
        line.contains("delivered") && line.contains("answered 204"),
        "{line}"
    );
    let shown: Value = serde_json::from_str(&run(&["event", "show", &id]).await?)?;
    ensure!(shown["attempts"][0]["status"] == 204, "{shown}");
    let sending = run(&["event", "resend", &id]).await?;
    ensure!(sending.trim() == format!("sending {id}"), "{sending}");
    let again = || {
        app.project
            .callbacks()
            .iter()
            .filter(|one| one.id == id)
            .count()
    };
    until("the callback again", async || Ok(again() == 2)).await?;
    let sending = run(&["event", "resend", "--state", "delivered", "--json"]).await?;
    ensure!(sending.lines().count() == 3, "{sending}");
    until("all callbacks again", async || {
        Ok(app.project.callbacks().len() == 7)
    })
    .await?;
    let nothing = app
        .till_output(&["event", "resend", "--state", "failed"])
        .await?;
    ensure!(nothing.status.success() && nothing.stdout.is_empty());
    ensure!(
        !app.till_output(&["event", "resend"])
            .await?
            .status
            .success()
    );

    app.another_project().await?;
    let refused = app.till(&["payment", "list"]).await?;
    ensure!(refused.is_err_and(|error| error.contains("name the project with --project")));
    Ok(())
}

#[tokio::test]
async fn invoices_are_created_on_the_command_line() -> Result<()> {
    let app = TestApp::start().await?;
    let create = ["invoice", "create", "--currency", "EUR", "--order-id", "42"];
    let run = async |args: &[&str]| app.till(&[&create, args].concat()).await;
    let made = run(&[
        "--amount",
        "19.99",
        "--email",
        "jane@shop.example",
        "--json",
    ])
    .await?;
    let made: Value = serde_json::from_str(&made.map_err(anyhow::Error::msg)?)?;
    ensure!(made["amount"] == 1999 && made["order_id"] == "42", "{made}");
    let opened = Opened {
        id: text(&made["id"])?,
        token: text(&made["client_token"])?,
    };
    app.api.paid_with(&opened, APPROVED).await?;
    app.api.until_status(&opened.id, "paid").await?;
    let again = run(&["--amount", "19.99", "--email", "jane@shop.example"]).await?;
    let again = again.map_err(anyhow::Error::msg)?;
    let page = format!("pay at  {}/pay/{}", app.api.url, opened.id);
    ensure!(again.contains("paid") && again.contains(&page), "{again}");
    for (args, message) in [
        (["--amount", "20"], "amount"),
        (["--amount", "0.001"], "more decimals"),
        (["--amount", "cheap"], "a decimal number"),
    ] {
        let error = run(&args)
            .await?
            .err()
            .with_context(|| format!("{args:?}"))?;
        ensure!(error.contains(message), "{args:?}: {error}");
    }
    Ok(())
}

/// The form posts to the running server, and a form that it would reject is not signed.
#[tokio::test]
async fn forms_are_signed_that_the_server_accepts() -> Result<()> {
    let app = TestApp::start().await?;
    let order = ["order_id=42", "amount=19.99", "currency=EUR"];
    let sign = async |fields: &[&str]| {
        let command = ["form", "sign", "--project", &app.keys.id];
        app.till(&[&command, fields].concat()).await
    };
    let form = sign(&order).await?.map_err(anyhow::Error::msg)?;
    let action = format!("action=\"{}/pay\"", app.api.url);
    ensure!(form.contains(&action), "{form}");
    for (fields, message) in [
        (&["order_id=42", "amount=19.99"][..], "Missing: currency"),
        (
            &["order_id=42", "amount=1.999", "currency=EUR"],
            "Invalid: amount",
        ),
        (
            &["order_id=42", "amount=5", "currency=XXQ"],
            "Invalid: currency",
        ),
        (
            &["order_id=42", "amount=5", "currency=EUR", "color=red"],
            "Unexpected: color",
        ),
        (
            &["order_id=42", "amount=5", "currency=EUR", "amount=6"],
            "Sent twice: amount",
        ),
        (
            &[
                "order_id=42",
                "amount=5",
                "currency=EUR",
                "success_url=ftp://a",
            ],
            "success_url",
        ),
        (&["order_id=4\n2", "amount=5", "currency=EUR"], "order_id"),
        (
            &["order_id=42", "amount=5", "currency=EUR", "signature=1"],
            "signature",
        ),
    ] {
        let error = sign(fields)
            .await?
            .err()
            .with_context(|| format!("{fields:?}"))?;
        ensure!(error.contains(message), "{fields:?}: {error}");
    }
    Ok(())
}
