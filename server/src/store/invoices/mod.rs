//! The table `invoices`. Queries on behalf of a project always select by the project.

use super::column::Columns;
use super::conditions::of_order;
use super::{Result, Tx};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use std::collections::BTreeMap;
use till_shared::buyer::Buyer;
use till_shared::id::{InvoiceId, ProjectId};
use till_shared::invoice::{InvoiceStatus, Item};
use till_shared::money::Money;
use till_shared::payment::Method;

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
mod save;

pub use insert::{Inserted, NewInvoices, insert};
pub(super) use save::{CHANGED, UNCHANGED, changed};
pub use save::{save, save_unchanged};

/// An invoice as it is stored.
#[derive(Debug, Clone)]
pub struct InvoiceRow {
    /// The invoice's id.
    pub id: InvoiceId,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The project's order id. Of a project's invoices with the same one, at most one is neither
    /// expired nor canceled.
    pub order_id: String,
    /// The fingerprint of the order, which identifies a repeated request.
    pub order_hash: String,
    /// The amount due.
    pub money: Money,
    /// The text that the buyer sees.
    pub description: Option<String>,
    /// The order's lines.
    pub items: Vec<Item>,
    /// The known fields of the buyer.
    pub buyer: Buyer,
    /// A BCP 47 language tag.
    pub locale: Option<String>,
    /// Where the buyer is sent after success; overrides the project's setting.
    pub success_url: Option<String>,
    /// Where the buyer is sent otherwise; overrides the project's setting.
    pub failure_url: Option<String>,
    /// The project's metadata.
    pub metadata: BTreeMap<String, String>,
    /// The payment method that the order requires.
    pub method: Option<Method>,
    /// The status.
    pub status: InvoiceStatus,
    /// The refunded amount, in minor units.
    pub amount_refunded: i64,
    /// Whether the project accepted the order in an order check.
    pub checked: bool,
    /// The sequence number of its newest event.
    pub event_seq: i64,
    /// The number of changes, which is the id of live events.
    pub version: i64,
    /// When it was created (milliseconds).
    pub created_at: i64,
    /// When it expires (milliseconds).
    pub expires_at: i64,
    /// When it was paid (milliseconds).
    pub paid_at: Option<i64>,
    /// Whether the order came from a browser, unsigned.
    pub from_browser: bool,
    /// When it was paid, canceled or expired (milliseconds). `None` also if it ended under a version
    /// that did not store this.
    pub ended_at: Option<i64>,
    /// When the buyer's data were removed (milliseconds). Read only: `buyer_data` removes them.
    pub buyer_removed_at: Option<i64>,
}

impl InvoiceRow {
    /// Whether the invoice is as it was created. It has no payments then: they change it.
    pub fn is_unchanged(&self) -> bool {
        self.version == 1
    }
}

impl FromRow<'_, AnyRow> for InvoiceRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("id")?,
            project: row.parse("project")?,
            order_id: row.try_get("order_id")?,
            order_hash: row.try_get("order_hash")?,
            money: Money {
                amount: row.try_get("amount")?,
                currency: row.parse("currency")?,
            },
            description: row.try_get("description")?,
            items: row.json("items")?,
            buyer: row.json("buyer")?,
            locale: row.try_get("locale")?,
            success_url: row.try_get("success_url")?,
            failure_url: row.try_get("failure_url")?,
            metadata: row.json("metadata")?,
            method: row.parse_optional("method")?,
            status: row.parse("status")?,
            amount_refunded: row.try_get("amount_refunded")?,
            checked: row.flag("checked")?,
            event_seq: row.try_get("event_seq")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            paid_at: row.try_get("paid_at")?,
            from_browser: row.flag("from_browser")?,
            ended_at: row.try_get("ended_at")?,
            buyer_removed_at: row.try_get("buyer_removed_at")?,
        })
    }
}

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
