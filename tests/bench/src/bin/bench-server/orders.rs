//! Orders per second, and beside them the rows that the database inserts by itself: on SQLite one after the other,
//! each durable before the next, on PostgreSQL by as many clients as there are.

use super::median::median;
use anyhow::{Context, Result};
use futures::future::try_join_all;
use sqlx::AnyPool;
use sqlx::any::AnyPoolOptions;
use std::time::{Duration, Instant};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::client::Api;
use till_tests::database::on_postgres;

/// How many clients order at a time.
const CLIENTS: [usize; 2] = [1, 64];
/// How often orders and rows are measured, in turn.
const ROUNDS: usize = 5;
/// The size of a row, about that of an invoice, in bytes.
const ROW: usize = 600;

/// Measures orders and rows, each for `length`, and prints the result.
pub async fn measure(database: &str, length: Duration) -> Result<()> {
    let setup = Setup {
        log_filter: Some("info"),
        ..Setup::default()
    };
    let app = TestApp::set_up(setup).await?;
    for clients in CLIENTS {
        let writers = if on_postgres() { clients } else { 1 };
        let rows = Rows::create(&app, writers).await?;
        let (mut orders, mut inserted) = (vec![], vec![]);
        for round in 0..ROUNDS {
            let name = format!("{clients}-{round}");
            orders.push(
                per_second(clients, length, async |n| order(&app.api, &name, n).await).await?,
            );
            inserted.push(per_second(writers, length, async |_| rows.insert().await).await?);
        }
        let (orders, rows) = (median(orders), median(inserted));
        println!(
            "{database}, clients: {clients}: {orders:.0} orders/s, {rows:.0} rows/s inserted by itself: {:.2} times \
             as many (medians of {ROUNDS} rounds)",
            orders / rows
        );
    }
    Ok(())
}

async fn order(api: &Api, name: &str, number: String) -> Result<()> {
    api.invoice(&format!("{name}-{number}")).await.map(drop)
}

/// Runs clients for `length`, and returns how often per second they did something. Each time has a number of its
/// own.
async fn per_second(
    clients: usize,
    length: Duration,
    act: impl AsyncFn(String) -> Result<()>,
) -> Result<f64> {
    let start = Instant::now();
    let client = async |client: usize| {
        let mut count = 0_u32;
        while start.elapsed() < length {
            act(format!("{client}-{count}")).await?;
            count += 1;
        }
        anyhow::Ok(count)
    };
    let counts = try_join_all((0..clients).map(client)).await?;
    Ok(f64::from(counts.iter().sum::<u32>()) / start.elapsed().as_secs_f64())
}

/// A table in a database of its own on SQLite, beside the server's tables on PostgreSQL.
struct Rows {
    pool: AnyPool,
}

impl Rows {
    async fn create(app: &TestApp, writers: usize) -> Result<Self> {
        let url = if on_postgres() {
            app.database_url().to_owned()
        } else {
            let file = app.files().join("rows.db");
            format!("sqlite:{}?mode=rwc", file.display())
        };
        sqlx::any::install_default_drivers();
        let pool = AnyPoolOptions::new()
            .max_connections(u32::try_from(writers)?)
            .connect(&url)
            .await
            .context("the rows' database")?;
        if !on_postgres() {
            let settings = "pragma journal_mode = wal; pragma synchronous = full";
            sqlx::raw_sql(settings).execute(&pool).await?;
        }
        sqlx::raw_sql("create table if not exists rows_alone (body text not null)")
            .execute(&pool)
            .await?;
        Ok(Self { pool })
    }

    async fn insert(&self) -> Result<()> {
        sqlx::query("insert into rows_alone (body) values ($1)")
            .bind("x".repeat(ROW))
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
