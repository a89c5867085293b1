//! The table `event_attempts`: attempts to deliver callbacks.

use super::column::{Columns, to_json};
use super::{Result, Store, Tx};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow};
use till_shared::event::DeliveryState;
use till_shared::id::{EventId, InvoiceId};

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

/// What happens to a callback after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It is delivered.
    Delivered,
    /// There is another attempt.
    Retry {
        /// When it is due (milliseconds).
        at: i64,
        /// Whether the endpoint refused this callback. Later ones of the invoice do not wait for it.
        refused: bool,
    },
    /// There are no more attempts; it can be resent.
    Failed,
    /// The endpoint answered 410, which turns it off.
    Unsent,
}

/// The outcome of an attempt.
#[derive(Debug, Clone)]
pub struct Attempted {
    /// The callback.
    pub event: EventId,
    /// The invoice whose callbacks are delivered in order.
    pub invoice: Option<InvoiceId>,
    /// The position in that order.
    pub sequence: i64,
    /// The attempt.
    pub attempt: Attempt,
    /// What happens next.
    pub next: Next,
}

impl Store {
    /// Records an attempt and updates its callback accordingly. If the next callback of the invoice waits no
    /// longer, it becomes due.
    pub async fn record_attempt(&self, attempted: &Attempted) -> Result<()> {
        let mut tx = self.begin().await?;
        record(&mut tx, attempted).await?;
        Ok(tx.commit().await?)
    }

    /// Records attempts in one transaction. Returns those that are not recorded, because another transaction has
    /// locked their callbacks: one that waited for it with other callbacks locked could wait for ever.
    pub async fn record_attempts<'a>(
        &self,
        attempted: &'a [Attempted],
    ) -> Result<Vec<&'a Attempted>> {
        let mut tx = self.begin().await?;
        let ids: Vec<_> = attempted.iter().map(|one| &one.event).collect();
        let sql = format!(
            "select id from events where id in ({}){}",
            self.engine.texts("$1"),
            self.engine.for_update_skip_locked()
        );
        let locked: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(to_json(&ids)?)
            .fetch_all(tx.conn())
            .await?;
        let (mine, others): (Vec<_>, Vec<_>) = attempted
            .iter()
            .partition(|one| locked.iter().any(|id| id == one.event.as_str()));
        for one in mine {
            record(&mut tx, one).await?;
        }
        tx.commit().await?;
        Ok(others)
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

async fn record(tx: &mut Tx, attempted: &Attempted) -> Result<()> {
    let number = update_event(tx, attempted).await?;
    insert_attempt(tx, &attempted.event, number, &attempted.attempt).await?;
    if let Some(invoice) = &attempted.invoice {
        update_next(tx, invoice, attempted).await?;
    }
    Ok(())
}

/// Returns the number of the attempt. A callback that became `unsent` during the attempt stays so, unless it
/// was delivered.
async fn update_event(tx: &mut Tx, attempted: &Attempted) -> Result<i64> {
    let at = attempted.attempt.at;
    let (state, next_at, refused_until, delivered) = match attempted.next {
        Next::Delivered => (DeliveryState::Delivered, None, None, Some(at)),
        Next::Retry { at, refused } => {
            let refused_until = refused.then_some(at);
            (DeliveryState::Pending, Some(at), refused_until, None)
        }
        Next::Failed => (DeliveryState::Failed, None, None, None),
        Next::Unsent => (DeliveryState::Unsent, None, None, None),
    };
    let updated = sqlx::query_scalar(
        "update events set attempts = attempts + 1,
         state = case when state = 'pending' or $1 = 'delivered' then $1 else state end,
         next_attempt_at = case when state = 'pending' then cast($2 as bigint) end,
         refused_until = $3, leased_until = null, delivered_at = coalesce(delivered_at, $4)
         where id = $5 returning attempts",
    )
    .bind(state.as_str())
    .bind(next_at)
    .bind(refused_until)
    .bind(delivered)
    .bind(attempted.event.as_str());
    Ok(updated.fetch_one(tx.conn()).await?)
}

async fn insert_attempt(
    tx: &mut Tx,
    event: &EventId,
    number: i64,
    attempt: &Attempt,
) -> Result<()> {
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
    Ok(())
}

/// Makes the invoice's next callback due, if it waited for this attempt only. Otherwise takes the due time from
/// those that still wait. Callbacks that another transaction has locked are left to it: claims check the order
/// of all.
async fn update_next(tx: &mut Tx, invoice: &InvoiceId, attempted: &Attempted) -> Result<()> {
    let skip_locked = tx.engine.for_update_skip_locked();
    let sql = match attempted.next {
        Next::Retry { refused: false, .. } => format!(
            "update events set next_attempt_at = null where id in
             (select id from events where invoice = $1 and sequence > $2 and state = 'pending'
              and next_attempt_at <= $3{skip_locked})"
        ),
        Next::Delivered | Next::Retry { .. } | Next::Failed | Next::Unsent => format!(
            "update events set next_attempt_at = $3 where id in
             (select id from events where invoice = $1 and sequence > $2 and state = 'pending'
              and next_attempt_at is null order by sequence limit 1{skip_locked})"
        ),
    };
    let now = attempted.attempt.at + attempted.attempt.duration_ms;
    sqlx::query(AssertSqlSafe(sql))
        .bind(invoice.as_str())
        .bind(attempted.sequence)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}
