//! Three servers on one database. Any server handles any call, and they share the background jobs.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgListener;
use std::collections::BTreeSet;
use std::time::Duration;
use till_tests::TestApp;
use till_tests::app::{OPERATOR_TOKEN, Setup};
use till_tests::cards::{APPROVED, VERIFIED};
use till_tests::client::{Api, Opened, card, send, text};
use till_tests::database::{Database, on_postgres};
use till_tests::events::Events;
use till_tests::faults::relay::Relay;
use till_tests::faults::traffic::Customer;
use till_tests::ledger::{assert_consistent, until_all_settled, until_settled};
use till_tests::process::Running;
use till_tests::wait::until;
use tokio::time::timeout;

const SETTLE_LIMIT: Duration = Duration::from_secs(120);

/// Three servers behind a round-robin load balancer.
struct Cluster {
    app: TestApp,
    balancer: Relay,
    /// The client through the balancer.
    api: Api,
    /// A client for each server.
    each: Vec<Api>,
    others: Vec<Running>,
}

impl Cluster {
    /// Returns the number of succeeded payments.
    async fn paid(&self) -> Result<i64> {
        let sql = "select count(*) from payments where status = 'succeeded'";
        let store = self.app.store().await?;
        Ok(sqlx::query_scalar(sql).fetch_one(&store).await?)
    }

