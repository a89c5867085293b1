//! The indexes of lists. They are not migrations, because a migration blocks writers of the table on
//! PostgreSQL, and because their expressions differ between the databases. Lists are right without them.

use super::Result;
use super::conditions::moved;
use super::engine::Engine;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Executor, Row};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use till_shared::id::{DisputeId, EventId, InvoiceId, PaymentId, RefundId};

/// An index. Its definition never changes: a different index has a different name.
struct Index {
    name: &'static str,
    table: &'static str,
    /// The columns or expressions.
    columns: String,
    /// Which rows it has; all if empty.
    rows: String,
}

fn index(name: &'static str, table: &'static str, columns: &str) -> Index {
    Index {
        name,
        table,
        columns: columns.to_owned(),
        rows: String::new(),
    }
}

impl Index {
    /// The same index, only of rows in which an expression is not null.
    fn of_those_with(mut self, expression: &str) -> Self {
        self.rows = format!("{expression} is not null");
        self
    }

    /// The statement that makes the index.
    fn sql(&self, engine: Engine) -> String {
        let concurrently = match engine {
            Engine::Sqlite => "",
            Engine::Postgres => "concurrently ",
        };
        let Self {
            name,
            table,
            columns,
            rows,
        } = self;
        let condition = if rows.is_empty() {
            String::new()
        } else {
            format!(" where {rows}")
        };
        format!("create index {concurrently}if not exists {name} on {table} ({columns}){condition}")
    }
}

/// The rows whose times, in the last column, are not those of their ids.
fn moved_rows(
    engine: Engine,
    name: &'static str,
    table: &'static str,
    columns: &str,
    prefix: &str,
) -> Index {
    let time = columns.rsplit(", ").next().unwrap_or(columns);
    Index {
        rows: moved(engine, prefix, time, ""),
        ..index(name, table, columns)
    }
}

/// All indexes. Each of them but the last ones ends in the order of a list.
fn all(engine: Engine) -> Vec<Index> {
    let email = engine.email("buyer");
    let by_email = format!("project, ({email}), id");
    let last4 = engine.last4("card");
    let [by_last4, by_last4_of_invoices] =
        ["id", "invoice"].map(|id| format!("project, ({last4}), {id}"));
    let by_decline = "project, decline_code, id";
    let by_decline_of_invoices = "project, decline_code, invoice";
    let by_time = "project, created_at";
    let (of_invoices, of_payments) = ("invoices", "payments");
    let (of_refunds, of_disputes) = ("refunds", "disputes");
    let (of_events, of_audit) = ("events", "audit_log");
    vec![
        index("invoices_project", of_invoices, "project, id"),
        index("invoices_status", of_invoices, "project, status, id"),
        index("invoices_email", of_invoices, &by_email).of_those_with(&email),
        index("payments_status", of_payments, "project, status, id"),
        index("payments_connector", of_payments, "project, connector, id"),
        index("payments_decline", of_payments, by_decline).of_those_with("decline_code"),
        index(
            "payments_decline_invoice",
            of_payments,
            by_decline_of_invoices,
        )
        .of_those_with("decline_code"),
        index("payments_last4", of_payments, &by_last4).of_those_with(&last4),
        index("payments_last4_invoice", of_payments, &by_last4_of_invoices).of_those_with(&last4),
        index("refunds_status", of_refunds, "project, status, id"),
        index("disputes_status", of_disputes, "project, status, id"),
        index("events_project", of_events, "project, id"),
        index("events_state", of_events, "project, state, id"),
        index("events_type", of_events, "project, type, id"),
        index("audit_log_project", of_audit, "project, id"),
        index("audit_log_action", of_audit, "action, id"),
        index("audit_log_subject", of_audit, "subject, id"),
        index("audit_log_actor_name", of_audit, "actor_name, id"),
        index("audit_log_actor_id", of_audit, "actor_id, id"),
        moved_rows(
            engine,
            "invoices_moved",
            of_invoices,
            by_time,
            InvoiceId::PREFIX,
        ),
        moved_rows(
            engine,
            "payments_moved",
            of_payments,
            by_time,
            PaymentId::PREFIX,
        ),
        moved_rows(
            engine,
            "refunds_moved",
            of_refunds,
            by_time,
            RefundId::PREFIX,
        ),
        moved_rows(
            engine,
            "disputes_moved",
            of_disputes,
            by_time,
            DisputeId::PREFIX,
        ),
        moved_rows(engine, "events_moved", of_events, by_time, EventId::PREFIX),
        moved_rows(engine, "audit_log_moved", of_audit, "at", ""),
    ]
}

