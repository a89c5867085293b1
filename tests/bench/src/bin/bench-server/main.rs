//! `cargo xtask bench server`: what an order, a payment, a connection and a stream of live events cost. The
//! buyers, the sandbox and the project's endpoint run on the same machine as the server.

mod connections;
mod median;
mod orders;
mod payments;
mod usage;

use anyhow::{Context, Result};
use std::time::Duration;
use till_tests::database::on_postgres;

#[tokio::main]
async fn main() -> Result<()> {
    let seconds: u64 = std::env::args()
        .nth(1)
        .context("usage: bench-server <seconds>")?
        .parse()?;
    let database = if on_postgres() {
        "PostgreSQL"
    } else {
        "SQLite"
    };
    let length = Duration::from_secs(seconds);
    orders::measure(database, length).await?;
    payments::measure(database, length).await?;
    connections::measure(database).await
}
