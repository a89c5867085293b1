//! `cargo xtask bench server`: payments per second of one server and of three on one database, from
//! the order to the delivered callback. The sandbox and the buyers run on the same machine.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use std::time::{Duration, Instant};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::APPROVED;
use till_tests::client::{Api, card};
use till_tests::database::on_postgres;
use till_tests::faults::relay::Relay;
use till_tests::ledger::{assert_consistent, until_settled};

const BUYERS: usize = 32;

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

#[tokio::main]
async fn main() -> Result<()> {
    let seconds: u64 = std::env::args()
        .nth(1)
        .context("usage: bench-server <seconds>")?
        .parse()?;
    let length = Duration::from_secs(seconds);
    let store = if on_postgres() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    let mut rates = vec![];
    for servers in [1, 3] {
        let balancer = Relay::start().await?;
        let setup = Setup {
            server_relay: Some(&balancer),
            ..Setup::default()
        };
        let app = TestApp::set_up(setup).await?;
        let mut others = vec![];
        for _ in 1..servers {
            others.push(app.another_server().await?);
        }
        let mut urls = vec![app.api.url.as_str()];
        urls.extend(others.iter().map(|other| other.line.as_str()));
        balancer.send_to(&urls);
        let api = Api::new(&balancer.url, &app.keys)?;
        pay(&api, "warm", Duration::from_secs(2)).await?;
        let took = pay(&api, "hot", length).await?;
        let start = Instant::now();
        until_settled(&app, Duration::from_secs(120)).await?;
        let rest = start.elapsed();
        assert_consistent(&app).await?;
        let at = |part: usize| {
            took.get(took.len() * part / 100)
                .copied()
                .unwrap_or_default()
        };
        let rate = took.len() as f64 / length.as_secs_f64();
        println!(
            "{store}, servers: {servers}: {rate:.0} payments/s; order and payment take \
             {:.0?} (median), {:.0?} (99th percentile); all callbacks delivered after {rest:.1?}",
            at(50),
            at(99),
        );
        rates.push(rate);
    }
    if let [one, three] = rates[..] {
        println!(
            "{store}: three servers have {:.2} times the throughput of one",
            three / one
        );
    }
    Ok(())
}
