//! Payments during outages: none is lost and none is charged twice. `cargo xtask chaos` runs longer.

use anyhow::Result;
use till_tests::faults::chaos::{Outage, Plan, run};

/// Returns the random seed. `TILL_CHAOS_SEED` repeats a run.
fn seed() -> u64 {
    let seed = std::env::var("TILL_CHAOS_SEED").ok();
    seed.and_then(|s| s.parse().ok())
        .unwrap_or_else(rand::random)
}

async fn survives(plan: Plan) -> Result<()> {
    println!("TILL_CHAOS_SEED={}", plan.seed);
    let summary = run(&plan).await?;
    println!("{summary:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_killed_repeatedly() -> Result<()> {
    survives(Plan {
        times: 20,
        outages: vec![Outage::Server],
        network_faults: false,
        buyers: 40,
        seed: seed(),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_payment_system_is_slow_unavailable_and_faulty() -> Result<()> {
    survives(Plan {
        times: 6,
        outages: vec![Outage::PaymentSystem],
        network_faults: true,
        buyers: 40,
        seed: seed(),
    })
    .await
}
