//! The table `operators`: who may use the operator's API, with hashes of their tokens.

use super::column::Columns;
use super::{Result, Store, Tx};
use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

pub use crate::domain::access::Role;

/// The columns that are read, by name: a server keeps running while a newer one adds columns.
macro_rules! columns {
    () => {
        "name, role, created_at, last_used_at, valid_until"
    };
}

/// An operator. The token is not stored.
#[derive(Debug, Clone)]
pub struct OperatorRow {
    /// The name, which the audit log shows.
    pub name: String,
    /// What the operator may do.
    pub role: Role,
    /// When the token was created (milliseconds).
    pub created_at: i64,
    /// When the token was last used (milliseconds), to the minute; `None` if it never was.
    pub last_used_at: Option<i64>,
    /// When the token ends or ended (milliseconds); `None` if it has no end.
    pub valid_until: Option<i64>,
}

impl FromRow<'_, AnyRow> for OperatorRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            name: row.try_get("name")?,
            role: row.parse("role")?,
            created_at: row.try_get("created_at")?,
            last_used_at: row.try_get("last_used_at")?,
            valid_until: row.try_get("valid_until")?,
        })
    }
}

/// Inserts an operator with the hash of the token. Returns whether the name was free: one that has ended is.
pub async fn insert(tx: &mut Tx, hash: &str, new: &OperatorRow) -> Result<bool> {
    let done = sqlx::query(
        "insert into operators (name, role, hash, created_at, valid_until)
         values ($1, $2, $3, $4, $5)
         on conflict (name) do update set role = excluded.role, hash = excluded.hash,
         created_at = excluded.created_at, valid_until = excluded.valid_until, last_used_at = null
         where operators.valid_until is not null and operators.valid_until <= excluded.created_at",
    )
    .bind(&new.name)
    .bind(new.role.as_str())
    .bind(hash)
    .bind(new.created_at)
    .bind(new.valid_until)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Returns the operator with this name, valid or not, and locks the row until the transaction ends.
pub async fn lock(tx: &mut Tx, name: &str) -> Result<Option<OperatorRow>> {
    let sql = format!(
        concat!("select ", columns!(), " from operators where name = $1{}"),
        tx.engine.for_update()
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(name)
        .fetch_optional(tx.conn())
        .await?)
}

/// Ends an operator's token now (milliseconds).
pub async fn end(tx: &mut Tx, name: &str, now: i64) -> Result<()> {
    sqlx::query("update operators set valid_until = $1 where name = $2")
        .bind(now)
        .bind(name)
        .execute(tx.conn())
        .await?;
    Ok(())
}

impl Store {
    /// Returns the operator whose token has this hash, if it is valid at `now` (milliseconds).
    pub async fn operator_by_hash(&self, hash: &str, now: i64) -> Result<Option<OperatorRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from operators where hash = $1 and (valid_until is null or valid_until > $2)"
        ))
        .bind(hash)
        .bind(now)
        .fetch_optional(self.pool())
        .await?)
    }

    /// Whether there is an operator, valid or not.
    pub async fn has_operators(&self) -> Result<bool> {
        let found: Option<String> = sqlx::query_scalar("select name from operators limit 1")
            .fetch_optional(self.pool())
            .await?;
        Ok(found.is_some())
    }

    /// Returns the operators after this name, valid or not, by name.
    pub async fn list_operators(
        &self,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<OperatorRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from operators where ($1 is null or name > $1) order by name limit $2"
        ))
        .bind(after)
        .bind(limit)
        .fetch_all(self.pool())
        .await?)
    }

    /// Records that a token was used at `now` (milliseconds), unless it was used after `unless_since`.
    pub async fn record_operator_use(&self, hash: &str, now: i64, unless_since: i64) -> Result<()> {
        sqlx::query(
            "update operators set last_used_at = $1
             where hash = $2 and (last_used_at is null or last_used_at <= $3)",
        )
        .bind(now)
        .bind(hash)
        .bind(unless_since)
        .execute(self.writer())
        .await?;
        Ok(())
    }
}
