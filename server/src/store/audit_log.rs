//! The table `audit_log`, whose entries form a chain, and `audit_head`, the newest entry of the chain.

use super::database::Audited;
use super::list::{InvoiceLink, List, Table};
use super::{Result, Store, Tx};
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use till_shared::id::ProjectId;

/// The columns that are read, by name: a server keeps running while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, seq, at, actor, actor_id, actor_name, origin, action, project, subject, detail,
         state_before, state_after, previous_hash, hash"
    };
}

/// The list of entries.
const TABLE: Table = Table {
    name: "audit_log",
    columns: columns!(),
    prefix: "",
    time: "at",
    invoice: InvoiceLink::None,
};

/// An entry, by its columns. It is hashed as JSON with these names. JSON columns are the texts that are
/// stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditRow {
    /// The entry's id, which sorts by time.
    pub id: String,
    /// When (milliseconds).
    pub at: i64,
    /// What kind of actor made the change: `operator`, `key` or `command`.
    pub actor: String,
    /// The id of a key.
    pub actor_id: Option<String>,
    /// The name of the operator, of the key, or of the command's user. `None` in entries of an earlier
    /// version.
    pub actor_name: Option<String>,
    /// The address of the client, or the name of the command's host.
    pub origin: Option<String>,
    /// What was done, for example `payment.resolve`.
    pub action: String,
    /// The project that it concerns.
    pub project: Option<String>,
    /// The id of what it was done to.
    pub subject: String,
    /// The particulars, as JSON.
    pub detail: String,
    /// What the change replaced, as JSON.
    pub state_before: Option<String>,
    /// What the change made, as JSON.
    pub state_after: Option<String>,
}

/// The place of an entry in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The entry's number, from 1.
    pub seq: i64,
    /// The hash of the entry before.
    pub previous_hash: String,
    /// The entry's own hash.
    pub hash: String,
}

/// A stored entry. Columns that only a chained entry has may be null.
#[derive(Debug, Clone)]
pub struct StoredEntry {
    /// The entry.
    pub row: AuditRow,
    /// Its number; `None` if a server of before the chain wrote it.
    pub seq: Option<i64>,
    /// The hash of the entry before.
    pub previous_hash: Option<String>,
    /// Its own hash.
    pub hash: Option<String>,
}

impl FromRow<'_, AnyRow> for StoredEntry {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            row: AuditRow {
                id: row.try_get("id")?,
                at: row.try_get("at")?,
                actor: row.try_get("actor")?,
                actor_id: row.try_get("actor_id")?,
                actor_name: row.try_get("actor_name")?,
                origin: row.try_get("origin")?,
                action: row.try_get("action")?,
                project: row.try_get("project")?,
                subject: row.try_get("subject")?,
                detail: row.try_get("detail")?,
                state_before: row.try_get("state_before")?,
                state_after: row.try_get("state_after")?,
            },
            seq: row.try_get("seq")?,
            previous_hash: row.try_get("previous_hash")?,
            hash: row.try_get("hash")?,
        })
    }
}

/// The newest entry of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 before the first entry.
    pub seq: i64,
    /// Its hash.
    pub hash: String,
}

impl FromRow<'_, AnyRow> for Head {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            seq: row.try_get("seq")?,
            hash: row.try_get("hash")?,
        })
    }
}

/// Returns the head of the chain and locks it until the transaction ends, so that entries are appended one
/// after another, on all servers. `first` is the hash before the first entry. A transaction locks the head
/// after everything else.
pub async fn lock_head(tx: &mut Tx, first: &str) -> Result<Head> {
    sqlx::query(
        "insert into audit_head (name, seq, hash) values ('head', 0, $1)
         on conflict (name) do nothing",
    )
    .bind(first)
    .execute(tx.conn())
    .await?;
    let sql = format!(
        "select seq, hash from audit_head where name = 'head'{}",
        tx.engine.for_update()
    );
    Ok(sqlx::query_as(AssertSqlSafe(sql))
        .fetch_one(tx.conn())
        .await?)
}

/// Appends an entry to the chain, whose head the transaction has locked.
pub async fn append(tx: &mut Tx, new: &AuditRow, link: &Link) -> Result<()> {
    sqlx::query(
        "insert into audit_log (id, seq, at, actor, actor_id, actor_name, origin, action, project,
         subject, detail, state_before, state_after, previous_hash, hash)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
    )
    .bind(&new.id)
    .bind(link.seq)
    .bind(new.at)
    .bind(&new.actor)
    .bind(&new.actor_id)
    .bind(&new.actor_name)
    .bind(&new.origin)
    .bind(&new.action)
    .bind(&new.project)
    .bind(&new.subject)
    .bind(&new.detail)
    .bind(&new.state_before)
    .bind(&new.state_after)
    .bind(&link.previous_hash)
    .bind(&link.hash)
    .execute(tx.conn())
    .await?;
    sqlx::query("update audit_head set seq = $1, hash = $2 where name = 'head'")
        .bind(link.seq)
        .bind(&link.hash)
        .execute(tx.conn())
        .await?;
    tx.audited(Audited {
        seq: link.seq,
        hash: link.hash.clone(),
        action: new.action.clone(),
        subject: new.subject.clone(),
    });
    Ok(())
}

/// Which entries to list.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only entries about this project.
    pub project: Option<ProjectId>,
    /// Only entries with this action.
    pub action: Option<String>,
    /// Only entries of the operator, the key or the user with this name, or of the key with this id.
    pub actor: Option<String>,
    /// Only entries about the object with this id.
    pub subject: Option<String>,
    /// Only entries after this time (milliseconds).
    pub created_after: Option<i64>,
    /// Only entries before this time (milliseconds).
    pub created_before: Option<i64>,
    /// Only entries with a smaller id.
    pub before: Option<String>,
}

impl Store {
    /// Returns entries, from the newest to the oldest.
    pub async fn list_audit(&self, filter: &Filter, limit: i64) -> Result<Vec<StoredEntry>> {
        let mut list = List::new(self, TABLE);
        list.equal("subject", filter.subject.as_deref());
        list.any_equal(&["actor_name", "actor_id"], filter.actor.as_deref());
        list.equal("project", filter.project.as_ref().map(ProjectId::as_str));
        list.equal("action", filter.action.as_deref());
        list.created(filter.created_after, filter.created_before);
        list.before(filter.before.as_deref());
        list.fetch(self, limit).await
    }

    /// Returns entries of the chain in its order: those after the number and id of the last one read.
    pub async fn audit_chain(
        &self,
        after: Option<(i64, &str)>,
        limit: i64,
    ) -> Result<Vec<StoredEntry>> {
        let (seq, id) = after.unwrap_or((0, ""));
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from audit_log where (seq, id) > ($1, $2)
              order by seq, id limit $3"
        ))
        .bind(seq)
        .bind(id)
        .bind(limit)
        .fetch_all(self.pool())
        .await?)
    }

    /// Returns the head of the chain; `None` before the first entry.
    pub async fn audit_head(&self) -> Result<Option<Head>> {
        let sql = "select seq, hash from audit_head where name = 'head'";
        Ok(sqlx::query_as(sql).fetch_optional(self.pool()).await?)
    }

    /// Counts the entries that are not part of the chain.
    pub async fn count_unchained(&self) -> Result<i64> {
        let sql = "select count(*) from audit_log where seq is null";
        Ok(sqlx::query_scalar(sql).fetch_one(self.pool()).await?)
    }
}
