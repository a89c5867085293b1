//! The tables `secret_keys` and `named_keys`: hashes of projects' secret keys. A key of `secret_keys` has all
//! scopes; `till project create` and `rotate-key` make it. Keys of `named_keys` have their own names and scopes.

use super::batch::{Batches, Statement};
use super::column::{Columns, to_json};
use super::{Result, Store, Tx};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use std::collections::{BTreeSet, HashMap};
use till_shared::id::{KeyId, ProjectId};

pub use crate::domain::access::KeyScope;

/// The name of a key of `secret_keys`.
pub const DEFAULT_NAME: &str = "default";

/// The keys of both tables. The id of a key of `secret_keys` is the beginning of its hash. Keys are random, so
/// that their hashes tell nothing about them.
macro_rules! keys {
    () => {
        "(select id as key_id, project as key_project, hash, name as key_name, scopes,
          created_at as key_created_at, last_used_at, valid_until from named_keys
          union all
          select 'key_' || substr(hash, 1, 32), project, hash, 'default', '[\"read\",\"write\",\"refund\"]',
          created_at, last_used_at, valid_until from secret_keys) all_keys"
    };
}

/// The id of the key of `secret_keys` with this hash.
pub fn default_id(hash: &str) -> KeyId {
    KeyId::from_unique(hash.get(..32).unwrap_or(hash))
}

/// A secret key. The key itself is not stored.
#[derive(Debug, Clone)]
pub struct SecretKey {
    /// The key's id.
    pub id: KeyId,
    /// The name that its project knows it by.
    pub name: String,
    /// The calls that it allows.
    pub scopes: Vec<KeyScope>,
    /// When it was created (milliseconds).
    pub created_at: i64,
    /// When it was last used (milliseconds), to the minute; `None` if it never was.
    pub last_used_at: Option<i64>,
    /// When it ends or ended (milliseconds); `None` if it has no end.
    pub valid_until: Option<i64>,
}

impl FromRow<'_, AnyRow> for SecretKey {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("key_id")?,
            name: row.try_get("key_name")?,
            scopes: row.json("scopes")?,
            created_at: row.try_get("key_created_at")?,
            last_used_at: row.try_get("last_used_at")?,
            valid_until: row.try_get("valid_until")?,
        })
    }
}

/// A secret key and the project that it belongs to.
#[derive(Debug, Clone)]
pub struct KeyOfProject {
    /// The key.
    pub key: SecretKey,
    /// The project.
    pub project: ProjectId,
    /// The version of the project.
    pub project_version: i64,
}

impl FromRow<'_, AnyRow> for KeyOfProject {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            key: SecretKey::from_row(row)?,
            project: row.parse("key_project")?,
            project_version: row.try_get("project_version")?,
        })
    }
}

/// Finds secret keys. Those that are asked for at the same time are found by one statement.
pub struct SecretKeys(Batches<FindKeys>);

struct FindKeys(Store);

impl SecretKeys {
    /// The secret keys of this database.
    pub fn new(store: Store) -> Self {
        Self(Batches::new(FindKeys(store)))
    }

    /// Returns the secret key with this hash, if it is valid at `now` (milliseconds).
    ///
    /// # Errors
    /// When the store fails.
    pub async fn find(&self, hash: String, now: i64) -> Result<Option<KeyOfProject>> {
        let found = self.0.call(hash).await?;
        Ok(found.filter(|found| found.key.valid_until.is_none_or(|end| end > now)))
    }
}

impl Statement for FindKeys {
    type Call = String;
    type Answer = Option<KeyOfProject>;

    async fn run(&self, hashes: &[String]) -> Result<Vec<Self::Answer>> {
        let distinct = hashes.iter().map(String::as_str).collect();
        let found = self.0.keys_of_projects(&distinct).await?;
        Ok(hashes.iter().map(|hash| found.get(hash).cloned()).collect())
    }
}

