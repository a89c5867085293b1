//! The table `encryption_keys`: the keys that servers encrypted with.

use super::column::Columns;
use super::{Result, Store};
use crate::crypto::KeyId;
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

/// A key that servers encrypted with.
#[derive(Debug, Clone)]
pub struct EncryptionKeyRow {
    /// The key's id.
    pub id: KeyId,
    /// When a server first had it as the current key (milliseconds).
    pub created_at: i64,
    /// When all values were encrypted with another key (milliseconds).
    pub retired_at: Option<i64>,
}

impl FromRow<'_, AnyRow> for EncryptionKeyRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("id")?,
            created_at: row.try_get("created_at")?,
            retired_at: row.try_get("retired_at")?,
        })
    }
}

impl Store {
    /// Returns all keys, from the oldest to the newest.
    pub async fn encryption_keys(&self) -> Result<Vec<EncryptionKeyRow>> {
        let sql = "select id, created_at, retired_at from encryption_keys order by created_at, id";
        Ok(sqlx::query_as(sql).fetch_all(self.pool()).await?)
    }

    /// Records that a server encrypts with a key.
    pub async fn record_encryption_key(&self, id: KeyId, now: i64) -> Result<()> {
        sqlx::query(
            "insert into encryption_keys (id, created_at) values ($1, $2)
             on conflict (id) do update set retired_at = null",
        )
        .bind(id.to_string())
        .bind(now)
        .execute(self.writer())
        .await?;
        Ok(())
    }

    /// Records that all values are encrypted with another key than this.
    pub async fn retire_encryption_key(&self, id: KeyId, now: i64) -> Result<()> {
        sqlx::query("update encryption_keys set retired_at = $1 where id = $2")
            .bind(now)
            .bind(id.to_string())
            .execute(self.writer())
            .await?;
        Ok(())
    }

    /// Counts the idempotency keys of requests between two times (milliseconds).
    pub async fn count_idempotency_keys(&self, after: i64, before: i64) -> Result<i64> {
        let sql = "select count(*) from idempotency_keys where created_at > $1 and created_at < $2";
        Ok(sqlx::query_scalar(sql)
            .bind(after)
            .bind(before)
            .fetch_one(self.pool())
            .await?)
    }

    /// Counts the open invoices that were created before a time (milliseconds).
    pub async fn count_open_invoices(&self, before: i64) -> Result<i64> {
        let sql = "select count(*) from invoices where status = 'open' and created_at < $1";
        Ok(sqlx::query_scalar(sql)
            .bind(before)
            .fetch_one(self.pool())
            .await?)
    }
}
