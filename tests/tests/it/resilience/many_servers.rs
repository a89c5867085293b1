//! Three servers on one database. Any server handles any call, and they share the background jobs.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::client::{Api, Opened, card, send, text};
use till_tests::database::on_postgres;
use till_tests::events::Events;
use till_tests::faults::relay::Relay;
use till_tests::faults::traffic::Customer;
use till_tests::ledger::{agree, until_settled};
use till_tests::process::Running;
use till_tests::wait::until;

const APPROVED: &str = "4242424242424242";
const VERIFIED: &str = "4000000000003220";
const SETTLES: Duration = Duration::from_secs(120);

/// Three servers behind a round-robin load balancer.
struct Farm {
    app: TestApp,
    balancer: Relay,
    /// The client through the balancer.
    api: Api,
    /// A client for each server.
    each: Vec<Api>,
    others: Vec<Running>,
}

impl Farm {
    /// How many payments have succeeded.
    async fn paid(&self) -> Result<i64> {
        let sql = "select count(*) from payments where status = 'succeeded'";
        let store = self.app.store().await?;
        Ok(sqlx::query_scalar(sql).fetch_one(&store).await?)
    }

    async fn start() -> Result<Self> {
        let balancer = Relay::start().await?;
        let setup = Setup {
            to_server: Some(&balancer),
            ..Setup::default()
        };
        let app = TestApp::set_up(setup).await?;
        let others = vec![app.another_server().await?, app.another_server().await?];
        let mut urls = vec![app.api.url.as_str()];
        urls.extend(others.iter().map(|other| other.said.as_str()));
        balancer.send_to(&urls);
        let api = |url: &str| Api::new(url, &app.keys);
        let each = urls.iter().map(|url| api(url)).collect::<Result<_>>()?;
        Ok(Self {
            api: api(&balancer.url)?,
            each,
            balancer,
            others,
            app,
        })
    }
}

/// Reads live events until the invoice has a status.
async fn told(events: &mut Events, status: &str) -> Result<Value> {
    loop {
        let (_, state) = events.next().await?;
        if state["status"] == status {
            return Ok(state);
        }
    }
}

#[tokio::test]
async fn any_server_responds_and_all_send_live_events() -> Result<()> {
    let farm = Farm::start().await?;
    let [first, second, third] = &farm.each[..] else {
        anyhow::bail!("three servers");
    };
    let opened = first.invoice("1").await?;
    let mut following = vec![];
    for api in &farm.each {
        following.push(Events::follow(api, &opened, None).await?);
    }
    let fixed = second.paid_with(&opened, VERIFIED).await?;
    for events in &mut following {
        told(events, "processing").await?;
    }
    // The bank's webhook goes through the balancer.
    let form = text(&fixed["verification"]["url"])?;
    send(
        third
            .request(Method::POST, &form)
            .form(&[("action", "confirm")]),
    )
    .await?;
    for events in &mut following {
        told(events, "paid").await?;
    }
    let payment = text(&fixed["payment"]["id"])?;
    let path = format!("/v1/payments/{payment}");
    let seen = send(third.secret(Method::GET, &path)).await?.json();
    ensure!(seen["status"] == "succeeded", "{seen}");
    Ok(())
}

/// The `LISTEN` connection is interrupted. Missed changes are still sent.
#[tokio::test]
async fn a_lost_notification_is_recovered() -> Result<()> {
    let farm = Farm::start().await?;
    let opened = farm.each[0].invoice("1").await?;
    let mut events = Events::follow(&farm.each[1], &opened, None).await?;
    if on_postgres() {
        let listening = "select count(*) from pg_stat_activity where query like 'LISTEN%'
             and datname = current_database()";
        let store = farm.app.store().await?;
        let count: i64 = sqlx::query_scalar(listening).fetch_one(&store).await?;
        ensure!(count == 3, "{count} servers listen");
        farm.app.cut_connections().await?;
    }
    let paid = async || {
        let answer = farm.each[2].pay(&opened, &card(APPROVED)).await?;
        // The first call on a closed connection fails.
        Ok(answer.status == 201 || answer.text.contains("/problems/invoice-paid"))
    };
    until("the payment", paid).await?;
    told(&mut events, "paid").await?;
    Ok(())
}

#[tokio::test]
async fn callbacks_are_sent_once() -> Result<()> {
    let farm = Farm::start().await?;
    let numbers: Vec<_> = (0..60).map(|n| n.to_string()).collect();
    let pay = async |number: &String| {
        let opened: Opened = farm.api.invoice(number).await?;
        farm.api.paid_with(&opened, APPROVED).await?;
        anyhow::Ok(opened.id)
    };
    let mut overdue = vec![];
    for some in numbers.chunks(12) {
        try_join_all(some.iter().map(pay)).await?;
        overdue.push(farm.api.invoice(&format!("late {}", some[0])).await?.id);
    }
    for id in &overdue {
        farm.app.let_expire(id).await?;
        farm.api.until_status(id, "expired").await?;
    }
    until_settled(&farm.app, SETTLES).await?;
    let agreement = agree(&farm.app).await?;
    ensure!(
        agreement.paid == 60 && agreement.repeated == 0,
        "{agreement:?}"
    );
    ensure!(agreement.events == 120 + overdue.len(), "{agreement:?}");
    let arrived = farm.app.project.arrived();
    let ids: BTreeSet<_> = arrived.iter().map(|a| &a.id).collect();
    ensure!(ids.len() == arrived.len(), "a callback was sent twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_servers_continue_after_a_crash() -> Result<()> {
    let mut farm = Farm::start().await?;
    let seed = rand::random();
    println!("seed {seed}");
    let mut crowd = tokio::task::JoinSet::new();
    for order in 0..24 {
        let mut customer = Customer::new(&farm.api, seed, order);
        crowd.spawn(async move { customer.shops().await });
    }
    for _ in 0..2 {
        let before = farm.paid().await?;
        until("more payments", async || Ok(farm.paid().await? > before)).await?;
        farm.others.pop().context("no server left")?.kill().await?;
    }
    // Stopped servers are removed, as a health check would do.
    farm.balancer.send_to(&[&farm.app.api.url]);
    while let Some(done) = crowd.join_next().await {
        done??;
    }
    until_settled(&farm.app, SETTLES).await?;
    println!("{:#?}", agree(&farm.app).await?);
    Ok(())
}
