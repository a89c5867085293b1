//! Inserting payments, and saving their changes.

use super::row::PaymentRow;
use crate::store::column::to_json;
use crate::store::error::violates;
use crate::store::{Result, StoreError, Tx};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use till_shared::payment::DeclineCode;

/// The columns of a new payment.
pub(super) const NEW: [(&str, &str); 16] = [
    ("id", "text"),
    ("invoice", "text"),
    ("project", "text"),
    ("method", "text"),
    ("connector", "text"),
    ("account", "text"),
    ("amount", "bigint"),
    ("currency", "text"),
    ("status", "text"),
    ("card", "text"),
    ("verification", "text"),
    ("next_check_at", "bigint"),
    ("first_attempt", "text"),
    ("suspicious", "bigint"),
    ("created_at", "bigint"),
    ("updated_at", "bigint"),
];

/// The columns that change.
pub(super) const CHANGED: [(&str, &str); 11] = [
    ("reference", "text"),
    ("reference_object", "text"),
    ("status", "text"),
    ("decline_code", "text"),
    ("card", "text"),
    ("verification", "text"),
    ("next_check_at", "bigint"),
    ("duplicate", "bigint"),
    ("review", "text"),
    ("called_off", "bigint"),
    ("updated_at", "bigint"),
];

/// The values of the columns of a new payment.
pub(super) fn new(row: &PaymentRow) -> Result<Value> {
    Ok(json!({
        "id": row.id,
        "invoice": row.invoice,
        "project": row.project,
        "method": row.method.as_str(),
        "connector": row.connector,
        "account": row.account,
        "amount": row.money.amount,
        "currency": row.money.currency.code(),
        "status": row.status.as_str(),
        "card": row.card.as_ref().map(to_json).transpose()?,
        "verification": to_json(&row.verification)?,
        "next_check_at": row.next_check_at,
        "first_attempt": row.first_attempt,
        "suspicious": i64::from(row.suspicious),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }))
}

/// The values of the columns that change.
pub(super) fn changed(row: &PaymentRow) -> Result<Value> {
    Ok(json!({
        "reference": row.reference.as_ref().map(|reference| &reference.id),
        "reference_object": row.reference.as_ref().map(|r| <&str>::from(r.object)),
        "status": row.status.as_str(),
        "decline_code": row.decline.map(DeclineCode::as_str),
        "card": row.card.as_ref().map(to_json).transpose()?,
        "verification": to_json(&row.verification)?,
        "next_check_at": row.next_check_at,
        "duplicate": i64::from(row.duplicate),
        "review": row.review.map(<&str>::from),
        "called_off": i64::from(row.called_off),
        "updated_at": row.updated_at,
    }))
}

/// The result of [`insert`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// The payment was inserted.
    New,
    /// The invoice has another live payment.
    AnotherIsLive,
}

/// Inserts a payment, unless its invoice has a live one.
pub async fn insert(tx: &mut Tx, row: &PaymentRow) -> Result<Inserted> {
    let insert = tx.engine.insert_one("payments", &NEW, "$1");
    let done = sqlx::query(AssertSqlSafe(insert))
        .bind(to_json(&[new(row)?])?)
        .execute(tx.conn())
        .await;
    match done {
        Ok(_) => Ok(Inserted::New),
        Err(error) => another_is_live(error),
    }
}

/// An insert fails if the invoice has another live payment.
pub(super) fn another_is_live(error: sqlx::Error) -> Result<Inserted> {
    if violates(&error, "payments_one_live", "payments.invoice") {
        Ok(Inserted::AnotherIsLive)
    } else {
        Err(StoreError::from(error))
    }
}

/// Updates the fields of a payment that change.
pub async fn save(tx: &mut Tx, row: &PaymentRow) -> Result<()> {
    let update = tx.engine.update("payments", &CHANGED, "$1", "$2");
    sqlx::query(AssertSqlSafe(update))
        .bind(to_json(&[changed(row)?])?)
        .bind(row.id.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}
