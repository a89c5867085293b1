//! Removal of what is older than its retention, a bounded number of rows at a time. Each statement finds
//! its rows by an index made for it, and leaves out rows that another server is working on.

use super::engine::Engine;
use super::{Result, Store};
use sqlx::AssertSqlSafe;

/// The most rows that one statement removes.
pub const BATCH: i64 = 200;

/// What is removed by its age alone.
#[derive(Debug, Clone, Copy)]
pub enum Expiring {
    /// Idempotency keys with their responses, by the time of the first request.
    IdempotencyKeys,
    /// Delivery attempts, by their time.
    Attempts,
    /// Records of payment systems' webhooks, by the time of receipt. The newest of each account stays, as
    /// the proof that its secret is right.
    Webhooks,
    /// Keys to which browsers encrypt cards, by the time of creation.
    CardEncryptionKeys,
    /// The reasons of refunds, by the refund's last change. Reasons of Till itself stay.
    RefundReasons,
}

/// How the rows are found and what happens to them.
struct Statement {
    action: &'static str,
    table: &'static str,
    key: &'static str,
    /// The indexed time.
    at: &'static str,
    /// The further condition.
    due: &'static str,
}

impl Expiring {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::IdempotencyKeys,
        Self::Attempts,
        Self::Webhooks,
        Self::CardEncryptionKeys,
        Self::RefundReasons,
    ];

    fn statement(self) -> Statement {
        match self {
            Self::IdempotencyKeys => Statement {
                action: "delete from idempotency_keys",
                table: "idempotency_keys",
                key: "scope, key",
                at: "created_at",
                due: "true",
            },
            Self::Attempts => Statement {
                action: "delete from event_attempts",
                table: "event_attempts",
                key: "event, number",
                at: "at",
                due: "true",
            },
            Self::Webhooks => Statement {
                action: "delete from connector_webhooks",
                table: "connector_webhooks",
                key: "connector, account, event_id",
                at: "received_at",
                due: "exists (select 1 from connector_webhooks newer
                      where newer.connector = connector_webhooks.connector
                      and newer.account = connector_webhooks.account
                      and newer.received_at > connector_webhooks.received_at)",
            },
            Self::CardEncryptionKeys => Statement {
                action: "delete from card_encryption_keys",
                table: "card_encryption_keys",
                key: "id",
                at: "created_at",
                due: "true",
            },
            Self::RefundReasons => Statement {
                action: "update refunds set reason = null",
                table: "refunds",
                key: "id",
                at: "updated_at",
                due: "reason is not null and duplicate = 0 and status <> 'pending'",
            },
        }
    }
}

impl Store {
    /// Removes rows of a kind that are as old as `until` (milliseconds) or older, at most [`BATCH`].
    /// Returns their number.
    pub async fn remove_expired(&self, kind: Expiring, until: i64) -> Result<i64> {
        let Statement {
            action,
            table,
            key,
            at,
            due,
        } = kind.statement();
        // The order makes PostgreSQL use the index, also where its statistics are old.
        let rows = format!("from {table} where {at} <= $1 and {due} order by {at}");
        if !self.any_row(&rows, until).await? {
            return Ok(0);
        }
        let remove = format!(
            "{action} where ({key}) in (select {key} {rows} limit $2{})",
            self.engine.skip_locked()
        );
        let done = sqlx::query(AssertSqlSafe(remove))
            .bind(until)
            .bind(BATCH)
            .execute(self.writer())
            .await?;
        Ok(i64::try_from(done.rows_affected()).unwrap_or(BATCH))
    }

    /// Whether there is a row to remove. `rows` begins with `from`, and its parameter is `until`. It is asked
    /// first, because SQLite locks the database for what may write, even if it then finds no row.
    pub(super) async fn any_row(&self, rows: &str, until: i64) -> Result<bool> {
        let any: Option<i32> =
            sqlx::query_scalar(AssertSqlSafe(format!("select 1 {rows} limit 1")))
                .bind(until)
                .fetch_optional(self.pool())
                .await?;
        Ok(any.is_some())
    }

    /// Writes what SQLite's log (`-wal`) still has into the database file and empties the log, which keeps
    /// what was removed until it is overwritten. Returns whether it is empty: another connection may be
    /// using it. PostgreSQL removes old rows itself.
    pub async fn empty_log(&self) -> Result<bool> {
        if self.engine == Engine::Postgres {
            return Ok(true);
        }
        let busy: i64 = sqlx::query_scalar("pragma wal_checkpoint(truncate)")
            .fetch_one(self.pool())
            .await?;
        Ok(busy == 0)
    }
}
