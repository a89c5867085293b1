//! Overload: requests beyond the limits get 503 at once, throughput holds, and no payment is lost.

use anyhow::{Context, Result, ensure};
use futures::future::{join_all, try_join_all};
use reqwest::Method;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::APPROVED;
use till_tests::client::{Answer, Api, card, send};
use till_tests::events::Events;
use till_tests::faults::relay::{Fault, Relay};
use till_tests::ledger::{assert_consistent, until_settled};
use till_tests::wait::until;
use tokio::task::JoinHandle;

/// The number of concurrent calls to the account.
const CONCURRENT_CALLS: usize = 4;
/// The number of buyers as a multiple of [`CONCURRENT_CALLS`].
const OVERLOAD_FACTOR: usize = 10;
/// The length of each phase.
const PHASE: Duration = Duration::from_secs(6);
/// The duration of a call to a slow account.
const SLOW: Duration = Duration::from_secs(1);

/// Runs `at_once` buyers for a phase. A buyer repeats rejected requests. Returns the number of
/// payments and of rejected requests.
async fn buyers(api: &Api, name: &str, at_once: usize) -> Result<(usize, usize)> {
    let (paid, rejected) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let end = Instant::now() + PHASE;
    let send_with_retry = async |ask: &dyn Fn() -> reqwest::RequestBuilder| loop {
        let answer = send(ask()).await?;
        if answer.status != 503 {
            return anyhow::Ok(answer);
        }
        answer.problem(503, "unavailable")?;
        let seconds: u64 = answer
            .header("retry-after")
            .parse()
            .context("Retry-After")?;
        rejected.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    };
    let one = async |buyer: usize| {
        for number in 0.. {
            if Instant::now() > end {
                break;
            }
            let order = Api::order(&format!("{name}-{buyer}-{number}"));
            let made =
                send_with_retry(&|| api.secret(Method::POST, "/v1/invoices").json(&order)).await?;
            ensure!(made.status == 201, "{made:?}");
            let path = format!(
                "/v1/widget/invoices/{}/payments",
                made.json()["id"].as_str().unwrap_or_default()
            );
            let token = made.json()["client_token"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let pay = || api.request(Method::POST, &path).bearer_auth(&token);
            let answer = send_with_retry(&|| pay().json(&card(APPROVED))).await?;
            ensure!(answer.status == 201, "{answer:?}");
            paid.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(())
    };
    try_join_all((0..at_once).map(one)).await?;
    Ok((paid.into_inner(), rejected.into_inner()))
}

#[tokio::test]
async fn goodput_holds_and_nothing_is_lost() -> Result<()> {
    let relay = Relay::start().await?;
    // The account's delay limits its throughput, regardless of the machine.
    relay.inject(|_, path| match path {
        "/v1/payments" => Fault::Delay(Duration::from_millis(400)),
        _ => Fault::None,
    });
    let share = CONCURRENT_CALLS.to_string();
    let setup = Setup {
        sandbox_relay: Some(&relay),
        settings: &["--max-account-calls", &share, "--max-requests", "48"],
        ..Setup::default()
    };
    let app = TestApp::set_up(setup).await?;
    let (baseline, _) = buyers(&app.api, "baseline", CONCURRENT_CALLS).await?;
    let (overloaded, rejected) =
        buyers(&app.api, "overload", CONCURRENT_CALLS * OVERLOAD_FACTOR).await?;
    let ratio = overloaded as f64 / baseline as f64;
    println!(
        "in {PHASE:?}: {baseline} payments at capacity, {overloaded} at {OVERLOAD_FACTOR} times as many buyers \
         ({rejected} rejected): {ratio:.2}"
    );
    ensure!(rejected > 0, "no request was rejected");
    ensure!(ratio > 0.5, "goodput fell to {ratio:.2}");
    until_settled(&app, Duration::from_secs(60)).await?;
    let summary = assert_consistent(&app).await?;
    ensure!(summary.paid == baseline + overloaded, "{summary:?}");
    Ok(())
}

/// The permits of three projects of which each takes as many as it may: half of those that are free.
const SHARES: [usize; 3] = [2, 1, 1];

/// Starts an app whose request limit is exhausted by calls that get no response.
async fn start_at_limit(relay: &Relay) -> Result<(TestApp, Vec<JoinHandle<Result<Answer>>>)> {
    let hanging = Arc::new(AtomicUsize::new(0));
    let counted = hanging.clone();
    relay.inject(move |method, path| {
        if *method == Method::POST && path == "/v1/payments" {
            counted.fetch_add(1, Ordering::Relaxed);
            return Fault::DropRequest;
        }
        Fault::None
    });
    let limit = SHARES.iter().sum::<usize>().to_string();
    let setup = Setup {
        sandbox_relay: Some(relay),
        settings: &["--max-requests", &limit, "--connector-timeout-ms", "60000"],
        ..Setup::default()
    };
    let app = TestApp::set_up(setup).await?;
    let mut calls = vec![];
    for share in SHARES {
        let sandbox = ["--sandbox", &relay.url];
        let keys = app.project_at(&app.project.url, &sandbox).await?;
        let api = Api::new(&app.api.url, &keys)?;
        for order in 0..share {
            let opened = api.invoice(&order.to_string()).await?;
            let api = api.clone();
            calls.push(tokio::spawn(async move {
                api.pay(&opened, &card(APPROVED)).await
            }));
            until("the call to be pending", async || {
                Ok(hanging.load(Ordering::Relaxed) == calls.len())
            })
            .await?;
        }
    }
    Ok((app, calls))
}

#[tokio::test]
async fn webhooks_and_health_checks_are_served_at_the_limit() -> Result<()> {
    let relay = Relay::start().await?;
    let (app, calls) = start_at_limit(&relay).await?;
    let request = |method, path: &str| app.api.request(method, path);
    let call = send(app.api.secret(Method::GET, "/v1/invoices")).await?;
    call.problem(503, "unavailable")?;
    ensure!(call.header("retry-after") == "1", "{call:?}");
    let page = request(Method::GET, "/pay/inv_1").header("accept", "text/html,*/*");
    let page = send(page.header("accept-language", "de")).await?;
    ensure!(
        page.status == 503 && page.header("retry-after") == "1",
        "{page:?}"
    );
    ensure!(page.text.contains("<html lang=\"de\""), "{page:?}");
    for path in ["/healthz", "/readyz", "/till.js"] {
        let answer = send(request(Method::GET, path)).await?;
        ensure!(answer.status == 200, "{path}: {answer:?}");
    }
    let account: String = sqlx::query_scalar("select account from connector_accounts")
        .fetch_one(&app.store().await?)
        .await?;
    let path = format!("/v1/connectors/sandbox/{account}/webhooks");
    let webhook = send(request(Method::POST, &path).body("{}")).await?;
    webhook.problem(401, "unauthorized")?;
    for call in calls {
        call.abort();
    }
    Ok(())
}

#[tokio::test]
async fn a_hanging_account_does_not_affect_others() -> Result<()> {
    let relay = Relay::start().await?;
    relay.inject(|method, path| {
        if *method == Method::POST && path == "/v1/payments" {
            Fault::DropRequest
        } else {
            Fault::None
        }
    });
    let setup = Setup {
        sandbox_relay: Some(&relay),
        settings: &[
            "--max-account-calls",
            "2",
            "--connector-timeout-ms",
            "60000",
        ],
        ..Setup::default()
    };
    let app = TestApp::set_up(setup).await?;
    let mut hanging = vec![];
    for order in ["1", "2"] {
        let opened = app.api.invoice(order).await?;
        let api = app.api.clone();
        hanging.push(tokio::spawn(async move {
            api.pay(&opened, &card(APPROVED)).await
        }));
    }
    let store = app.store().await?;
    until("two payments", async || {
        let sql = "select count(*) from payments";
        let count: i64 = sqlx::query_scalar(sql).fetch_one(&store).await?;
        Ok(count == 2)
    })
    .await?;
    let opened = app.api.invoice("3").await?;
    let third = app.api.pay(&opened, &card(APPROVED)).await?;
    third.problem(503, "unavailable")?;
    // No payment was created, so the invoice can be paid later.
    ensure!(app.api.read(&opened.id).await?["status"] == "open");
    // Another project's account bypasses the relay.
    let other = Api::new(&app.api.url, &app.project_at(&app.project.url, &[]).await?)?;
    let opened = other.invoice("1").await?;
    let fixed = other.paid_with(&opened, APPROVED).await?;
    ensure!(fixed["payment"]["status"] == "succeeded", "{fixed}");
    for call in hanging {
        call.abort();
    }
    Ok(())
}

#[tokio::test]
async fn polling_works_at_the_subscriber_limit() -> Result<()> {
    let app = TestApp::with_settings(&[], &["--max-watchers", "2"]).await?;
    let opened = app.api.invoice("1").await?;
    let watching = join_all((0..2).map(|_| Events::follow(&app.api, &opened, None))).await;
    ensure!(watching.iter().all(Result::is_ok));
    let watch = async || send(app.api.widget(Method::GET, &opened, "/events")).await;
    watch().await?.problem(503, "unavailable")?;
    let polled = send(app.api.widget(Method::GET, &opened, "")).await?;
    ensure!(polled.status == 200, "{polled:?}");
    drop(watching);
    until("a free subscription", async || {
        Ok(Events::follow(&app.api, &opened, None).await.is_ok())
    })
    .await
}

/// Starts an app with a request limit and a sandbox whose calls take [`SLOW`]. Returns the app and
/// the times of the calls.
async fn slow(limit: &str) -> Result<(TestApp, mpsc::Receiver<Instant>)> {
    let relay = Relay::start().await?;
    let (call, calls) = mpsc::channel();
    relay.inject(move |method, path| {
        if *method == Method::POST && path == "/v1/payments" {
            let _ = call.send(Instant::now());
            return Fault::Delay(SLOW);
        }
        Fault::None
    });
    let setup = Setup {
        sandbox_relay: Some(&relay),
        settings: &["--max-requests", limit, "--connector-timeout-ms", "60000"],
        ..Setup::default()
    };
    Ok((TestApp::set_up(setup).await?, calls))
}

#[tokio::test]
async fn a_client_that_disconnects_does_not_free_its_permit() -> Result<()> {
    let (app, calls) = slow("1").await?;
    let opened = app.api.invoice("1").await?;
    let api = app.api.clone();
    let client = tokio::spawn(async move { api.pay(&opened, &card(APPROVED)).await });
    until("the payment to be submitted", async || {
        Ok(calls.try_recv().is_ok())
    })
    .await?;
    client.abort();
    let store = app.store().await?;
    let mut rejected = 0;
    loop {
        let answer = send(app.api.secret(Method::GET, "/v1/invoices")).await?;
        if answer.status == 200 {
            break;
        }
        answer.problem(503, "unavailable")?;
        rejected += 1;
    }
    let status: String = sqlx::query_scalar("select status from payments")
        .fetch_one(&store)
        .await?;
    ensure!(
        status == "succeeded",
        "admitted while the payment was {status}"
    );
    ensure!(rejected > 0, "no request was rejected");
    Ok(())
}

#[tokio::test]
async fn disconnecting_clients_do_not_exceed_the_limit() -> Result<()> {
    const LIMIT: usize = 2;
    const BUYERS: usize = 8;
    // Of one project's requests.
    let (app, calls) = slow(&(2 * LIMIT - 1).to_string()).await?;
    let mut invoices = vec![];
    for order in 0..BUYERS {
        invoices.push(app.api.invoice(&order.to_string()).await?);
    }
    let store = app.store().await?;
    until("all payments", async || {
        for opened in &invoices {
            let body = card(APPROVED);
            let pay = app.api.pay(opened, &body);
            // The client disconnects long before the response.
            let _ = tokio::time::timeout(SLOW / 20, pay).await;
        }
        let sql = "select count(*) from payments";
        let started: i64 = sqlx::query_scalar(sql).fetch_one(&store).await?;
        Ok(started == BUYERS as i64)
    })
    .await?;
    // Each call takes at least `SLOW`, so among `LIMIT + 1` calls the last starts after the first has
    // ended.
    let calls: Vec<_> = calls.try_iter().collect();
    for row in calls.windows(LIMIT + 1) {
        let apart = row[LIMIT] - row[0];
        ensure!(apart >= SLOW, "{} calls within {apart:?}", LIMIT + 1);
    }
    Ok(())
}
