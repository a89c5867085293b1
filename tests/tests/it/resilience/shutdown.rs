//! Graceful shutdown on SIGTERM: no new requests, running requests finish, and a time limit applies.

use anyhow::{Result, ensure};
use reqwest::Method;
use std::time::Duration;
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::APPROVED;
use till_tests::client::{Answer, card};
use till_tests::faults::relay::{Fault, Relay};
use till_tests::ledger::{assert_consistent, until_settled};
use till_tests::wait::until;
use tokio::task::JoinHandle;

/// Starts an app whose provider calls have this fault.
async fn start_app(fault: Fault, settings: &[&str]) -> Result<TestApp> {
    let relay = Relay::start().await?;
    relay.inject(move |method, path| {
        if *method == Method::POST && path == "/v1/payments" {
            fault
        } else {
            Fault::None
        }
    });
    let setup = Setup {
        sandbox_relay: Some(&relay),
        settings,
        ..Setup::default()
    };
    TestApp::set_up(setup).await
}

/// Starts a payment and waits until it is stored.
async fn start_payment(app: &TestApp) -> Result<JoinHandle<Result<Answer>>> {
    let opened = app.api.invoice("1").await?;
    let api = app.api.clone();
    let call = tokio::spawn(async move { api.pay(&opened, &card(APPROVED)).await });
    let store = app.store().await?;
    until("the payment to be stored", async || {
        let count: i64 = sqlx::query_scalar("select count(*) from payments")
            .fetch_one(&store)
            .await?;
        Ok(count == 1)
    })
    .await?;
    Ok(call)
}

#[tokio::test]
async fn running_requests_finish_and_new_ones_are_refused() -> Result<()> {
    let late = Fault::Delay(Duration::from_secs(3));
    let mut app = start_app(late, &["--connector-timeout-ms", "20000"]).await?;
    let call = start_payment(&app).await?;
    let api = app.api.clone();
    let shut = until("the listener to close", async || {
        let call = api.request(Method::GET, "/healthz").send().await;
        Ok(call.is_err())
    });
    let (ended, shut) = futures::future::join(app.terminate(), shut).await;
    ensure!(ended?, "the server did not exit cleanly");
    shut?;
    let answer = call.await??;
    ensure!(answer.status == 201, "{answer:?}");
    ensure!(
        answer.json()["payment"]["status"] == "succeeded",
        "{answer:?}"
    );
    app.restart().await?;
    until_settled(&app, Duration::from_secs(60)).await?;
    ensure!(assert_consistent(&app).await?.paid == 1);
    Ok(())
}

#[tokio::test]
async fn a_hanging_call_is_resumed_after_restart() -> Result<()> {
    // The call takes longer than the shutdown limit.
    let settings = [
        "--connector-timeout-ms",
        "300000",
        "--shutdown-seconds",
        "1",
    ];
    let mut app = start_app(Fault::DropRequest, &settings).await?;
    let call = start_payment(&app).await?;
    ensure!(app.terminate().await?, "the server did not exit cleanly");
    ensure!(call.await?.is_err(), "the call got a response");
    app.restart().await?;
    // The payment was stored before the call and is polled after the call's time limit.
    let sql =
        "select count(*) from payments where status = 'created' and next_check_at is not null";
    let known: i64 = sqlx::query_scalar(sql)
        .fetch_one(&app.store().await?)
        .await?;
    ensure!(known == 1);
    Ok(())
}
