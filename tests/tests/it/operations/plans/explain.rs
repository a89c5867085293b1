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
    /// The names of indexes with a condition. They have few rows.
    partial: Vec<String>,
}

impl Explainer {
    /// Connects to a database.
    pub async fn new(database: &Database) -> Result<Self> {
        let database = database.pool().await?;
        let partial = if on_postgres() {
            let settings = "set plan_cache_mode = force_generic_plan; set enable_seqscan = off";
            sqlx::raw_sql(settings).execute(&database).await?;
            "select cast(indexname as text) from pg_indexes where indexdef like '% WHERE %'"
        } else {
            "select name from sqlite_schema where type = 'index' and sql like '% where %'"
        };
        let partial = sqlx::query_scalar(partial).fetch_all(&database).await?;
        Ok(Self { database, partial })
    }

    /// Returns the lines of a statement's plan that read more than a range of an index.
    pub async fn scans(&self, statement: &str) -> Result<Vec<String>> {
        let plan = self
            .plan(statement)
            .await
            .with_context(|| statement.to_owned())?;
        Ok(if on_postgres() {
            self.scans_of_postgres(statement, &plan)
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
                return !is_small(table) && !self.is_partial(index) && !is_in_order;
            }
            line.ends_with("(project=?)") && self.is_whole_project(statement, index)
        };
        plan.iter().filter(scans).cloned().collect()
    }

    /// See <https://www.postgresql.org/docs/current/using-explain.html>.
    fn scans_of_postgres(&self, statement: &str, plan: &[String]) -> Vec<String> {
        let is_sorted = plan.iter().any(|line| line.contains("Sort"));
        let is_in_order = statement.contains(LIST) && !is_sorted;
        let mut scans = vec![];
        for (at, line) in plan.iter().enumerate() {
            let node = line.trim_start_matches([' ', '-', '>']);
            let words: Vec<_> = node.split(' ').collect();
            let after = |word: &str| {
                let at = words.iter().position(|one| *one == word);
                at.and_then(|at| words.get(at + 1))
                    .copied()
                    .unwrap_or_default()
            };
            let table = after("on");
            let details = plan
                .iter()
                .skip(at + 1)
                .take_while(|line| !line.contains("->  "));
            let mut conditions = details.filter_map(|line| line.split_once("Index Cond: "));
            let condition = conditions.next().map(|(_, condition)| condition);
            let scan = if node.starts_with("Seq Scan") {
                !is_small(table)
            } else if node.starts_with("Bitmap Index Scan") {
                condition.is_none() && !self.is_partial(table)
                    || condition.is_some_and(is_project) && self.is_whole_project(statement, table)
            } else if node.contains("Index Scan") || node.contains("Index Only Scan") {
                let index = after("using");
                condition.is_none() && !is_small(table) && !self.is_partial(index) && !is_in_order
                    || condition.is_some_and(is_project) && self.is_whole_project(statement, index)
            } else {
                false
            };
            if scan {
                scans.push(line.trim().to_owned());
            }
        }
        scans
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

/// Whether an index's condition of PostgreSQL is that of the project alone.
fn is_project(condition: &str) -> bool {
    condition.contains("project = ") && !condition.contains(" AND ")
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