/// Whether no index is missing or incomplete.
///
/// # Errors
/// When the database fails.
pub(super) async fn are_complete(connection: &mut AnyConnection, engine: Engine) -> Result<bool> {
    let existing = existing(connection, engine).await?;
    let is_complete = |index: &Index| existing.get(index.name).copied().unwrap_or(false);
    Ok(all(engine).iter().all(is_complete))
}

/// Creates the indexes that are missing. On PostgreSQL nobody waits for them who writes. An index that an
/// interrupted call has left incomplete is created again. One that can't be created is left for the next start.
///
/// # Errors
/// When the existing indexes can't be read.
pub(super) async fn create(connection: &mut AnyConnection, engine: Engine) -> Result<()> {
    let existing = existing(connection, engine).await?;
    let mut changed = BTreeSet::new();
    for index in all(engine) {
        let complete = existing.get(index.name).copied();
        if complete == Some(true) {
            continue;
        }
        let (name, table) = (index.name, index.table);
        match create_one(connection, engine, &index, complete.is_some()).await {
            Ok(()) => {
                tracing::info!(index = name, table, "index created");
                changed.insert(table);
            }
            Err(error) => tracing::warn!(
                index = name, table, %error,
                "an index could not be created: lists may be slow until the next start"
            ),
        }
    }
    if engine == Engine::Postgres {
        // PostgreSQL knows nothing about the values of a new index's expressions until then.
        for table in changed {
            let sql = format!("analyze {table}");
            connection.execute(AssertSqlSafe(sql)).await?;
        }
    }
    Ok(())
}

async fn create_one(
    connection: &mut AnyConnection,
    engine: Engine,
    index: &Index,
    incomplete: bool,
) -> Result<()> {
    if incomplete {
        let drop = format!("drop index concurrently if exists {}", index.name);
        connection.execute(AssertSqlSafe(drop)).await?;
    }
    connection.execute(AssertSqlSafe(index.sql(engine))).await?;
    Ok(())
}

/// The names of all indexes, and whether each is complete. The statement has no name: a pooler may be in
/// between.
async fn existing(connection: &mut AnyConnection, engine: Engine) -> Result<HashMap<String, bool>> {
    let sql = match engine {
        Engine::Sqlite => "select name, 1 from sqlite_schema where type = 'index'",
        Engine::Postgres => {
            "select cast(c.relname as text), cast(cast(x.indisvalid as integer) as bigint)
             from pg_index x join pg_class c on c.oid = x.indexrelid
             where c.relnamespace = cast(current_schema() as regnamespace)"
        }
    };
    let rows = sqlx::raw_sql(sql).fetch_all(connection).await?;
    let read = |row: &AnyRow| Ok((row.try_get(0)?, row.try_get::<i64, _>(1)? == 1));
    Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
}

/// The advisory lock of the server that creates indexes. The number is `till_idx` in ASCII.
const TRY_LOCK: &str = "select pg_try_advisory_lock(x'74696c6c5f696478'::bigint)";
/// The delay between attempts to get it.
const LOCK_DELAY: Duration = Duration::from_millis(500);

/// Waits for the lock, which the connection has until it is closed. A statement that waits in the database would
/// keep its snapshot, for whose end `create index concurrently` waits in turn.
///
/// # Errors
/// When the database fails.
pub(super) async fn lock(connection: &mut AnyConnection) -> Result<()> {
    while !try_lock(connection).await? {
        tokio::time::sleep(LOCK_DELAY).await;
    }
    Ok(())
}

async fn try_lock(connection: &mut AnyConnection) -> Result<bool> {
    let row = sqlx::raw_sql(TRY_LOCK).fetch_one(connection).await?;
    Ok(row.try_get(0)?)
}
