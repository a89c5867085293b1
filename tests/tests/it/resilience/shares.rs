//! Shares of the permits: what hangs for one project, account or invoice leaves permits for the others.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::APPROVED;
use till_tests::client::{Answer, Api, card, send, text};
use till_tests::events::Events;
use till_tests::faults::relay::{Fault, Relay};
use till_tests::providers::mock::method;
use till_tests::providers::mollie::Mollie;
use till_tests::providers::{PaymentSystem, Plan};
use till_tests::wait::until;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Starts calls of which as many hang as one owner may have permits, and waits until all others are
/// rejected.
async fn hang(
    calls: impl IntoIterator<Item = impl Future<Output = Result<Answer>> + Send + 'static>,
    share: usize,
) -> Result<JoinSet<Result<Answer>>> {
    let mut calls: JoinSet<_> = calls.into_iter().collect();
    while calls.len() > share {
        if let Some(rejected) = calls.join_next().await {
            let rejected = rejected??;
            rejected.problem(503, "unavailable")?;
            ensure!(rejected.header("retry-after") == "1", "{rejected:?}");
        }
    }
    Ok(calls)
}

#[tokio::test]
async fn a_project_whose_order_check_hangs_leaves_permits_for_others() -> Result<()> {
    // Accepts connections and never responds.
    let silent = TcpListener::bind("127.0.0.1:0").await?;
    let check = format!("http://{}/check", silent.local_addr()?);
    let setup = Setup {
        project_args: &["--check-url", &check],
        settings: &["--max-requests", "8"],
        ..Setup::default()
    };
    let app = TestApp::set_up(setup).await?;
    let other = app.another_project().await?;
    let mut opened = vec![];
    for order in 0..12 {
        opened.push(app.api.invoice(&order.to_string()).await?);
    }
    let pay = |opened| {
        let api = app.api.clone();
        async move { api.pay(&opened, &card(APPROVED)).await }
    };
    let hanging = hang(opened.into_iter().map(pay), 4).await?;
    // The form of the same project is beyond its share as well.
    let form = [("project", app.keys.pk.as_str()), ("order_id", "form")];
    let form = app.api.request(Method::POST, "/pay").form(&form);
    send(form).await?.problem(503, "unavailable")?;
    let invoice = other.invoice("1").await?;
    let fixed = other.paid_with(&invoice, APPROVED).await?;
    ensure!(fixed["payment"]["status"] == "succeeded", "{fixed}");
    ensure!(hanging.len() == 4);
    Ok(())
}

#[tokio::test]
async fn an_account_whose_webhooks_hang_leaves_permits_for_others() -> Result<()> {
    let (system, relay) = (Mollie::start().await?, Relay::start().await?);
    relay.send_to(&[&system.mock.base]);
    let mut credentials = system.credentials();
    credentials["base_url"] = relay.url.clone().into();
    let settings = ["--max-requests", "4", "--connector-timeout-ms", "60000"];
    let app = TestApp::with_accounts(&[("mollie", "main", credentials)], &settings).await?;
    let mut references = vec![];
    for order in 0..6 {
        system.pay(Plan::Verify);
        let opened = app.api.invoice(&order.to_string()).await?;
        let paid = app.api.pay(&opened, &method("ideal")).await?;
        ensure!(paid.status == 201, "{paid:?}");
        references.extend(system.mock.entries().last().map(|e| e.reference.clone()));
    }
    relay.inject(|_, _| Fault::DropRequest);
    let webhooks = |kind: &str| {
        let path = format!("/v1/connectors/{kind}/main/webhooks");
        app.api.request(Method::POST, &path)
    };
    let calls = references.into_iter().map(|reference| {
        let webhook = webhooks("mollie").form(&[("id", reference)]);
        async move { send(webhook).await }
    });
    let hanging = hang(calls, 2).await?;
    let other = send(webhooks("sandbox").body("{}")).await?;
    other.problem(404, "not-found")?;
    ensure!(hanging.len() == 2);
    Ok(())
}

#[tokio::test]
async fn an_invoice_has_a_limited_number_of_streams() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let watching = try_join_all((0..8).map(|_| Events::follow(&app.api, &opened, None))).await?;
    let more = send(app.api.widget(Method::GET, &opened, "/events")).await?;
    more.problem(503, "unavailable")?;
    let polled = send(app.api.widget(Method::GET, &opened, "")).await?;
    ensure!(polled.status == 200, "{polled:?}");
    let other = app.api.invoice("2").await?;
    Events::follow(&app.api, &other, None).await?;
    drop(watching);
    until("a free stream", async || {
        Ok(Events::follow(&app.api, &opened, None).await.is_ok())
    })
    .await
}

