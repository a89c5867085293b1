//! The table `event_attempts`: attempts to deliver callbacks.

use super::column::{Columns, to_json};
use super::conditions::unindexed;
use super::event_claims::{CLAIMED, is_first};
use super::pending_event::PendingEvent;
use super::{Result, Store, Tx};
use serde_json::json;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow};
use std::collections::HashMap;
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

/// What was recorded.
pub struct Recorded<'a> {
    /// The attempts that are not recorded, because another transaction has locked their callbacks: one that waited
    /// for it with other callbacks locked could wait for ever.
    pub skipped: Vec<&'a Attempted>,
    /// The invoices' callbacks that waited for these attempts only. They are claimed.
    pub next: Vec<PendingEvent>,
}

impl Store {
    /// Records attempts in one transaction and updates their callbacks accordingly. The next callbacks of their
    /// invoices are claimed until `lease_until` (milliseconds); without it, they become due.
    pub async fn record_attempts<'a>(
        &self,
        attempted: &'a [Attempted],
        now: i64,
        lease_until: Option<i64>,
    ) -> Result<Recorded<'a>> {
        let lock = self.engine.for_update_skip_locked();
        self.record(attempted, lock, now, lease_until).await
    }

    /// Records an attempt as [`record_attempts`](Self::record_attempts) does, and waits for a transaction that has
    /// locked its callback.
    pub async fn record_attempt(
        &self,
        attempted: &Attempted,
        now: i64,
        lease_until: Option<i64>,
    ) -> Result<Vec<PendingEvent>> {
        let attempted = std::slice::from_ref(attempted);
        let recorded = self.record(attempted, "", now, lease_until).await?;
        if recorded.skipped.is_empty() {
            Ok(recorded.next)
        } else {
            Err(sqlx::Error::RowNotFound.into())
        }
    }

    /// `lock`: the clause that leaves out locked callbacks, or none.
    async fn record<'a>(
        &self,
        attempted: &'a [Attempted],
        lock: &str,
        now: i64,
        lease_until: Option<i64>,
    ) -> Result<Recorded<'a>> {
        let mut tx = self.begin().await?;
        let numbers = update_events(&mut tx, attempted, lock).await?;
        let (recorded, skipped): (Vec<_>, Vec<_>) = attempted
            .iter()
            .partition(|one| numbers.contains_key(one.event.as_str()));
        insert_attempts(&mut tx, &recorded, &numbers).await?;
        let next = update_next(&mut tx, &recorded, now, lease_until).await?;
        tx.commit().await?;
        Ok(Recorded { skipped, next })
    }

    /// Returns the attempts to deliver several callbacks, each with its callback. The first one of a callback
    /// is first.
    pub async fn attempts_of_all(&self, events: &[&EventId]) -> Result<Vec<(EventId, Attempt)>> {
        let sql = format!(
            "select event, at, duration_ms, status, error, answer from event_attempts
             where {} order by event, number",
            self.engine.among("event", &self.engine.texts("$1"))
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

/// Updates callbacks after attempts, but for those that are locked if `lock` is the clause that leaves them out.
/// Returns the number of each attempt by its callback. A callback that became `unsent` during the attempt stays
/// so, unless it was delivered.
async fn update_events(
    tx: &mut Tx,
    attempted: &[Attempted],
    lock: &str,
) -> Result<HashMap<String, i64>> {
    let ended: Vec<_> = attempted
        .iter()
        .map(|one| {
            let at = one.attempt.at;
            let (state, next_at, refused_until, delivered_at) = match one.next {
                Next::Delivered => (DeliveryState::Delivered, None, None, Some(at)),
                Next::Retry { at, refused } => {
                    let refused_until = refused.then_some(at);
                    (DeliveryState::Pending, Some(at), refused_until, None)
                }
                Next::Failed => (DeliveryState::Failed, None, None, None),
                Next::Unsent => (DeliveryState::Unsent, None, None, None),
            };
            json!({
                "event": one.event, "state": state, "next_at": next_at,
                "refused_until": refused_until, "delivered_at": delivered_at,
            })
        })
        .collect();
    let columns = [
        ("event", "text"),
        ("state", "text"),
        ("next_at", "bigint"),
        ("refused_until", "bigint"),
        ("delivered_at", "bigint"),
    ];
    let engine = tx.engine;
    let rows = engine.rows("$1", &columns);
    let listed = engine.among("id", &format!("select event from {rows} listed"));
    let unlocked = format!("select id from events where {listed}{lock}");
    let unlocked = engine.among("events.id", &unlocked);
    let sql = format!(
        "update events set attempts = attempts + 1,
         state = case when events.state = 'pending' or ended.state = 'delivered' then ended.state
             else events.state end,
         next_attempt_at = case when events.state = 'pending' then ended.next_at end,
         refused_until = ended.refused_until, leased_until = null,
         delivered_at = coalesce(events.delivered_at, ended.delivered_at)
         from {rows} ended where events.id = ended.event and {unlocked}
         returning id, attempts"
    );
    let updated: Vec<(String, i64)> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(to_json(&ended)?)
        .fetch_all(tx.conn())
        .await?;
    Ok(updated.into_iter().collect())
}

async fn insert_attempts(
    tx: &mut Tx,
    attempted: &[&Attempted],
    numbers: &HashMap<String, i64>,
) -> Result<()> {
    let made: Vec<_> = attempted
        .iter()
        .map(|Attempted { event, attempt, .. }| {
            json!({
                "event": event, "number": numbers.get(event.as_str()), "at": attempt.at,
                "duration_ms": attempt.duration_ms, "status": attempt.status,
                "error": attempt.error, "answer": attempt.answer,
            })
        })
        .collect();
    let columns = [
        ("event", "text"),
        ("number", "bigint"),
        ("at", "bigint"),
        ("duration_ms", "bigint"),
        ("status", "bigint"),
        ("error", "text"),
        ("answer", "text"),
    ];
    let insert = tx.engine.insert("event_attempts", &columns, "$1", "true");
    sqlx::query(AssertSqlSafe(format!("{insert} on conflict do nothing")))
        .bind(to_json(&made)?)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Claims the invoices' next callbacks that wait for no attempt any more, or makes them due. After an attempt
/// that is repeated, takes the due time from those that still wait. Callbacks that another transaction has locked
/// are left to it: claims check the order of all.
async fn update_next(
    tx: &mut Tx,
    attempted: &[&Attempted],
    now: i64,
    lease_until: Option<i64>,
) -> Result<Vec<PendingEvent>> {
    let (repeated, ended): (Vec<_>, Vec<_>) = attempted
        .iter()
        .filter(|one| one.invoice.is_some())
        .partition(|one| matches!(one.next, Next::Retry { refused: false, .. }));
    let places = |of: &[&&Attempted]| {
        let place = |one: &&&Attempted| json!({ "invoice": one.invoice, "sequence": one.sequence });
        to_json(&of.iter().map(place).collect::<Vec<_>>())
    };
    let engine = tx.engine;
    let rows = engine.rows("$1", &[("invoice", "text"), ("sequence", "bigint")]);
    let later = format!(
        "select e.id from events e join {rows} ended
         on e.invoice = ended.invoice and e.sequence > ended.sequence
         where {} and {} = 'pending'",
        engine.among("e.invoice", &format!("select invoice from {rows} of")),
        unindexed("e.state")
    );
    let lock = engine.for_update_skip_locked();
    if !repeated.is_empty() {
        let waiting = format!("{later} and e.next_attempt_at <= $2{lock}");
        let sql = format!(
            "update events set next_attempt_at = null where {}",
            engine.among("id", &waiting)
        );
        sqlx::query(AssertSqlSafe(sql))
            .bind(places(&repeated)?)
            .bind(now)
            .execute(tx.conn())
            .await?;
    }
    if ended.is_empty() {
        return Ok(vec![]);
    }
    let first = format!(
        "{later} and e.next_attempt_at is null and {}{lock}",
        is_first("$2")
    );
    let sql = format!(
        "update events set next_attempt_at = $3, leased_until = $4 where {} returning {CLAIMED}",
        engine.among("id", &first)
    );
    let next: Vec<PendingEvent> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(places(&ended)?)
        .bind(now)
        .bind(lease_until.unwrap_or(now))
        .bind(lease_until)
        .fetch_all(tx.conn())
        .await?;
    if lease_until.is_some() {
        return Ok(next);
    }
    next.iter().for_each(|event| tx.made_due(&event.project));
    Ok(vec![])
}
