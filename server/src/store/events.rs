//! The outbox: callbacks written in the transaction of the change they tell of, and every attempt
//! to deliver them.

use super::{Result, Store, StoreError, Tx, word};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use till_shared::event::{DeliveryState, EventType};
use till_shared::id::{EventId, InvoiceId, ProjectId};

/// What is read of a row, by name: a server of this version goes on while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, project, invoice, sequence, type, body, about, state, attempts, resent_after, \
         next_attempt_at, created_at, delivered_at"
    };
}

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
    .execute(tx.conn())
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
    /// How many of them were made before it was last asked to be sent again.
    pub resent_after: i64,
}

impl FromRow<'_, AnyRow> for PendingEvent {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let decode = |e: StoreError| sqlx::Error::Decode(Box::new(e));
        Ok(Self {
            id: word(row.try_get("id")?).map_err(decode)?,
            project: word(row.try_get("project")?).map_err(decode)?,
            body: row.try_get("body")?,
            attempts: row.try_get("attempts")?,
            resent_after: row.try_get("resent_after")?,
        })
    }
}

/// A callback as it is kept.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Its id.
    pub id: EventId,
    /// The body.
    pub body: String,
    /// What became of it.
    pub state: DeliveryState,
    /// When it is tried next (milliseconds).
    pub next_attempt_at: Option<i64>,
    /// When it was delivered (milliseconds).
    pub delivered_at: Option<i64>,
}

impl FromRow<'_, AnyRow> for EventRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        let decode = |e: StoreError| sqlx::Error::Decode(Box::new(e));
        Ok(Self {
            id: word(row.try_get("id")?).map_err(decode)?,
            body: row.try_get("body")?,
            state: word(row.try_get("state")?).map_err(decode)?,
            next_attempt_at: row.try_get("next_attempt_at")?,
            delivered_at: row.try_get("delivered_at")?,
        })
    }
}

/// What a list of callbacks is narrowed to.
#[derive(Debug, Default)]
pub struct EventFilter {
    /// This type only.
    pub kind: Option<EventType>,
    /// Written after this one.
    pub after: Option<EventId>,
    /// Written after this time (milliseconds).
    pub after_time: Option<i64>,
    /// Older than this one: lists go from the newest to the oldest.
    pub before: Option<EventId>,
    /// At most so many.
    pub limit: i64,
}

/// One attempt to deliver, as it is kept.
#[derive(Debug, Clone, FromRow)]
pub struct Attempt {
    /// Milliseconds.
    pub at: i64,
    /// How long it took.
    pub duration_ms: i64,
    /// The HTTP status, if there was an answer.
    pub status: Option<i64>,
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
        Ok(sqlx::query_as(AssertSqlSafe(format!(
            concat!(
                "update events set next_attempt_at = $3 where id in
                 (select e.id from events e
                  where e.state = 'pending' and e.project = $1 and e.next_attempt_at <= $2
                  and not exists (select 1 from events earlier where earlier.invoice = e.invoice
                      and earlier.sequence < e.sequence and earlier.state = 'pending')
                  order by e.next_attempt_at limit $4{}) returning ",
                columns!()
            ),
            self.engine.skip_locked()
        )))
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
        .execute(tx.conn())
        .await?;
        let (state, next_at, delivered) = match next {
            Next::Delivered => (DeliveryState::Delivered, None, Some(attempt.at)),
            Next::RetryAt(at) => (DeliveryState::Pending, Some(at), None),
            Next::Failed => (DeliveryState::Failed, None, None),
        };
        sqlx::query(
            "update events set state = $1, next_attempt_at = $2,
             delivered_at = coalesce(delivered_at, $3), attempts = $4
             where id = $5 and state = 'pending'",
        )
        .bind(state.as_str())
        .bind(next_at)
        .bind(delivered)
        .bind(number)
        .bind(event.as_str())
        .execute(tx.conn())
        .await?;
        Ok(tx.commit().await?)
    }

    /// A project's callback.
    pub async fn event(&self, project: &ProjectId, id: &EventId) -> Result<Option<EventRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from events where id = $1 and project = $2"
        ))
        .bind(id.as_str())
        .bind(project.as_str())
        .fetch_optional(self.pool())
        .await?)
    }

    /// A project's callbacks, from the newest to the oldest.
    pub async fn list_events(
        &self,
        project: &ProjectId,
        filter: &EventFilter,
    ) -> Result<Vec<EventRow>> {
        Ok(sqlx::query_as(concat!(
            "select ",
            columns!(),
            " from events where project = $1
             and ($2 is null or type = $2)
             and ($3 is null or id > $3)
             and ($4 is null or created_at > $4)
             and ($5 is null or id < $5)
             order by id desc limit $6"
        ))
        .bind(project.as_str())
        .bind(filter.kind.map(EventType::as_str))
        .bind(filter.after.as_ref().map(EventId::as_str))
        .bind(filter.after_time)
        .bind(filter.before.as_ref().map(EventId::as_str))
        .bind(filter.limit)
        .fetch_all(self.pool())
        .await?)
    }

    /// Every attempt to deliver a callback, the first one first.
    pub async fn attempts_of(&self, event: &EventId) -> Result<Vec<Attempt>> {
        Ok(sqlx::query_as(
            "select at, duration_ms, status, error, answer from event_attempts
                 where event = $1 order by number",
        )
        .bind(event.as_str())
        .fetch_all(self.pool())
        .await?)
    }

    /// Makes a project's callback due now, with the whole schedule before it again.
    pub async fn resend_event(&self, project: &ProjectId, id: &EventId, now: i64) -> Result<()> {
        sqlx::query(
            "update events set state = 'pending', next_attempt_at = $1, resent_after = attempts
             where id = $2 and project = $3",
        )
        .bind(now)
        .bind(id.as_str())
        .bind(project.as_str())
        .execute(self.pool())
        .await?;
        Ok(())
    }
}
