//! `cargo xtask chaos`: payments flow while everything breaks, for as long as one likes.

use clap::Parser;
use std::time::Instant;
use till_tests::database::on_postgres;
use till_tests::faults::chaos::{Fault, Plan, run};

/// Breaks things while payments flow, and holds the three books against each other.
#[derive(Parser)]
struct Args {
    /// How often the server is killed with SIGKILL
    #[arg(long, default_value_t = 300)]
    kills: u32,
    /// How often other things break besides, in fair weather and in foul
    #[arg(long, default_value_t = 60)]
    faults: u32,
    /// How many buyers there are at a time
    #[arg(long, default_value_t = 40)]
    buyers: usize,
    /// Where chance begins; it is told
    #[arg(long)]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(rand::random);
    let plan = |times, faults: &[Fault], weather| Plan {
        times,
        faults: faults.to_vec(),
        weather,
        buyers: args.buyers,
        seed,
    };
    let mut all = vec![Fault::Server, Fault::PaymentSystem];
    if on_postgres() {
        all.extend([Fault::Postgres, Fault::Connections]);
    }
    for plan in [
        plan(args.kills, &[Fault::Server], false),
        plan(args.faults, &all, true),
    ] {
        let store = if on_postgres() {
            "PostgreSQL"
        } else {
            "SQLite"
        };
        println!("{store}: {plan:?}");
        let start = Instant::now();
        let agreement = run(&plan).await?;
        println!(
            "the books agree after {:.0?}: {agreement:#?}",
            start.elapsed()
        );
    }
    Ok(())
}
