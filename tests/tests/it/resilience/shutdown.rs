//! SIGTERM: no new work, what runs is finished, and it does not take for ever.

use anyhow::{Result, ensure};
use reqwest::Method;
use std::time::Duration;
use till_tests::World;
use till_tests::app::Setup;
use till_tests::client::{Answer, card};
use till_tests::faults::relay::{Fate, Relay};
use till_tests::ledger::{agree, until_settled};
use till_tests::wait::until;
use tokio::task::JoinHandle;

const APPROVED: &str = "4242424242424242";

/// A world whose payment system leaves calls without an answer, or with a late one.
async fn world(fate: Fate, settings: &[&str]) -> Result<World> {
    let relay = Relay::start().await?;
    relay.weather(
        move |method, path| match *method == Method::POST && path == "/v1/payments" {
            true => fate,
            false => Fate::Passed,
        },
    );
    let setup = Setup {
        to_sandbox: Some(&relay),
        settings,
        ..Setup::default()
    };
    World::set_up(setup).await
}

/// Presses Pay, and waits until the payment is written down.
async fn pressed(world: &World) -> Result<JoinHandle<Result<Answer>>> {
    let opened = world.api.invoice("1").await?;
    let api = world.api.clone();
    let call = tokio::spawn(async move { api.pay(&opened, &card(APPROVED)).await });
    let store = world.store().await?;
    until("the payment to be written down", async || {
        let count: i64 = sqlx::query_scalar("select count(*) from payments")
            .fetch_one(&store)
            .await?;
        Ok(count == 1)
    })
    .await?;
    Ok(call)
}

#[tokio::test]
async fn what_runs_is_finished_and_nothing_is_begun() -> Result<()> {
    let late = Fate::Late(Duration::from_secs(3));
    let mut world = world(late, &["--connector-timeout-ms", "20000"]).await?;
    let call = pressed(&world).await?;
    let api = world.api.clone();
    let shut = until("the door to be shut", async || {
        let call = api.request(Method::GET, "/healthz").send().await;
        Ok(call.is_err())
    });
    let (ended, shut) = futures::future::join(world.terminate(), shut).await;
    ensure!(ended?, "it did not end well");
    shut?;
    let answer = call.await??;
    ensure!(answer.status == 201, "{answer:?}");
    ensure!(
        answer.json()["payment"]["status"] == "succeeded",
        "{answer:?}"
    );
    world.restart().await?;
    until_settled(&world, Duration::from_secs(60)).await?;
    ensure!(agree(&world).await?.paid == 1);
    Ok(())
}

#[tokio::test]
async fn what_hangs_is_left_to_the_next() -> Result<()> {
    // The call hangs for far longer than the end is waited for.
    let settings = [
        "--connector-timeout-ms",
        "300000",
        "--shutdown-seconds",
        "1",
    ];
    let mut world = world(Fate::Lost, &settings).await?;
    let call = pressed(&world).await?;
    ensure!(world.terminate().await?, "it did not end well");
    ensure!(call.await?.is_err(), "it was answered");
    world.restart().await?;
    // Written down before the call, it is known, and asked after once the call must be over.
    let sql =
        "select count(*) from payments where status = 'created' and next_check_at is not null";
    let known: i64 = sqlx::query_scalar(sql)
        .fetch_one(&world.store().await?)
        .await?;
    ensure!(known == 1);
    Ok(())
}
