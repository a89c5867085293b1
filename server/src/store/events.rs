//! The outbox: callbacks written in the transaction of the change they tell of, and every attempt
//! to deliver them.

use super::{Result, Store, StoreError, Tx, word};
use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};
use till_shared::event::EventType;
use till_shared::id::{EventId, InvoiceId, ProjectId};

/// A callback to be written.
pub struct NewEvent<'a> {
    /// Its id.
    pub id: &'a EventId,
    /// For whom.
    pub project: &'a ProjectId,
    /// Whose order of delivery it keeps.
    pub invoice: Option<&'a InvoiceId>,
    /// Its place in that order.
    pub sequence: i64,
    /// What it tells.
    pub kind: EventType,
    /// The body, as it is signed and sent.
    pub body: &'a str,
    /// The transition it is about: there is one event for each.
    pub about: &'a str,
    /// Milliseconds.
    pub now: i64,
}

/// Writes a callback. Its first attempt is due at once.
pub async fn insert(tx: &mut Tx, new: &NewEvent<'_>) -> Result<()> {
    sqlx::query(
        "insert into events (id, project, invoice, sequence, type, body, about, state,
         next_attempt_at, created_at) values ($1, $2, $3, $4, $5, $6, $7, 'pending', $8, $8)",
    )
    .bind(new.id.as_str())
    .bind(new.project.as_str())
    .bind(new.invoice.map(InvoiceId::as_str))
    .bind(new.sequence)
    .bind(new.kind.as_str())
    .bind(new.body)
    .bind(new.about)
    .bind(new.now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A callback to be delivered.
#[derive(Debug, Clone)]
pub struct PendingEvent {
    /// Its id.
    pub id: EventId,
    /// For whom.
    pub project: ProjectId,
    /// The body.
    pub body: String,
    /// Attempts made before this one.
    pub attempts: i64,
}

impl FromRow<'_, SqliteRow> for PendingEvent {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        let decode = |e: StoreError| sqlx::Error::Decode(Box::new(e));
        Ok(Self {
            id: word(row.try_get("id")?).map_err(decode)?,
            project: word(row.try_get("project")?).map_err(decode)?,
            body: row.try_get("body")?,
            attempts: row.try_get("attempts")?,
        })
    }
}

/// One attempt to deliver, as it is kept.
#[derive(Debug)]
pub struct Attempt {
    /// Milliseconds.
    pub at: i64,
    /// How long it took.
    pub duration_ms: i64,
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
    /// The answer's beginning.
    pub answer: Option<String>,
}

/// What becomes of an event after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Delivered.
    Delivered,
    /// Again at this time (milliseconds).
    RetryAt(i64),
    /// Given up; kept for resending.
    Failed,
}

impl Store {
    /// Projects with a callback due.
    pub async fn projects_with_due_events(&self, now: i64) -> Result<Vec<ProjectId>> {
        let ids: Vec<String> = sqlx::query_scalar(
            "select distinct project from events where state = 'pending' and next_attempt_at <= $1",
        )
        .bind(now)
        .fetch_all(self.pool())
        .await?;
        ids.iter().map(|id| word(id)).collect()
    }

    /// Takes a project's due callbacks until `lease_until`: of each invoice only the first that is
    /// not settled, so that `sequence` is kept.
    pub async fn claim_due_events(
        &self,
        project: &ProjectId,
        now: i64,
        lease_until: i64,
        limit: i64,
    ) -> Result<Vec<PendingEvent>> {
        Ok(sqlx::query_as(
            "update events set next_attempt_at = $3 where id in
             (select e.id from events e
              where e.state = 'pending' and e.project = $1 and e.next_attempt_at <= $2
              and not exists (select 1 from events earlier where earlier.invoice = e.invoice
                  and earlier.sequence < e.sequence and earlier.state = 'pending')
              order by e.next_attempt_at limit $4)
             returning *",
        )
        .bind(project.as_str())
        .bind(now)
        .bind(lease_until)
        .bind(limit)
        .fetch_all(self.pool())
        .await?)
    }

    /// Records an attempt and what follows from it.
    pub async fn record_attempt(
        &self,
        event: &EventId,
        number: i64,
        attempt: &Attempt,
        next: Next,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "insert into event_attempts (event, number, at, duration_ms, status, error, answer)
             values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        )
        .bind(event.as_str())
        .bind(number)
        .bind(attempt.at)
        .bind(attempt.duration_ms)
        .bind(attempt.status)
        .bind(&attempt.error)
        .bind(&attempt.answer)
        .execute(&mut *tx)
        .await?;
        let (state, next_at, delivered) = match next {
            Next::Delivered => ("delivered", None, Some(attempt.at)),
            Next::RetryAt(at) => ("pending", Some(at), None),
            Next::Failed => ("failed", None, None),
        };
        sqlx::query(
            "update events set state = $1, next_attempt_at = $2, delivered_at = $3, attempts = $4
             where id = $5",
        )
        .bind(state)
        .bind(next_at)
        .bind(delivered)
        .bind(number)
        .bind(event.as_str())
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }
}
