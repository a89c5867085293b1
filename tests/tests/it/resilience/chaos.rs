//! Things break while payments flow: nothing is lost, nothing doubled. `cargo xtask chaos` does the
//! same for longer.

use anyhow::Result;
use till_tests::faults::chaos::{Fault, Plan, run};

/// Chance, which is told so that a run can be had again.
fn seed() -> u64 {
    let seed = std::env::var("TILL_CHAOS_SEED").ok();
    seed.and_then(|s| s.parse().ok())
        .unwrap_or_else(rand::random)
}

async fn survives(plan: Plan) -> Result<()> {
    println!("TILL_CHAOS_SEED={}", plan.seed);
    let agreement = run(&plan).await?;
    println!("{agreement:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_is_killed_again_and_again() -> Result<()> {
    survives(Plan {
        times: 20,
        faults: vec![Fault::Server],
        weather: false,
        buyers: 40,
        seed: seed(),
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_payment_system_is_slow_and_dead_and_talks_rubbish() -> Result<()> {
    survives(Plan {
        times: 6,
        faults: vec![Fault::PaymentSystem],
        weather: true,
        buyers: 40,
        seed: seed(),
    })
    .await
}
