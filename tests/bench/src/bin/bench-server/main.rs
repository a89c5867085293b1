//! `cargo xtask bench server`: what an order, a payment, a callback, a connection and a stream of live events
//! cost. The buyers, the sandbox and the projects' endpoints run on the same machine as the server.

mod callbacks;
mod connections;
mod endpoint;
mod load;
mod median;
mod orders;
mod payments;
mod usage;

use anyhow::Result;
use clap::{Parser, ValueEnum};
use std::time::Duration;
use till_tests::database::on_postgres;

/// Measures the server.
#[derive(Parser)]
struct Args {
    /// The duration of each measurement
    seconds: u64,
    /// What is measured; everything by default
    only: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Orders,
    Payments,
    Callbacks,
    Connections,
}

#[tokio::main]
async fn main() -> Result<()> {
    let Args { seconds, only } = Args::parse();
    let database = if on_postgres() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    let length = Duration::from_secs(seconds);
    for part in Part::value_variants() {
        if !only.is_empty() && !only.contains(part) {
            continue;
        }
        match part {
            Part::Orders => orders::measure(database, length).await?,
            Part::Payments => payments::measure(database, length).await?,
            Part::Callbacks => callbacks::measure(database, length).await?,
            Part::Connections => connections::measure(database).await?,
        }
    }
    Ok(())
}