    async fn start() -> Result<Self> {
        let balancer = Relay::start().await?;
        let setup = Setup {
            server_relay: Some(&balancer),
            ..Setup::default()
        };
        let app = TestApp::set_up(setup).await?;
        let others = vec![app.another_server().await?, app.another_server().await?];
        let mut urls = vec![app.api.url.as_str()];
        urls.extend(others.iter().map(|other| other.line.as_str()));
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
async fn wait_for_status(events: &mut Events, status: &str) -> Result<Value> {
    loop {
        let (_, state) = events.next().await?;
        if state["status"] == status {
            return Ok(state);
        }
    }
}

#[tokio::test]
async fn any_server_responds_and_all_send_live_events() -> Result<()> {
    let cluster = Cluster::start().await?;
    let [first, second, third] = &cluster.each[..] else {
        anyhow::bail!("three servers");
    };
    let opened = first.invoice("1").await?;
    let mut following = vec![];
    for api in &cluster.each {
        following.push(Events::follow(api, &opened, None).await?);
    }
    let fixed = second.paid_with(&opened, VERIFIED).await?;
    for events in &mut following {
        wait_for_status(events, "processing").await?;
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
        wait_for_status(events, "paid").await?;
    }
    let payment = text(&fixed["payment"]["id"])?;
    let path = format!("/v1/payments/{payment}");
    let seen = send(third.secret(Method::GET, &path)).await?.json();
    ensure!(seen["status"] == "succeeded", "{seen}");
    Ok(())
}

/// Each server keeps projects and accounts in memory.
#[tokio::test]
async fn settings_change_at_once_on_all_servers() -> Result<()> {
    let cluster = Cluster::start().await?;
    let opened = cluster.api.invoice("1").await?;
    let (account, _) = cluster.app.sandbox_account().await?;
    let path = format!("/v1/projects/{}", cluster.app.keys.id);
    let rounds = ["hosted", "direct"].into_iter().cycle();
    for ((changing, entry), round) in cluster.each.iter().cycle().zip(rounds).zip(0..6) {
        let name = format!("Shop {round}");
        let request = changing.request(Method::PATCH, &path);
        let request = request.bearer_auth(OPERATOR_TOKEN).json(&json!({
            "name": name,
            "connectors": [{ "kind": "sandbox", "account": account, "card_entry": entry }],
        }));
        let changed = send(request).await?;
        ensure!(changed.status == 200, "{changed:?}");
        for reading in &cluster.each {
            let read = send(reading.widget(Method::GET, &opened, "")).await?.json();
            ensure!(read["project"]["name"] == *name, "{round}: {read}");
            ensure!(read["methods"][0]["card_entry"] == entry, "{round}: {read}");
        }
    }
    Ok(())
}

/// The `LISTEN` connection is interrupted. Missed changes are still sent.
#[tokio::test]
async fn a_lost_notification_is_recovered() -> Result<()> {
    let cluster = Cluster::start().await?;
    let opened = cluster.each[0].invoice("1").await?;
    let mut events = Events::follow(&cluster.each[1], &opened, None).await?;
    if on_postgres() {
        let listening = "select count(*) from pg_stat_activity where query like 'LISTEN%'
             and datname = current_database()";
        let store = cluster.app.store().await?;
        let count: i64 = sqlx::query_scalar(listening).fetch_one(&store).await?;
        ensure!(count == 3, "{count} servers listen");
        cluster.app.cut_connections().await?;
    }
    let paid = async || {
        let answer = cluster.each[2].pay(&opened, &card(APPROVED)).await?;
        // The first call on a closed connection fails.
        Ok(answer.status == 201 || answer.text.contains("/problems/invoice-paid"))
    };
    until("the payment", paid).await?;
    wait_for_status(&mut events, "paid").await?;
    Ok(())
}

/// The database rejects notifications when the server starts, and accepts them later.
#[tokio::test]
async fn notifications_that_fail_at_the_start_are_tried_again() -> Result<()> {
    let mut app = TestApp::start().await?;
    if !on_postgres() {
        return Ok(());
    }
    ensure!(app.terminate().await?);
    let url = app.database_url().to_owned();
    let (server, name) = url.rsplit_once('/').context("no name")?;
    let user = format!("user_of_{name}");
    let admin = app.store().await?;
    let run = async |sql: String| sqlx::query(AssertSqlSafe(sql)).execute(&admin).await;
    run(format!("create role {user} login")).await?;
    run(format!("grant all on schema public to {user}")).await?;
    run(format!(
        "grant all on all tables in schema public to {user}"
    ))
    .await?;
    run("revoke execute on function pg_notify(text, text) from public".into()).await?;
    let (_, host) = server.split_once('@').context("no user")?;
    app.move_to(Database {
        url: format!("postgres://{user}@{host}/{name}"),
    });
    app.restart().await?;
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, APPROVED).await?;

    run(format!(
        "grant execute on function pg_notify(text, text) to {user}"
    ))
    .await?;
    let mut heard = PgListener::connect(&url).await?;
    heard.listen("till_invoice").await?;
    let mut orders = 2..;
    until("a notification", async || {
        let order = orders.next().context("no more orders")?;
        let opened = app.api.invoice(&order.to_string()).await?;
        app.api.paid_with(&opened, APPROVED).await?;
        let first = timeout(Duration::from_millis(200), heard.recv()).await;
        Ok(first.is_ok_and(|heard| heard.is_ok_and(|heard| !heard.payload().is_empty())))
    })
    .await?;
    let listening = "select count(*) from pg_stat_activity where query like 'LISTEN%'
         and datname = current_database() and usename = $1";
    let count: i64 = sqlx::query_scalar(listening)
        .bind(&user)
        .fetch_one(&admin)
        .await?;
    ensure!(count == 1, "{count} servers listen");
    // A change does not depend on its notification.
    run(format!(
        "revoke execute on function pg_notify(text, text) from {user}"
    ))
    .await?;
    let opened = app.api.invoice("0").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    Ok(())
}

#[tokio::test]
async fn callbacks_are_sent_once() -> Result<()> {
    let cluster = Cluster::start().await?;
    let numbers: Vec<_> = (0..60).map(|n| n.to_string()).collect();
    let pay = async |number: &String| {
        let opened: Opened = cluster.api.invoice(number).await?;
        cluster.api.paid_with(&opened, APPROVED).await?;
        anyhow::Ok(opened.id)
    };
    let mut overdue = vec![];
    for some in numbers.chunks(12) {
        try_join_all(some.iter().map(pay)).await?;
        overdue.push(cluster.api.invoice(&format!("late {}", some[0])).await?.id);
    }
    for id in &overdue {
        cluster.app.expire(id).await?;
        cluster.api.until_status(id, "expired").await?;
    }
    until_settled(&cluster.app, SETTLE_LIMIT).await?;
    let summary = assert_consistent(&cluster.app).await?;
    ensure!(summary.paid == 60 && summary.repeated == 0, "{summary:?}");
    ensure!(summary.events == 120 + overdue.len(), "{summary:?}");
    let callbacks = cluster.app.project.callbacks();
    let ids: BTreeSet<_> = callbacks.iter().map(|a| &a.id).collect();
    ensure!(ids.len() == callbacks.len(), "a callback was sent twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_servers_continue_after_a_crash() -> Result<()> {
    let mut cluster = Cluster::start().await?;
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut tasks = tokio::task::JoinSet::new();
    for order in 0..24 {
        let mut customer = Customer::new(&cluster.api, &cluster.app.sandbox, seed, order);
        tasks.spawn(async move { customer.run().await });
    }
    for _ in 0..2 {
        let before = cluster.paid().await?;
        until("more payments", async || Ok(cluster.paid().await? > before)).await?;
        cluster
            .others
            .pop()
            .context("no server left")?
            .kill()
            .await?;
    }
    // Stopped servers are removed, as a health check would do.
    cluster.balancer.send_to(&[&cluster.app.api.url]);
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    until_all_settled(&cluster.app, SETTLE_LIMIT).await?;
    println!("{:#?}", assert_consistent(&cluster.app).await?);
    Ok(())
}
