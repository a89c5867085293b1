//! `cargo xtask chaos`: payments during outages, for a chosen time.

use clap::Parser;
use std::time::Instant;
use till_tests::database::on_postgres;
use till_tests::faults::chaos::{Outage, Plan, run};

/// Causes outages during payments and checks that the ledgers are consistent.
#[derive(Parser)]
struct Args {
    /// The number of times the server is killed with SIGKILL
    #[arg(long, default_value_t = 300)]
    kills: u32,
    /// The number of other outages, with injected network faults
    #[arg(long, default_value_t = 60)]
    outages: u32,
    /// About how many times a primary PostgreSQL is killed and its standby takes over. The server is killed as
    /// often
    #[arg(long, default_value_t = 20)]
    failovers: u32,
    /// The number of concurrent buyers
    #[arg(long, default_value_t = 40)]
    buyers: usize,
    /// The random seed; a random one is printed
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(rand::random);
    let plan = |times, outages: &[Outage], network_faults| Plan {
        times,
        outages: outages.to_vec(),
        network_faults,
        buyers: args.buyers,
        seed,
    };
    let mut all = vec![Outage::Server, Outage::PaymentSystem];
    if on_postgres() {
        all.extend([Outage::Postgres, Outage::Connections]);
    }
    let mut plans = vec![
        plan(args.kills, &[Outage::Server], false),
        plan(args.outages, &all, true),
    ];
    if on_postgres() {
        let outages = [Outage::Failover, Outage::Server];
        plans.push(plan(args.failovers * 2, &outages, true));
    }
    for plan in plans {
        let store = if on_postgres() {
            "PostgreSQL"
        } else {
            "SQLite"
        };
        println!("{store}: {plan:?}");
        let start = Instant::now();
        let summary = run(&plan).await?;
        println!(
            "the ledgers are consistent after {:.0?}: {summary:#?}",
            start.elapsed()
        );
    }
    Ok(())
}
