//! Payments during outages. At the end no payment is lost and none is charged twice.

use crate::app::Setup;
use crate::app::TestApp;
use crate::cards::{DISPUTE_WON, REVERSED};
use crate::faults::failover::Replicated;
use crate::faults::relay::{Fault, Relay, WEBHOOKS};
use crate::faults::traffic::Customer;
use crate::ledger::{Summary, assert_consistent, until_all_settled};
use crate::wait::until_within;
use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The time limit for pending work after the last outage. Leases have to expire one after the other.
const SETTLE_LIMIT: Duration = Duration::from_secs(240);
/// The time limit for a restart.
const RESTART_LIMIT: Duration = Duration::from_secs(60);

/// An outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// The server is killed and restarted.
    Server,
    /// The sandbox is killed and restarted.
    PaymentSystem,
    /// PostgreSQL closes all connections.
    Connections,
    /// PostgreSQL is stopped without a clean shutdown and restarted.
    Postgres,
    /// The primary PostgreSQL is killed, and its standby takes over.
    Failover,
}

/// The plan of a chaos run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The number of outages.
    pub times: u32,
    /// The kinds of outages. Each outage is chosen at random. With [`Outage::Failover`] the run has a
    /// PostgreSQL of its own, with a standby.
    pub outages: Vec<Outage>,
    /// Whether to inject network errors into calls to the provider and into webhooks.
    pub network_faults: bool,
    /// The number of concurrent buyers.
    pub buyers: usize,
    /// The random seed.
    pub seed: u64,
}

/// Runs a plan.
///
/// # Errors
/// When a payment is lost or charged twice, or when a restart fails.
pub async fn run(plan: &Plan) -> Result<Summary> {
    let (sandbox_relay, server_relay) = (Relay::start().await?, Relay::start().await?);
    let mut replicated = if plan.outages.contains(&Outage::Failover) {
        Some(Replicated::start().await?)
    } else {
        None
    };
    let setup = Setup {
        sandbox_relay: Some(&sandbox_relay),
        server_relay: Some(&server_relay),
        database: replicated.as_ref().map(Replicated::database),
        ..Setup::default()
    };
    let mut app = TestApp::set_up(setup).await?;
    if plan.network_faults {
        inject_network_faults(&sandbox_relay, &server_relay, plan.seed);
    }
    let stop = CancellationToken::new();
    let mut tasks = buyers(&app, plan, &stop);
    let mut rng = StdRng::seed_from_u64(plan.seed);
    for _ in 0..plan.times {
        let pause = Duration::from_millis(rng.random_range(20..700));
        tokio::time::sleep(pause).await;
        let outage = plan.outages.choose(&mut rng).context("no outages")?;
        cause(&mut app, replicated.as_mut(), *outage).await?;
    }
    stop.cancel();
    sandbox_relay.inject(|_, _| Fault::None);
    server_relay.inject(|_, _| Fault::None);
    let mut reported_paid = vec![];
    while let Some(one) = tasks.join_next().await {
        reported_paid.extend(one??);
    }
    // The outages may have prevented every payment with one of these cards.
    for card in [REVERSED, DISPUTE_WON] {
        let opened = app.api.invoice(card).await?;
        app.api.paid_with(&opened, card).await?;
    }
    until_all_settled(&app, SETTLE_LIMIT).await?;
    let summary = assert_consistent(&app).await?;
    assert_reported_paid(&app, &reported_paid).await?;
    ensure!(summary.paid > 0, "no payment succeeded");
    let back = (summary.refunds, summary.reversals, summary.disputes);
    ensure!(
        back.0 > 0 && back.1 > 0 && back.2 > 0,
        "no money went back: {summary:?}"
    );
    Ok(summary)
}

/// Starts buyers that pay one order after the other until `stop` is canceled. Each returns the
/// payments that were reported as succeeded.
fn buyers(app: &TestApp, plan: &Plan, stop: &CancellationToken) -> JoinSet<Result<Vec<String>>> {
    let number = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..plan.buyers {
        let (api, number, stop) = (app.api.clone(), number.clone(), stop.clone());
        let sandbox = app.sandbox.clone();
        let seed = plan.seed;
        tasks.spawn(async move {
            let mut reported_paid = vec![];
            while !stop.is_cancelled() {
                let order = number.fetch_add(1, Ordering::Relaxed);
                let mut customer = Customer::new(&api, &sandbox, seed, order);
                let result = customer.run().await;
                result.with_context(|| format!("seed {seed}, order {order}"))?;
                reported_paid.extend(customer.reported_paid);
            }
            Ok(reported_paid)
        });
    }
    tasks
}

/// Checks that the payments reported as succeeded have succeeded.
async fn assert_reported_paid(app: &TestApp, reported_paid: &[String]) -> Result<()> {
    let sql = "select id from payments where status = 'succeeded'";
    let paid: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&app.store().await?)
        .await?;
    let broken: Vec<_> = reported_paid
        .iter()
        .filter(|id| !paid.contains(id))
        .collect();
    ensure!(broken.is_empty(), "reported as succeeded: {broken:?}");
    Ok(())
}

async fn cause(
    app: &mut TestApp,
    replicated: Option<&mut Replicated>,
    outage: Outage,
) -> Result<()> {
    match outage {
        Outage::Server => {
            app.crash().await?;
            // A supervisor restarts a server until it runs.
            until_within(RESTART_LIMIT, "the server", async || {
                Ok(app.restart().await.is_ok())
            })
            .await
        }
        Outage::PaymentSystem => {
            app.crash_sandbox().await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            app.restart_sandbox().await
        }
        Outage::Connections => app.cut_connections().await,
        Outage::Postgres => crate::database::crash_postgres().await,
        Outage::Failover => replicated.context("no standby")?.fail_over().await,
    }
}

/// Whether the server also asks for what a webhook reports. All else the payment system sends until
/// it is accepted.
fn is_polled(webhook: &[u8]) -> bool {
    let event: Value = serde_json::from_slice(webhook).unwrap_or_default();
    event["type"] == "payment.updated"
}

fn inject_network_faults(sandbox_relay: &Relay, server_relay: &Relay, seed: u64) {
    let ms = Duration::from_millis;
    let mut rng = StdRng::seed_from_u64(seed);
    sandbox_relay.inject(move |_: &Method, _: &str| match rng.random_range(0..100) {
        0..60 => Fault::None,
        60..70 => Fault::Delay(ms(rng.random_range(0..2_500))),
        70..74 => Fault::DropRequest,
        74..82 => Fault::DropResponse,
        82..88 => Fault::CorruptResponse(200),
        88..90 => Fault::CorruptResponse(403),
        90..92 => Fault::CorruptResponse(502),
        92..96 => Fault::Reject(200),
        96..97 => Fault::Reject(403),
        97..98 => Fault::Reject(404),
        _ => Fault::Reject(503),
    });
    let mut rng = StdRng::seed_from_u64(seed + 1);
    server_relay.inject_by_body(move |_: &Method, path: &str, body: &[u8]| {
        if !path.starts_with(WEBHOOKS) {
            return Fault::None;
        }
        let later = ms(rng.random_range(0..4_000));
        match (rng.random_range(0..100), is_polled(body)) {
            (0..40, _) => Fault::None,
            (60..80, _) => Fault::Duplicate,
            (40..60, true) => Fault::Discard,
            (40..60, false) => Fault::Reject(503),
            (_, true) => Fault::DeliverLater(later),
            (_, false) => Fault::Delay(later),
        }
    });
}
