//! Payments per second of one server and of three on one database, from the order to the delivered callback.

use super::median::median;
use super::usage::{self, processor};
use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use std::time::{Duration, Instant};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::APPROVED;
use till_tests::client::{Api, card};
use till_tests::faults::relay::Relay;
use till_tests::ledger::{assert_consistent, until_settled};
use till_tests::process::{self, Running};

const BUYERS: usize = 32;
/// How often one server and three are measured, in turn.
const ROUNDS: usize = 3;
/// What one server may take of a processor where the servers are to be the limit, in percent.
const SHARE: u32 = 12;

/// Runs buyers for a time. Returns the sorted durations from order to payment.
async fn pay(api: &Api, name: &str, length: Duration) -> Result<Vec<Duration>> {
    let end = Instant::now() + length;
    let buyer = async |buyer: usize| {
        let mut took = vec![];
        for number in 0.. {
            let start = Instant::now();
            if start > end {
                break;
            }
            let opened = api.invoice(&format!("{name}-{buyer}-{number}")).await?;
            let answer = api.pay(&opened, &card(APPROVED)).await?;
            ensure!(answer.status == 201, "{answer:?}");
            took.push(start.elapsed());
        }
        Ok(took)
    };
    let mut all: Vec<_> = try_join_all((0..BUYERS).map(buyer))
        .await?
        .into_iter()
        .flatten()
        .collect();
    all.sort();
    Ok(all)
}

/// Measures payments for `length` and prints the result: with servers that take as much of the processors as there
/// is, and with servers of which each has a small share.
pub async fn measure(database: &str, length: Duration) -> Result<()> {
    for is_limited in [false, true] {
        let (mut one, mut three) = (vec![], vec![]);
        for _ in 0..ROUNDS {
            one.push(measure_servers(database, 1, is_limited, length).await?);
            three.push(measure_servers(database, 3, is_limited, length).await?);
        }
        let (one, three) = (median(one), median(three));
        let limits = if is_limited {
            format!("each server with {SHARE} % of a processor")
        } else {
            "servers without limits".to_owned()
        };
        println!(
            "{database}, {limits}: {one:.0} payments/s with one server, {three:.0} with three: {:.2} times as many \
             (medians)",
            three / one
        );
    }
    Ok(())
}

/// Has a process take no more than [`SHARE`] of a processor until the limiter is terminated.
async fn limit(process: u32) -> Result<Running> {
    let mut limiter = process::command("sh");
    // The limiter does not say at once that it has begun.
    let script = format!("echo limited && exec cpulimit --pid {process} --limit {SHARE}");
    Running::start(limiter.args(["-c", &script]), "limited").await
}

/// Returns the number of payments per second.
async fn measure_servers(
    database: &str,
    servers: usize,
    is_limited: bool,
    length: Duration,
) -> Result<f64> {
    let balancer = Relay::start().await?;
    let setup = Setup {
        server_relay: Some(&balancer),
        // The default of a server. Tests log everything.
        log_filter: Some("info"),
        ..Setup::default()
    };
    let app = TestApp::set_up(setup).await?;
    let mut others = vec![];
    for _ in 1..servers {
        others.push(app.another_server().await?);
    }
    let mut urls = vec![app.api.url.as_str()];
    urls.extend(others.iter().map(|other| other.line.as_str()));
    let processes: Vec<_> = [app.process_id()]
        .into_iter()
        .chain(others.iter().map(|other| other.id()))
        .flatten()
        .collect();
    let sandbox = app.sandbox_process_id().context("no sandbox")?;
    let used = || -> Result<[Duration; 4]> {
        let servers = processes.iter().map(|id| processor(*id));
        Ok([
            servers.sum::<Result<_>>()?,
            usage::database()?,
            processor(sandbox)?,
            processor(std::process::id())?,
        ])
    };
    balancer.send_to(&urls);
    // One server is reached directly: the balancer takes processor time, too.
    let url = urls.first().filter(|_| servers == 1);
    let api = Api::new(url.unwrap_or(&balancer.url.as_str()), &app.keys)?;
    pay(&api, "warm", Duration::from_secs(2)).await?;
    until_settled(&app, Duration::from_secs(120)).await?;
    let mut limiters = vec![];
    for process in processes.iter().filter(|_| is_limited) {
        limiters.push(limit(*process).await?);
    }
    let before = used()?;
    let took = pay(&api, "hot", length).await?;
    let start = Instant::now();
    until_settled(&app, Duration::from_secs(120)).await?;
    let rest = start.elapsed();
    for limiter in limiters {
        // It lets a process that it has stopped go on.
        limiter.terminate().await?;
    }
    let count = u32::try_from(took.len()).context("too many payments")?;
    let after = used()?;
    let each = |part: usize| (after[part] - before[part]) / count;
    assert_consistent(&app).await?;
    let at = |part: usize| {
        let index = took.len() * part / 100;
        took.get(index).copied().unwrap_or_default()
    };
    let rate = f64::from(count) / length.as_secs_f64();
    println!(
        "{database}, servers: {servers}: {rate:.0} payments/s; processor time for each: {:.1?} of the servers, {:.1?} \
         of PostgreSQL, {:.1?} of the sandbox, {:.1?} of the buyers and the project; order and payment take {:.0?} \
         (median), {:.0?} (99th percentile); all callbacks delivered after {rest:.1?}",
        each(0),
        each(1),
        each(2),
        each(3),
        at(50),
        at(99),
    );
    Ok(rate)
}
