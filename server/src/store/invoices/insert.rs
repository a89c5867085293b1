//! Inserting invoices.

use super::row::InvoiceRow;
use crate::store::batch::{Batches, Statement};
use crate::store::column::to_json;
use crate::store::error::violates;
use crate::store::{Result, Store, Tx};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use std::collections::HashSet;
use till_shared::payment::Method;

/// The columns of a new invoice.
const COLUMNS: [(&str, &str); 19] = [
    ("id", "text"),
    ("project", "text"),
    ("order_id", "text"),
    ("order_hash", "text"),
    ("amount", "bigint"),
    ("currency", "text"),
    ("description", "text"),
    ("items", "text"),
    ("buyer", "text"),
    ("locale", "text"),
    ("success_url", "text"),
    ("failure_url", "text"),
    ("metadata", "text"),
    ("method", "text"),
    ("status", "text"),
    ("checked", "bigint"),
    ("created_at", "bigint"),
    ("expires_at", "bigint"),
    ("from_browser", "bigint"),
];

/// The row of an invoice in the list.
fn columns(new: &InvoiceRow) -> Result<Value> {
    Ok(json!({
        "id": new.id,
        "project": new.project,
        "order_id": new.order_id,
        "order_hash": new.order_hash,
        "amount": new.money.amount,
        "currency": new.money.currency.code(),
        "description": new.description,
        "items": to_json(&new.items)?,
        "buyer": to_json(&new.buyer)?,
        "locale": new.locale,
        "success_url": new.success_url,
        "failure_url": new.failure_url,
        "metadata": to_json(&new.metadata)?,
        "method": new.method.map(Method::as_str),
        "status": new.status.as_str(),
        "checked": i64::from(new.checked),
        "created_at": new.created_at,
        "expires_at": new.expires_at,
        "from_browser": i64::from(new.from_browser),
    }))
}

/// The result of [`insert`].
pub enum Inserted {
    /// The invoice was inserted.
    New,
    /// The project has an invoice with this order id already.
    OrderIdTaken,
    /// There is an invoice with this id already: an earlier attempt of the same call inserted it.
    Known,
}

/// Inserts an invoice, unless its order id is taken.
pub async fn insert(tx: &mut Tx, new: &InvoiceRow) -> Result<Inserted> {
    let insert = tx.engine.insert_one("invoices", &COLUMNS, "$1");
    let inserted = sqlx::query(AssertSqlSafe(insert))
        .bind(to_json(&[columns(new)?])?)
        .execute(tx.conn())
        .await;
    match inserted {
        Ok(_) => Ok(Inserted::New),
        Err(e) if violates(&e, "invoices_order_id", "invoices.order_id") => {
            Ok(Inserted::OrderIdTaken)
        }
        Err(e) if violates(&e, "invoices_pkey", "invoices.id") => Ok(Inserted::Known),
        Err(e) => Err(e.into()),
    }
}

/// Inserts invoices. Those that are created at the same time are inserted by one statement.
pub struct NewInvoices(Batches<Insert>);

struct Insert(Store);

impl NewInvoices {
    /// Inserts into this database.
    pub fn new(store: Store) -> Self {
        Self(Batches::new(Insert(store)))
    }

    /// Inserts an invoice, unless its id or its order id is taken. Returns whether it was inserted.
    ///
    /// # Errors
    /// When the store fails. The invoice may have been inserted or not.
    pub async fn insert(&self, new: InvoiceRow) -> Result<bool> {
        self.0.call(new).await
    }
}

impl Statement for Insert {
    type Call = InvoiceRow;
    type Answer = bool;

    async fn run(&self, new: &[InvoiceRow]) -> Result<Vec<bool>> {
        self.0.insert_invoices(new).await
    }
}

impl Store {
    /// Inserts invoices, except those whose id or order id is taken, also by one before. Returns which were
    /// inserted.
    pub async fn insert_invoices(&self, new: &[InvoiceRow]) -> Result<Vec<bool>> {
        let mut sorted: Vec<_> = new.iter().collect();
        // Of two servers that insert the same orders, none waits for the other one while that waits for it.
        sorted.sort_by_key(|new| (&new.project, &new.order_id));
        let rows = sorted
            .into_iter()
            .map(columns)
            .collect::<Result<Vec<_>>>()?;
        let insert = self
            .engine
            .insert_for(new.len(), "invoices", &COLUMNS, "$1");
        let sql = format!("{insert} on conflict do nothing returning id");
        let inserted: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(to_json(&rows)?)
            .fetch_all(self.writer())
            .await?;
        let inserted: HashSet<_> = inserted.iter().map(String::as_str).collect();
        Ok(new
            .iter()
            .map(|new| inserted.contains(new.id.as_str()))
            .collect())
    }
}
