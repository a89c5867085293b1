//! The table `event_attempts`: attempts to deliver callbacks.

use super::column::{Columns, to_json};
use super::events::Next;
use super::{Result, Store};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow};
use till_shared::event::DeliveryState;
use till_shared::id::EventId;

/// An attempt to deliver a callback.
#[derive(Debug, Clone, FromRow)]
pub struct Attempt {
    /// When it was made (milliseconds).
    pub at: i64,
    /// How long it took, in milliseconds.
    pub duration_ms: i64,
    /// The HTTP status, if the endpoint answered.
    pub status: Option<i64>,
    /// Why there was no answer.
    pub error: Option<String>,
    /// The first part of the answer's body.
    pub answer: Option<String>,
}

impl Store {
    /// Records an attempt and updates the callback accordingly.
    pub async fn record_attempt(
        &self,
        event: &EventId,
        attempt: &Attempt,
        next: Next,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let number = "update events set attempts = attempts + 1 where id = $1 returning attempts";
        let number: i64 = sqlx::query_scalar(number)
            .bind(event.as_str())
            .fetch_one(tx.conn())
            .await?;
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
        let (state, next_at, refused_until, delivered) = match next {
            Next::Delivered => (DeliveryState::Delivered, None, None, Some(attempt.at)),
            Next::Retry { at, refused } => {
                let refused_until = refused.then_some(at);
                (DeliveryState::Pending, Some(at), refused_until, None)
            }
            Next::Failed => (DeliveryState::Failed, None, None, None),
            Next::Unsent => (DeliveryState::Unsent, None, None, None),
        };
        // A callback that became `unsent` during the attempt stays so, unless it was delivered.
        sqlx::query(
            "update events set state = $1, next_attempt_at = $2, refused_until = $3,
             leased_until = null, delivered_at = coalesce(delivered_at, $4)
             where id = $5 and (state = 'pending' or $1 = 'delivered')",
        )
        .bind(state.as_str())
        .bind(next_at)
        .bind(refused_until)
        .bind(delivered)
        .bind(event.as_str())
        .execute(tx.conn())
        .await?;
        Ok(tx.commit().await?)
    }

    /// Returns the attempts to deliver several callbacks, each with its callback. The first one of a callback
    /// is first.
    pub async fn attempts_of_all(&self, events: &[&EventId]) -> Result<Vec<(EventId, Attempt)>> {
        let sql = format!(
            "select event, at, duration_ms, status, error, answer from event_attempts
             where event in ({}) order by event, number",
            self.engine.texts("$1")
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(to_json(&events)?)
            .fetch_all(self.pool())
            .await?;
        let read = |row: &AnyRow| Ok((row.parse("event")?, Attempt::from_row(row)?));
        Ok(rows.iter().map(read).collect::<sqlx::Result<_>>()?)
    }

    /// Returns the attempts to deliver a callback, the first one first.
    pub async fn attempts_of(&self, event: &EventId) -> Result<Vec<Attempt>> {
        Ok(sqlx::query_as(
            "select at, duration_ms, status, error, answer from event_attempts
                 where event = $1 order by number",
        )
        .bind(event.as_str())
        .fetch_all(self.pool())
        .await?)
    }
}
