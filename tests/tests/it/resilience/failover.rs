//! Payments while a primary PostgreSQL is killed and its synchronous standby takes over.

use anyhow::Result;
use till_tests::faults::chaos::{Outage, Plan, run};

#[tokio::test(flavor = "multi_thread")]
async fn the_primary_is_killed_and_the_standby_takes_over() -> Result<()> {
    let plan = Plan {
        times: 2,
        outages: vec![Outage::Failover],
        network_faults: false,
        buyers: 20,
        seed: rand::random(),
    };
    println!("{plan:?}");
    println!("{:#?}", run(&plan).await?);
    Ok(())
}
