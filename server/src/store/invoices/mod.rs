//! The table `invoices`. Queries on behalf of a project always select by the project.

use super::conditions::of_order;
use super::{Result, Tx};
use sqlx::AssertSqlSafe;
use till_shared::id::{InvoiceId, ProjectId};

/// The columns that are read, by name: a server keeps running while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, project, coalesce(former_order_id, order_id) as order_id, order_hash, amount, currency, description, items, buyer, \
         locale, success_url, failure_url, metadata, method, status, amount_refunded, \
         checked, event_seq, version, created_at, expires_at, paid_at, from_browser, ended_at, \
         buyer_removed_at"
    };
}

mod insert;
pub mod queries;
mod row;
mod save;

pub use insert::{Inserted, NewInvoices, insert};
pub use row::InvoiceRow;
pub(super) use save::{CHANGED, UNCHANGED, changed};
pub use save::{save, save_unchanged};

/// Makes room for another invoice of the same order: the unique constraint no longer has this one.
pub async fn release_order_id(tx: &mut Tx, id: &InvoiceId) -> Result<()> {
    // An order id contains no control characters, so that it is never taken.
    sqlx::query(
        "update invoices set former_order_id = order_id, order_id = $1
         where id = $2 and former_order_id is null",
    )
    .bind(format!("\u{1f}{id}"))
    .bind(id.as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Returns all invoices of an order, the oldest first, and locks them until the transaction ends.
pub async fn lock_order(
    tx: &mut Tx,
    project: &ProjectId,
    order_id: &str,
) -> Result<Vec<InvoiceRow>> {
    let sql = format!(
        concat!(
            "select ",
            columns!(),
            " from invoices where {} order by id{}"
        ),
        tx.engine.among("id", &of_order("$1", "$2")),
        tx.engine.for_update()
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .bind(project.as_str())
        .bind(order_id)
        .fetch_all(tx.conn())
        .await?)
}

/// Returns the invoice with this id, regardless of project, and locks it until the transaction ends.
/// A transaction calls this before it reads anything else about the invoice.
pub async fn lock(tx: &mut Tx, id: &InvoiceId) -> Result<Option<InvoiceRow>> {
    let sql = format!(
        concat!("select ", columns!(), " from invoices where id = $1{}"),
        tx.engine.for_update()
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .bind(id.as_str())
        .fetch_optional(tx.conn())
        .await?)
}
