//! PostgreSQL breaks while payments flow. Alone in its file: nothing else may need the database
//! meanwhile.

use anyhow::Result;
use till_tests::chaos::{Fault, Plan, run};
use till_tests::database::on_postgres;

#[tokio::test(flavor = "multi_thread")]
async fn the_database_is_killed_and_its_connections_are_cut() -> Result<()> {
    // `cargo xtask test` runs this file once more on PostgreSQL; SQLite has neither.
    if !on_postgres() {
        return Ok(());
    }
    let plan = Plan {
        times: 8,
        faults: vec![Fault::Postgres, Fault::Connections],
        weather: false,
        buyers: 40,
        seed: rand::random(),
    };
    println!("{plan:?}");
    println!("{:#?}", run(&plan).await?);
    Ok(())
}