/// Inserts the hash of a project's new secret key with all scopes. Its earlier ones stay valid until
/// `old_until` (milliseconds) or their own end, whichever comes first. Named keys stay as they are.
pub async fn replace(
    tx: &mut Tx,
    project: &ProjectId,
    hash: &str,
    old_until: i64,
    now: i64,
) -> Result<()> {
    sqlx::query(
        "update secret_keys set valid_until = $1
         where project = $2 and (valid_until is null or valid_until > $1)",
    )
    .bind(old_until)
    .bind(project.as_str())
    .execute(tx.conn())
    .await?;
    sqlx::query("insert into secret_keys (hash, project, created_at) values ($1, $2, $3)")
        .bind(hash)
        .bind(project.as_str())
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Inserts a named key.
pub async fn insert(tx: &mut Tx, project: &ProjectId, hash: &str, new: &SecretKey) -> Result<()> {
    sqlx::query(
        "insert into named_keys (id, project, hash, name, scopes, created_at, valid_until)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(new.id.as_str())
    .bind(project.as_str())
    .bind(hash)
    .bind(&new.name)
    .bind(to_json(&new.scopes)?)
    .bind(new.created_at)
    .bind(new.valid_until)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Returns a project's key, valid or not.
pub async fn get(tx: &mut Tx, project: &ProjectId, id: &KeyId) -> Result<Option<SecretKey>> {
    let sql = concat!(
        "select key_id, key_name, scopes, key_created_at, last_used_at, valid_until from ",
        keys!(),
        " where key_project = $1 and key_id = $2"
    );
    Ok(sqlx::query_as(sql)
        .bind(project.as_str())
        .bind(id.as_str())
        .fetch_optional(tx.conn())
        .await?)
}

/// Ends a project's key now (milliseconds).
pub async fn end(tx: &mut Tx, project: &ProjectId, id: &KeyId, now: i64) -> Result<()> {
    for sql in [
        "update named_keys set valid_until = $1 where project = $2 and id = $3",
        "update secret_keys set valid_until = $1
         where project = $2 and 'key_' || substr(hash, 1, 32) = $3",
    ] {
        sqlx::query(sql)
            .bind(now)
            .bind(project.as_str())
            .bind(id.as_str())
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

impl Store {
    /// Returns the secret keys with these hashes, valid or not, each with its hash.
    pub async fn keys_of_projects(
        &self,
        hashes: &BTreeSet<&str>,
    ) -> Result<HashMap<String, KeyOfProject>> {
        // Most often there is one.
        let one = hashes.first().filter(|_| hashes.len() == 1);
        let (condition, value) = match one {
            Some(hash) => ("hash = $1".to_owned(), (*hash).to_owned()),
            None => (
                self.engine.among("hash", &self.engine.texts("$1")),
                to_json(hashes)?,
            ),
        };
        let sql = format!(
            concat!(
                "select hash, key_id, key_name, scopes, key_created_at, last_used_at, valid_until, key_project,
                  (select version from projects where projects.id = key_project) as project_version from ",
                keys!(),
                " where {}"
            ),
            condition
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(value)
            .fetch_all(self.pool())
            .await?;
        let read = |row: &AnyRow| Ok((row.try_get("hash")?, KeyOfProject::from_row(row)?));
        Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
    }

    /// Returns a project's keys, valid or not, from the newest to the oldest; those after the key `before`.
    pub async fn list_keys(
        &self,
        project: &ProjectId,
        before: Option<&KeyId>,
        limit: i64,
    ) -> Result<Vec<SecretKey>> {
        let sql = concat!(
            "select key_id, key_name, scopes, key_created_at, last_used_at, valid_until from ",
            keys!(),
            " where key_project = $1 and ($2 is null or (key_created_at, key_id) <
              (select key_created_at, key_id from ",
            keys!(),
            " where key_project = $1 and key_id = $2))
             order by key_created_at desc, key_id desc limit $3"
        );
        Ok(sqlx::query_as(sql)
            .bind(project.as_str())
            .bind(before.map(KeyId::as_str))
            .bind(limit)
            .fetch_all(self.pool())
            .await?)
    }

    /// Records that a key was used at `now` (milliseconds), unless it was used after `unless_since`.
    pub async fn record_key_use(&self, hash: &str, now: i64, unless_since: i64) -> Result<()> {
        for sql in [
            "update named_keys set last_used_at = $1
             where hash = $2 and (last_used_at is null or last_used_at <= $3)",
            "update secret_keys set last_used_at = $1
             where hash = $2 and (last_used_at is null or last_used_at <= $3)",
        ] {
            sqlx::query(sql)
                .bind(now)
                .bind(hash)
                .bind(unless_since)
                .execute(self.writer())
                .await?;
        }
        Ok(())
    }
}
