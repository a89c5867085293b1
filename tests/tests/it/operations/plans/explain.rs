//! Plans of statements, made without values.

use anyhow::{Context, Result};
use sqlx::{AnyPool, AssertSqlSafe, Row};
use till_tests::database::{Database, on_postgres};

/// Tables with few rows, however much is paid.
const SMALL: [&str; 10] = [
    "projects",
    "connector_accounts",
    "secret_keys",
    "named_keys",
    "operators",
    "installation",
    "encryption_keys",
    "card_encryption_keys",
    "embed_scripts",
    "audit_head",
];

/// What a statement contains that reads the first rows in the order of a list.
const LIST: &str = ".id desc limit";

/// Explains statements.
pub struct Explainer {
    /// One connection.
    database: AnyPool,
    /// The names of SQLite's indexes with a condition. They have few rows.
    partial: Vec<String>,
}

impl Explainer {
    /// Connects to a database.
    pub async fn new(database: &Database) -> Result<Self> {
        let database = database.pool().await?;
        let partial = if on_postgres() {
            let settings = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off";
            sqlx::raw_sql(settings).execute(&database).await?;
            vec![]
        } else {
            let sql =
                "select name from sqlite_schema where type = 'index' and sql like '% where %'";
            sqlx::query_scalar(sql).fetch_all(&database).await?
        };
        Ok(Self { database, partial })
    }

    /// Returns the lines of a statement's plan that read more than a range of an index.
    pub async fn scans(&self, statement: &str) -> Result<Vec<String>> {
        let plan = self
            .plan(statement)
            .await
            .with_context(|| statement.to_owned())?;
        Ok(if on_postgres() {
            scans_of_postgres(&plan)
        } else {
            self.scans_of_sqlite(statement, &plan)
        })
    }

    async fn plan(&self, statement: &str) -> Result<Vec<String>> {
        if !on_postgres() {
            let explain = format!("explain query plan {statement}");
            let rows = sqlx::raw_sql(AssertSqlSafe(explain))
                .fetch_all(&self.database)
                .await?;
            return Ok(rows
                .iter()
                .map(|row| row.try_get("detail"))
                .collect::<Result<_, _>>()?);
        }
        let highest = (1..=99)
            .rev()
            .find(|n| statement.contains(&format!("${n}")));
        // PostgreSQL infers the types, except those of parameters that are compared with null first.
        let types = (1..=highest.unwrap_or(0)).map(|n| {
            if statement.contains(&format!("${n} is null")) {
                "text"
            } else {
                "unknown"
            }
        });
        let types: Vec<_> = types.collect();
        let list = |items: &[&str]| match items {
            [] => String::new(),
            items => format!("({})", items.join(", ")),
        };
        let (types, arguments) = (list(&types), list(&vec!["null"; types.len()]));
        let prepare = format!("deallocate all; prepare explained {types} as {statement}");
        sqlx::raw_sql(AssertSqlSafe(prepare))
            .execute(&self.database)
            .await?;
        let explain = format!("explain (costs off) execute explained{arguments}");
        let rows = sqlx::raw_sql(AssertSqlSafe(explain))
            .fetch_all(&self.database)
            .await?;
        Ok(rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?)
    }

    /// See <https://www.sqlite.org/eqp.html>.
    fn scans_of_sqlite(&self, statement: &str, plan: &[String]) -> Vec<String> {
        let is_list = statement.contains(LIST);
        let is_sorted = plan.iter().any(|line| line.contains("TEMP B-TREE"));
        let scans = |line: &&String| {
            let index = line.split_once(" INDEX ").map_or("", |(_, rest)| rest);
            let index = index.split(' ').next().unwrap_or_default();
            if let Some(scanned) = line.strip_prefix("SCAN ") {
                let table = scanned.split(' ').next().unwrap_or_default();
                let is_in_order = is_list && !index.is_empty() && !is_sorted;
                let is_recursion = statement.starts_with(&format!("with recursive {table} "));
                let is_allowed = is_small(table) || is_recursion || is_in_order;
                return !is_allowed && !self.is_partial(index);
            }
            line.ends_with("(project=?)") && self.is_whole_project(statement, index)
        };
        plan.iter().filter(scans).cloned().collect()
    }

    /// Whether all rows of a project are read, and not only the first ones in the order of a list.
    fn is_whole_project(&self, statement: &str, index: &str) -> bool {
        let grows = ["invoices", "payments", "refunds", "disputes", "events"];
        let of_growing = grows
            .iter()
            .any(|table| index.contains(&format!("{table}_")));
        of_growing && !self.is_partial(index) && !statement.contains(LIST)
    }

    fn is_partial(&self, index: &str) -> bool {
        self.partial.iter().any(|partial| partial == index)
    }
}

/// The scans that remain although they are made expensive, because no index serves. Which index PostgreSQL
/// chooses depends on the rows, of which there are none. See
/// <https://www.postgresql.org/docs/current/using-explain.html>.
fn scans_of_postgres(plan: &[String]) -> Vec<String> {
    let scans = plan.iter().filter_map(|line| {
        let (_, scanned) = line.split_once("Seq Scan on ")?;
        let table = scanned.split(' ').next().unwrap_or_default();
        (!is_small(table)).then(|| line.trim().to_owned())
    });
    scans.collect()
}

/// Whether a table has few rows, or is an intermediate result.
fn is_small(table: &str) -> bool {
    const DERIVED: [&str; 9] = [
        "CONSTANT",
        "json_each",
        "ids",
        "selected",
        "found",
        "one",
        "searched",
        "counted",
        "all_keys",
    ];
    table.starts_with(['(', '"', '_'])
        || table.starts_with("part")
        || DERIVED.contains(&table)
        || SMALL.contains(&table)
}
