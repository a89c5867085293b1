//! Payments during outages. At the end no payment is lost and none is charged twice.

use crate::app::Setup;
use crate::app::TestApp;
use crate::faults::relay::{Fate, Relay, WEBHOOKS};
use crate::faults::traffic::Customer;
use crate::ledger::{Agreement, agree, until_settled};
use crate::wait::until_within;
use anyhow::{Context, Result, ensure};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use reqwest::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The time limit for pending work after the last outage. Leases have to expire one after the other.
const SETTLES: Duration = Duration::from_secs(240);
/// The time limit for a restart.
const RETURNS: Duration = Duration::from_secs(60);

/// An outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server is killed and restarted.
    Server,
    /// The sandbox is killed and restarted.
    PaymentSystem,
    /// PostgreSQL closes all connections.
    Connections,
    /// PostgreSQL is stopped without a clean shutdown and restarted.
    Postgres,
}

/// The plan of a chaos run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The number of outages.
    pub times: u32,
    /// The kinds of outages. Each outage is chosen at random.
    pub faults: Vec<Fault>,
    /// Whether to inject network errors into calls to the provider and into webhooks.
    pub weather: bool,
    /// The number of concurrent buyers.
    pub buyers: usize,
    /// The random seed.
    pub seed: u64,
}

/// Runs a plan.
///
/// # Errors
/// When a payment is lost or charged twice, or when a restart fails.
pub async fn run(plan: &Plan) -> Result<Agreement> {
    let (to_sandbox, to_server) = (Relay::start().await?, Relay::start().await?);
    let setup = Setup {
        to_sandbox: Some(&to_sandbox),
        to_server: Some(&to_server),
        ..Setup::default()
    };
    let mut app = TestApp::set_up(setup).await?;
    if plan.weather {
        set_weather(&to_sandbox, &to_server, plan.seed);
    }
    let enough = CancellationToken::new();
    let mut crowd = buyers(&app, plan, &enough);
    let mut chance = StdRng::seed_from_u64(plan.seed);
    for _ in 0..plan.times {
        let calm = Duration::from_millis(chance.random_range(20..700));
        tokio::time::sleep(calm).await;
        let fault = plan.faults.choose(&mut chance).context("no faults")?;
        strike(&mut app, *fault).await?;
    }
    enough.cancel();
    to_sandbox.weather(|_, _| Fate::Passed);
    to_server.weather(|_, _| Fate::Passed);
    let mut promised = vec![];
    while let Some(one) = crowd.join_next().await {
        promised.extend(one??);
    }
    until_settled(&app, SETTLES).await?;
    let agreement = agree(&app).await?;
    kept(&app, &promised).await?;
    ensure!(agreement.paid > 0, "no payment succeeded");
    Ok(agreement)
}

/// Starts buyers that pay one order after the other until `enough` is cancelled. Each returns the
/// payments that were reported as succeeded.
fn buyers(app: &TestApp, plan: &Plan, enough: &CancellationToken) -> JoinSet<Result<Vec<String>>> {
    let number = Arc::new(AtomicUsize::new(0));
    let mut crowd = JoinSet::new();
    for _ in 0..plan.buyers {
        let (api, number, enough) = (app.api.clone(), number.clone(), enough.clone());
        let seed = plan.seed;
        crowd.spawn(async move {
            let mut promised = vec![];
            while !enough.is_cancelled() {
                let order = number.fetch_add(1, Ordering::Relaxed);
                let mut customer = Customer::new(&api, seed, order);
                let shopped = customer.shops().await;
                shopped.with_context(|| format!("seed {seed}, order {order}"))?;
                promised.extend(customer.promised);
            }
            Ok(promised)
        });
    }
    crowd
}

/// Checks that the payments reported as succeeded have succeeded.
async fn kept(app: &TestApp, promised: &[String]) -> Result<()> {
    let sql = "select id from payments where status = 'succeeded'";
    let paid: Vec<String> = sqlx::query_scalar(sql)
        .fetch_all(&app.store().await?)
        .await?;
    let broken: Vec<_> = promised.iter().filter(|id| !paid.contains(id)).collect();
    ensure!(broken.is_empty(), "reported as succeeded: {broken:?}");
    Ok(())
}

async fn strike(app: &mut TestApp, fault: Fault) -> Result<()> {
    match fault {
        Fault::Server => {
            app.crash().await?;
            // A supervisor restarts a server until it runs.
            until_within(RETURNS, "the server", async || {
                Ok(app.restart().await.is_ok())
            })
            .await
        }
        Fault::PaymentSystem => {
            app.crash_sandbox().await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            app.restart_sandbox().await
        }
        Fault::Connections => app.cut_connections().await,
        Fault::Postgres => crate::database::crash_postgres().await,
    }
}

fn set_weather(to_sandbox: &Relay, to_server: &Relay, seed: u64) {
    let ms = Duration::from_millis;
    let mut chance = StdRng::seed_from_u64(seed);
    to_sandbox.weather(
        move |_: &Method, _: &str| match chance.random_range(0..100) {
            0..60 => Fate::Passed,
            60..70 => Fate::Late(ms(chance.random_range(0..2_500))),
            70..74 => Fate::Lost,
            74..82 => Fate::AnswerLost,
            82..88 => Fate::Rubbish(200),
            88..90 => Fate::Rubbish(403),
            90..92 => Fate::Rubbish(502),
            92..96 => Fate::Turned(200),
            96..97 => Fate::Turned(403),
            97..98 => Fate::Turned(404),
            _ => Fate::Turned(503),
        },
    );
    let mut chance = StdRng::seed_from_u64(seed + 1);
    to_server.weather(move |_: &Method, path: &str| {
        if !path.starts_with(WEBHOOKS) {
            return Fate::Passed;
        }
        match chance.random_range(0..100) {
            0..40 => Fate::Passed,
            40..60 => Fate::Swallowed,
            60..80 => Fate::Twice,
            _ => Fate::Postponed(ms(chance.random_range(0..4_000))),
        }
    });
}
