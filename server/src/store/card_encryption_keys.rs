//! The table `card_encryption_keys`: the keys to which browsers encrypt cards.

use super::{Result, Store};

/// A key.
#[derive(sqlx::FromRow)]
pub struct CardEncryptionKeyRow {
    /// The id, by which a ciphertext names the key.
    pub id: String,
    /// The private key, encrypted.
    pub private_key: String,
}

impl Store {
    /// Returns the key of a day (a number of days since 1970-01-01 UTC).
    pub async fn card_encryption_key_of(&self, day: i64) -> Result<Option<CardEncryptionKeyRow>> {
        let sql = "select id, private_key from card_encryption_keys where day = $1";
        Ok(sqlx::query_as(sql)
            .bind(day)
            .fetch_optional(self.pool())
            .await?)
    }

    /// Returns a key that was created after `since` (milliseconds).
    pub async fn card_encryption_key(
        &self,
        id: &str,
        since: i64,
    ) -> Result<Option<CardEncryptionKeyRow>> {
        let sql =
            "select id, private_key from card_encryption_keys where id = $1 and created_at > $2";
        Ok(sqlx::query_as(sql)
            .bind(id)
            .bind(since)
            .fetch_optional(self.pool())
            .await?)
    }

    /// Inserts the key of a day, unless another server was first.
    pub async fn insert_card_encryption_key(
        &self,
        key: &CardEncryptionKeyRow,
        day: i64,
        now: i64,
    ) -> Result<()> {
        sqlx::query(
            "insert into card_encryption_keys (id, day, private_key, created_at)
             values ($1, $2, $3, $4) on conflict (day) do nothing",
        )
        .bind(&key.id)
        .bind(day)
        .bind(&key.private_key)
        .bind(now)
        .execute(self.writer())
        .await?;
        Ok(())
    }
}
