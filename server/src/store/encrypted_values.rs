//! The encrypted values of all tables, for replacing the key that they are encrypted with.

use super::{Result, Store};
use crate::crypto::{EncryptedColumn, KeyId};
use sqlx::{AssertSqlSafe, FromRow};
use strum::VariantArray;

/// The characters of a ciphertext that name its key ([`KeyId::prefix`]).
const PREFIX: usize = 8;

/// Where a column is.
struct Place {
    table: &'static str,
    column: &'static str,
    /// The table's key, as two columns or constants.
    key: [&'static str; 2],
}

impl Place {
    fn of(column: EncryptedColumn) -> Self {
        match column {
            EncryptedColumn::SigningSecrets => Self {
                table: "projects",
                column: "signing_secrets",
                key: ["id", "''"],
            },
            EncryptedColumn::Credentials => Self {
                table: "connector_accounts",
                column: "credentials",
                key: ["kind", "account"],
            },
            EncryptedColumn::Responses => Self {
                table: "idempotency_keys",
                column: "answer",
                key: ["scope", "key"],
            },
            EncryptedColumn::CaptchaSecret => Self {
                table: "projects",
                column: "captcha_secret",
                key: ["id", "''"],
            },
            EncryptedColumn::CardEncryptionKeys => Self {
                table: "card_encryption_keys",
                column: "private_key",
                key: ["id", "''"],
            },
        }
    }
}

/// A row of an encrypted column.
#[derive(Debug, FromRow)]
pub struct EncryptedRow {
    /// The first part of the row's key.
    pub first: String,
    /// The second part of the row's key; empty where the key has one part.
    pub second: String,
    /// The value of the column: a ciphertext, or JSON with several.
    pub value: String,
}

impl Store {
    /// Returns up to `limit` rows after a row, by their keys.
    pub async fn encrypted_rows(
        &self,
        column: EncryptedColumn,
        after: Option<&EncryptedRow>,
        limit: i64,
    ) -> Result<Vec<EncryptedRow>> {
        let Place {
            table,
            column,
            key: [first, second],
        } = Place::of(column);
        // The comparison of rows and the order let both databases read on in the index of the table's key.
        let sql = format!(
            "select {first} as first, {second} as second, {column} as value from {table}
             where ({first}, {second}) > ($1, $2) and {column} is not null
             order by 1, 2 limit $3"
        );
        Ok(sqlx::query_as(AssertSqlSafe(sql))
            .bind(after.map_or("", |row| &row.first))
            .bind(after.map_or("", |row| &row.second))
            .bind(limit)
            .fetch_all(self.pool())
            .await?)
    }

    /// Replaces the value of a row, unless it has changed since it was read. Returns whether it was replaced.
    pub async fn replace_encrypted(
        &self,
        column: EncryptedColumn,
        read: &EncryptedRow,
        value: &str,
    ) -> Result<bool> {
        let Place {
            table,
            column,
            key: [first, second],
        } = Place::of(column);
        let sql = format!(
            "update {table} set {column} = $1
             where {first} = $2 and {second} = $3 and {column} = $4"
        );
        let done = sqlx::query(AssertSqlSafe(sql))
            .bind(value)
            .bind(&read.first)
            .bind(&read.second)
            .bind(&read.value)
            .execute(self.writer())
            .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Returns whether any value names this key. One that a server of before the ids wrote names none.
    pub async fn any_encrypted_with(&self, key: KeyId) -> Result<bool> {
        for column in EncryptedColumn::VARIANTS {
            let place = Place::of(*column);
            let (table, name) = (place.table, place.column);
            let condition = if column.is_list() {
                // No other text of the list can contain a key's id after a quotation mark.
                format!("replace({name}, '\"' || $1, '') <> {name}")
            } else {
                format!("substr({name}, 1, {PREFIX}) = $1 and {name} is not null")
            };
            let sql = format!(
                "select count(*) from (select 1 from {table} where {condition} limit 1) as one"
            );
            let found: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(key.prefix())
                .fetch_one(self.pool())
                .await?;
            if found > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