/// A buyer's cancellation and return take permits of the account as well.
#[tokio::test]
async fn a_hanging_account_holds_no_more_calls_of_any_kind() -> Result<()> {
    let (system, relay) = (Mollie::start().await?, Relay::start().await?);
    relay.send_to(&[&system.mock.base]);
    let mut credentials = system.credentials();
    credentials["base_url"] = relay.url.clone().into();
    let settings = [
        "--max-account-calls",
        "2",
        "--connector-timeout-ms",
        "60000",
    ];
    let app = TestApp::with_accounts(&[("mollie", "main", credentials)], &settings).await?;
    let mut cancels = vec![];
    for order in 0..4 {
        system.pay(Plan::Verify);
        let opened = app.api.invoice(&order.to_string()).await?;
        let paid = app.api.pay(&opened, &method("ideal")).await?;
        let payment = paid.json()["payment"]["id"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let cancel = app.api.widget(
            Method::POST,
            &opened,
            &format!("/payments/{payment}/cancel"),
        );
        let entry = system.mock.entry(&payment).map(|entry| entry.return_url);
        cancels.push((cancel, entry.unwrap_or_default()));
    }
    let called = Arc::new(AtomicUsize::new(0));
    let count = called.clone();
    relay.inject(move |method, _| {
        // The reconciler polls, too.
        count.fetch_add(usize::from(*method == Method::DELETE), Ordering::Relaxed);
        Fault::DropRequest
    });
    let last = cancels.pop().map(|(_, url)| url).unwrap_or_default();
    let calls = cancels
        .into_iter()
        .map(|(cancel, _)| async move { send(cancel).await });
    let hanging = hang(calls, 2).await?;
    ensure!(called.load(Ordering::Relaxed) <= 2);
    // The buyer goes on without an answer of the payment system.
    let returned = send(app.api.request(Method::GET, &last)).await?;
    ensure!(returned.status == 200, "{returned:?}");
    ensure!(hanging.len() == 2);
    Ok(())
}

/// The reconciler has permits for the polls of each account, and others for its refunds.
#[tokio::test]
async fn a_hanging_account_delays_no_other_polls_and_no_refunds() -> Result<()> {
    let (system, healthy, relay) = (
        Mollie::start().await?,
        Mollie::start().await?,
        Relay::start().await?,
    );
    relay.send_to(&[&system.mock.base]);
    let mut credentials = system.credentials();
    credentials["base_url"] = relay.url.clone().into();
    let settings = ["--connector-timeout-ms", "60000"];
    let app = TestApp::with_accounts(&[("mollie", "main", credentials)], &settings).await?;
    let account =
        json!({ "kind": "mollie", "account": "other", "credentials": healthy.credentials() });
    let file = app.files().join("other.json");
    std::fs::write(&file, account.to_string())?;
    let keys = app
        .project_at(
            &app.project.url,
            &["--connector", &file.display().to_string()],
        )
        .await?;
    let other = Api::new(&app.api.url, &keys)?;
    let start = async |api: &Api, system: &Mollie, order: &str| {
        system.pay(Plan::Verify);
        let opened = api.invoice(order).await?;
        let fixed = api.pay(&opened, &method("ideal")).await?.json();
        anyhow::Ok((
            text(&fixed["payment"]["id"])?,
            text(&fixed["verification"]["url"])?,
            opened,
        ))
    };
    let (paid, form, opened) = start(&app.api, &system, "paid").await?;
    system.confirm(&form).await?;
    app.api.until_status(&opened.id, "paid").await?;
    for order in 0..12 {
        start(&app.api, &system, &order.to_string()).await?;
    }
    let reference = system.mock.entry(&paid).context("no payment")?.reference;
    let polls = Arc::new(AtomicUsize::new(0));
    let count = polls.clone();
    relay.inject(move |method, path| {
        let poll = *method == Method::GET && !path.contains(&reference);
        count.fetch_add(usize::from(poll), Ordering::Relaxed);
        if poll {
            Fault::DropRequest
        } else {
            Fault::None
        }
    });
    let (payment, ..) = start(&other, &healthy, "1").await?;
    let due = "update payments set next_check_at = 1 where status = 'requires_verification'";
    sqlx::query(due).execute(&app.store().await?).await?;
    until("as many polls as an account may have", async || {
        Ok(polls.load(Ordering::Relaxed) == 8)
    })
    .await?;
    app.until_polled(&payment).await?;
    let refund = app.refund(&paid, 100).await?;
    until("the refund", async || {
        let path = format!("/v1/refunds/{refund}");
        let refund = send(app.api.secret(Method::GET, &path)).await?;
        Ok(refund.json()["status"] == "succeeded")
    })
    .await?;
    ensure!(polls.load(Ordering::Relaxed) == 8);
    Ok(())
}
