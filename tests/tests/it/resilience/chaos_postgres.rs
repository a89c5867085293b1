//! Payments during outages of PostgreSQL. No other test may use the database meanwhile.

use anyhow::{Result, ensure};
use till_tests::database::on_postgres;
use till_tests::faults::chaos::{Outage, Plan, run};

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_killed_and_its_connections_are_cut() -> Result<()> {
    ensure!(on_postgres(), "this test needs PostgreSQL");
    let plan = Plan {
        times: 8,
        outages: vec![Outage::Postgres, Outage::Connections],
        network_faults: false,
        buyers: 40,
        seed: rand::random(),
    };
    println!("{plan:?}");
    println!("{:#?}", run(&plan).await?);
    Ok(())
}
