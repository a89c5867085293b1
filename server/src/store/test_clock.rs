//! The clock of a test project. The stored times move back instead of a clock moving on: what is due
//! is found by comparing stored times with the real time, in one indexed query for all projects, by
//! every server and by servers of an older version. An offset for each project would have to enter
//! each of these queries and each place that reads the time, and the times that callbacks sign must
//! stay real.

use super::column::parse_column;
use super::{Result, Tx};
use sqlx::AssertSqlSafe;
use till_shared::id::{InvoiceId, ProjectId};

/// What moves.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The project.
    pub project: &'a ProjectId,
    /// One of its invoices; all where absent.
    pub invoice: Option<&'a InvoiceId>,
}

/// The statements. Their parameters are the milliseconds, the project, the invoice or null, and the
/// current time.
///
/// A payment that is being submitted and a callback that is being sent keep their times: they belong to
/// a call that is running now, which a lease guards.
const STATEMENTS: [&str; 8] = [
    "update invoices set created_at = created_at - $1, expires_at = expires_at - $1,
         paid_at = paid_at - $1, ended_at = ended_at - $1, version = version + 1
     where project = $2 and ($3 is null or id = $3)",
    "update payments set created_at = created_at - $1, updated_at = updated_at - $1,
         next_check_at = next_check_at - $1
     where project = $2 and ($3 is null or invoice = $3)
     and not (status = 'created' and next_check_at is not null and next_check_at > $4)",
    "update payment_attempts set at = at - $1 where project = $2 and ($3 is null or invoice = $3)",
    "update refunds set created_at = created_at - $1, updated_at = updated_at - $1,
         next_attempt_at = next_attempt_at - $1
     where project = $2 and ($3 is null or payment in (select id from payments where invoice = $3))",
    "update disputes set created_at = created_at - $1, updated_at = updated_at - $1,
         respond_by = respond_by - $1
     where project = $2 and ($3 is null or payment in (select id from payments where invoice = $3))",
    "update reversals set created_at = created_at - $1 where payment in
         (select id from payments where project = $2 and ($3 is null or invoice = $3))",
    "update event_attempts set at = at - $1 where event in
         (select id from events where project = $2 and ($3 is null or invoice = $3))",
    "update events set created_at = created_at - $1, delivered_at = delivered_at - $1,
         next_attempt_at = next_attempt_at - $1, refused_until = refused_until - $1,
         leased_until = null
     where project = $2 and ($3 is null or invoice = $3)
     and (leased_until is null or next_attempt_at is null or leased_until <> next_attempt_at
         or leased_until <= $4)",
];

/// Moves the times of a project's invoices, payments, refunds, disputes and callbacks back. Returns the
/// invoices that buyers may have open.
pub async fn move_back(tx: &mut Tx, scope: Scope<'_>, ms: i64, now: i64) -> Result<Vec<InvoiceId>> {
    let invoice = scope.invoice.map(InvoiceId::as_str);
    // In the order in which all transactions lock several invoices.
    let lock = format!(
        "select id from invoices where project = $1 and ($2 is null or id = $2) order by id{}",
        tx.engine.for_update()
    );
    let _: Vec<String> = sqlx::query_scalar(AssertSqlSafe(lock))
        .bind(scope.project.as_str())
        .bind(invoice)
        .fetch_all(tx.conn())
        .await?;
    for statement in STATEMENTS {
        // The engines reject a parameter that a statement does not have.
        let query = sqlx::query(statement)
            .bind(ms)
            .bind(scope.project.as_str())
            .bind(invoice);
        let query = if statement.contains("$4") {
            query.bind(now)
        } else {
            query
        };
        query.execute(tx.conn()).await?;
    }
    let open: Vec<String> = sqlx::query_scalar(
        "select id from invoices where project = $1 and ($2 is null or id = $2)
         and status in ('open', 'processing')",
    )
    .bind(scope.project.as_str())
    .bind(invoice)
    .fetch_all(tx.conn())
    .await?;
    let open = parse_column(&open)?;
    for invoice in &open {
        tx.changed(invoice);
    }
    Ok(open)
}
