//! Orders per second, and beside them the rows that the database inserts by itself: on SQLite one after the other,
//! each durable before the next, on PostgreSQL by pgbench, with as many clients as there are.

use super::load::{self, HEADERS, Requests};
use super::median::median;
use super::usage;
use anyhow::{Context, Result, ensure};
use sqlx::any::AnyPoolOptions;
use std::path::Path;
use std::time::{Duration, Instant};
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::database::on_postgres;
use till_tests::tools::installed;
use tokio::process::Command;

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
    let server = app.process_id().context("no server")?;
    create_table(&app).await?;
    for clients in CLIENTS {
        let (mut orders, mut rows) = (vec![], vec![]);
        let mut used = [Duration::ZERO; 2];
        let mut count = 0;
        for round in 0..ROUNDS {
            let before = [usage::processor(server)?, usage::database()?];
            let ordered = order(&app, &format!("{clients}-{round}"), clients, length).await?;
            used[0] += usage::processor(server)? - before[0];
            used[1] += usage::database()? - before[1];
            count += ordered.count;
            orders.push(ordered);
            rows.push(if on_postgres() {
                insert_by_pgbench(&app, clients, length).await?
            } else {
                insert_durably(&app, length).await?
            });
        }
        let rates = |all: &[Requests]| median(all.iter().map(|one| one.per_second).collect());
        let p99 = |all: &[Requests]| median(all.iter().map(|one| one.p99.as_secs_f64()).collect());
        let [server, database_used] = used.map(|used| used.as_secs_f64() * 1000.0 / count as f64);
        println!(
            "{database}, clients: {clients}: {:.0} orders/s, {:.0} rows/s inserted by itself: {:.2} times as many; \
             99th percentile: {:.1} ms, {:.1} ms (medians of {ROUNDS} rounds); processor time for an order: \
             {server:.2} ms of the server, {database_used:.2} ms of PostgreSQL",
            rates(&orders),
            rates(&rows),
            rates(&orders) / rates(&rows),
            p99(&orders) * 1000.0,
            p99(&rows) * 1000.0,
        );
    }
    Ok(())
}

/// Orders for `length`. The ids of the orders begin with `prefix`.
async fn order(app: &TestApp, prefix: &str, clients: usize, length: Duration) -> Result<Requests> {
    let key = &app.keys.sk;
    let script = format!(
        r#"
local key, number = "{key}", 0
local headers = {HEADERS}
request = function()
  number = number + 1
  local order = '{{"order_id":"{prefix}-%d","amount":1999,"currency":"EUR","description":"A print"}}'
  return wrk.format('POST', '/v1/invoices', headers, string.format(order, number))
end
"#
    );
    load::run(app.files(), &app.api.url, clients, length, &script).await
}

/// Creates the table of the rows: in a database of its own on SQLite, beside the server's tables on PostgreSQL.
async fn create_table(app: &TestApp) -> Result<()> {
    let pool = pool(app).await?;
    sqlx::raw_sql("create table rows_alone (body text not null)")
        .execute(&pool)
        .await?;
    Ok(())
}

async fn pool(app: &TestApp) -> Result<sqlx::AnyPool> {
    let url = if on_postgres() {
        app.database_url().to_owned()
    } else {
        let file = app.files().join("rows.db");
        format!("sqlite:{}?mode=rwc", file.display())
    };
    sqlx::any::install_default_drivers();
    let pool = AnyPoolOptions::new().max_connections(1).connect(&url);
    let pool = pool.await.context("the rows' database")?;
    if !on_postgres() {
        let settings = "pragma journal_mode = wal; pragma synchronous = full";
        sqlx::raw_sql(settings).execute(&pool).await?;
    }
    Ok(pool)
}

/// Inserts rows for `length`, one after the other.
async fn insert_durably(app: &TestApp, length: Duration) -> Result<Requests> {
    let pool = pool(app).await?;
    let mut took = vec![];
    let start = Instant::now();
    while start.elapsed() < length {
        let begun = Instant::now();
        sqlx::query("insert into rows_alone (body) values ($1)")
            .bind("x".repeat(ROW))
            .execute(&pool)
            .await?;
        took.push(begun.elapsed());
    }
    requests(took, start.elapsed())
}

/// Has pgbench insert rows for `length`.
async fn insert_by_pgbench(app: &TestApp, clients: usize, length: Duration) -> Result<Requests> {
    let dir = tempfile::tempdir()?;
    let row = "x".repeat(ROW);
    let script = format!("insert into rows_alone (body) values ('{row}');\n");
    std::fs::write(dir.path().join("rows.sql"), script)?;
    let start = Instant::now();
    let output = Command::new(installed("TILL_POSTGRES_BIN")?.join("pgbench"))
        .current_dir(dir.path())
        .args(["--no-vacuum", "--protocol=prepared", "--file=rows.sql"])
        .args(["--log", "--log-prefix=took"])
        .arg(format!("--client={clients}"))
        .arg(format!("--time={}", length.as_secs()))
        .arg(app.database_url())
        .output()
        .await?;
    let elapsed = start.elapsed();
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "pgbench: {error}");
    requests(durations(dir.path())?, elapsed)
}

/// Reads the log of pgbench, which has a line for each transaction. Its third number is microseconds.
fn durations(dir: &Path) -> Result<Vec<Duration>> {
    let mut took = vec![];
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with("took") {
            continue;
        }
        for line in std::fs::read_to_string(entry.path())?.lines() {
            let microseconds = line.split(' ').nth(2).context("too few numbers")?;
            took.push(Duration::from_micros(microseconds.parse()?));
        }
    }
    Ok(took)
}

fn requests(mut took: Vec<Duration>, elapsed: Duration) -> Result<Requests> {
    took.sort();
    let p99 = took.get(took.len() * 99 / 100);
    Ok(Requests {
        count: took.len(),
        per_second: f64::from(u32::try_from(took.len())?) / elapsed.as_secs_f64(),
        p99: p99.copied().context("no rows")?,
    })
}
