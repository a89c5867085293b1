//! The table `events`: data that are removed from the bodies. What stays is an event without data, which
//! servers of every version can read.

use super::column::{Columns, to_json};
use super::{Result, Store, Tx};
use crate::clock;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use till_shared::event::{Event, EventData, EventType};
use till_shared::id::{EventId, InvoiceId, ProjectId};

/// The most events whose data one transaction removes.
pub const BATCH: i64 = 50;

/// A callback whose data are removed.
struct Envelope {
    id: EventId,
    project: ProjectId,
    kind: EventType,
    sequence: i64,
    created_at: i64,
}

/// The columns of an [`Envelope`].
const COLUMNS: &str = "id, project, type, sequence, created_at";

impl FromRow<'_, AnyRow> for Envelope {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("id")?,
            project: row.parse("project")?,
            kind: row.parse("type")?,
            sequence: row.try_get("sequence")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

/// Removes the data of an invoice's callbacks, except those that are to be sent. Returns their number.
pub async fn remove_of_invoice(tx: &mut Tx, invoice: &InvoiceId, now: i64) -> Result<i64> {
    let sql = format!(
        "select {COLUMNS} from events
         where invoice = $1 and state <> 'pending' and data_removed_at is null"
    );
    let rows: Vec<Envelope> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(invoice.as_str())
        .fetch_all(tx.conn())
        .await?;
    remove(tx, rows, now).await
}

async fn remove(tx: &mut Tx, rows: Vec<Envelope>, now: i64) -> Result<i64> {
    let mut removed = 0;
    for row in rows {
        let event = Event {
            id: row.id,
            r#type: row.kind,
            sequence: row.sequence,
            created_at: clock::rfc3339(row.created_at),
            project: row.project,
            data: EventData::default(),
        };
        let done = sqlx::query(
            "update events set body = $1, data_removed_at = $2
             where id = $3 and state <> 'pending' and data_removed_at is null",
        )
        .bind(to_json(&event)?)
        .bind(now)
        .bind(event.id.as_str())
        .execute(tx.conn())
        .await?;
        removed += i64::try_from(done.rows_affected()).unwrap_or(0);
    }
    Ok(removed)
}

impl Store {
    /// Removes the data of callbacks that were delivered and created at `delivered` (milliseconds) or
    /// earlier, or were not delivered and created at `undelivered` or earlier, at most [`BATCH`] of each.
    /// Returns the larger of the two numbers.
    pub async fn remove_event_data(
        &self,
        delivered: i64,
        undelivered: i64,
        now: i64,
    ) -> Result<i64> {
        let mut most = 0;
        for (state, until) in [
            ("delivered", delivered),
            ("failed", undelivered),
            ("unsent", undelivered),
        ] {
            most = most.max(self.remove_data_in(state, until, now).await?);
        }
        Ok(most)
    }

    async fn remove_data_in(&self, state: &str, until: i64, now: i64) -> Result<i64> {
        // With the conditions of the index `events_with_data`.
        let due = format!(
            "from events where state = '{state}' and created_at <= $1 and data_removed_at is null
             and state <> 'pending' order by created_at"
        );
        if !self.any_row(&due, until).await? {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let sql = format!(
            "select {COLUMNS} {due} limit $2{}",
            self.engine.for_update_skip_locked()
        );
        let rows: Vec<Envelope> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(until)
            .bind(BATCH)
            .fetch_all(tx.conn())
            .await?;
        let removed = remove(&mut tx, rows, now).await?;
        tx.commit().await?;
        Ok(removed)
    }
}
