//! Saving changes of invoices.

use super::row::InvoiceRow;
use crate::store::column::to_json;
use crate::store::{Result, Tx};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use till_shared::payment::Method;

/// The columns that change.
pub(in crate::store) const CHANGED: [(&str, &str); 17] = [
    ("status", "text"),
    ("buyer", "text"),
    ("amount_refunded", "bigint"),
    ("checked", "bigint"),
    ("event_seq", "bigint"),
    ("version", "bigint"),
    ("paid_at", "bigint"),
    ("description", "text"),
    ("items", "text"),
    ("locale", "text"),
    ("success_url", "text"),
    ("failure_url", "text"),
    ("metadata", "text"),
    ("method", "text"),
    ("expires_at", "bigint"),
    ("from_browser", "bigint"),
    ("ended_at", "bigint"),
];

/// The condition that an invoice has not changed since it was read in the version `$3`.
pub(in crate::store) const UNCHANGED: &str = "version = $3 and buyer_removed_at is null";

/// The values of the columns that change.
pub(in crate::store) fn changed(row: &InvoiceRow) -> Result<Value> {
    Ok(json!({
        "status": row.status.as_str(),
        "buyer": to_json(&row.buyer)?,
        "amount_refunded": row.amount_refunded,
        "checked": i64::from(row.checked),
        "event_seq": row.event_seq,
        "version": row.version,
        "paid_at": row.paid_at,
        "description": row.description,
        "items": to_json(&row.items)?,
        "locale": row.locale,
        "success_url": row.success_url,
        "failure_url": row.failure_url,
        "metadata": to_json(&row.metadata)?,
        "method": row.method.map(Method::as_str),
        "expires_at": row.expires_at,
        "from_browser": i64::from(row.from_browser),
        "ended_at": row.ended_at,
    }))
}

/// Updates the fields of an invoice that change, and increments its version. The invoice is locked.
pub async fn save(tx: &mut Tx, row: &mut InvoiceRow) -> Result<()> {
    row.version += 1;
    sqlx::query(AssertSqlSafe(
        tx.engine.update("invoices", &CHANGED, "$1", "$2"),
    ))
    .bind(to_json(&[changed(row)?])?)
    .bind(row.id.as_str())
    .execute(tx.conn())
    .await?;
    tx.changed(&row.id);
    Ok(())
}

/// As [`save`], for an invoice that is not locked: it is from here on, unless it has changed since it was read.
/// Returns `false` then, and changes nothing.
pub async fn save_unchanged(tx: &mut Tx, row: &mut InvoiceRow) -> Result<bool> {
    let known = row.version;
    row.version += 1;
    let update = tx.engine.update("invoices", &CHANGED, "$1", "$2");
    let done = sqlx::query(AssertSqlSafe(format!("{update} and {UNCHANGED}")))
        .bind(to_json(&[changed(row)?])?)
        .bind(row.id.as_str())
        .bind(known)
        .execute(tx.conn())
        .await?;
    let saved = done.rows_affected() == 1;
    if saved {
        tx.changed(&row.id);
    }
    Ok(saved)
}
