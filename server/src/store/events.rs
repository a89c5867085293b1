//! The table `events`: callbacks, inserted in the transaction of the change they report.

use super::batch::{Batches, Statement};
use super::column::{Columns, to_json};
use super::due::{Due, LEASE_MS};
use super::effects::Effects;
use super::list::{InvoiceLink, List, Table};
use super::pending_event::PendingEvent;
use super::{Result, Store, Tx};
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use std::iter;
use till_shared::event::{DeliveryState, EventType};
use till_shared::id::{EventId, InvoiceId, ProjectId};

/// The columns that are read, by name: a server keeps running while a newer one adds columns.
macro_rules! columns {
    () => {
        "id, project, invoice, sequence, type, body, about, state, attempts, resent_after, \
         next_attempt_at, created_at, delivered_at, data_removed_at"
    };
}

/// The list of callbacks.
const TABLE: Table = Table {
    name: "events",
    columns: columns!(),
    prefix: EventId::PREFIX,
    time: "created_at",
    invoice: InvoiceLink::Invoice,
};

/// A callback to insert.
pub struct NewEvent {
    /// The event's id.
    pub id: EventId,
    /// The project that receives it.
    pub project: ProjectId,
    /// The version of the project.
    pub project_version: i64,
    /// The invoice whose callbacks are delivered in order.
    pub invoice: Option<InvoiceId>,
    /// The position in that order.
    pub sequence: i64,
    /// The event's type.
    pub kind: EventType,
    /// The body, as it is signed and sent.
    pub body: String,
    /// The transition that it reports; unique.
    pub about: String,
    /// The current time (milliseconds).
    pub now: i64,
    /// Whether the delivery is due now. The second callback of a transaction waits for the first one, and is
    /// not due before that one's attempt ([`record_attempts`](Store::record_attempts)).
    pub due: bool,
}

impl NewEvent {
    /// Whether no other callback of the invoice is delivered before it.
    fn is_first(&self) -> bool {
        self.invoice.is_none() || self.sequence == 1
    }

    /// The callback as a claim returns it.
    fn pending(&self) -> PendingEvent {
        PendingEvent {
            id: self.id.clone(),
            project: self.project.clone(),
            invoice: self.invoice.clone(),
            sequence: self.sequence,
            body: self.body.clone(),
            attempts: 0,
            resent_after: 0,
            project_version: self.project_version,
        }
    }
}

/// The columns of a new callback.
pub(super) const NEW: [(&str, &str); 11] = [
    ("id", "text"),
    ("project", "text"),
    ("invoice", "text"),
    ("sequence", "bigint"),
    ("type", "text"),
    ("body", "text"),
    ("about", "text"),
    ("state", "text"),
    ("next_attempt_at", "bigint"),
    ("leased_until", "bigint"),
    ("created_at", "bigint"),
];

/// Returns the values of the columns of new callbacks. One that is due and waits for no other is claimed at once for
/// the worker of this server, if its project may have one more delivery in flight. Those that wait for it only are
/// delivered with it.
pub(super) fn claim_new(effects: &mut Effects, due: &Due, new: &[NewEvent]) -> Vec<Value> {
    let mut rows = vec![];
    let mut rest = new;
    while let [new, later @ ..] = rest {
        rest = later;
        let reservation = (new.due && new.is_first())
            .then(|| due.reserve(&new.project))
            .flatten();
        let leased_until = reservation.is_some().then_some(new.now + LEASE_MS);
        rows.push(json!({
            "id": new.id,
            "project": new.project,
            "invoice": new.invoice,
            "sequence": new.sequence,
            "type": new.kind.as_str(),
            "body": new.body,
            "about": new.about,
            "state": DeliveryState::Pending.as_str(),
            "next_attempt_at": leased_until.or(new.due.then_some(new.now)),
            "leased_until": leased_until,
            "created_at": new.now,
        }));
        match reservation {
            Some(reservation) => {
                let waiting = later.iter().take_while(|later| !later.due);
                let events = iter::once(new).chain(waiting).map(NewEvent::pending);
                effects.claimed(reservation, events.collect());
            }
            None if new.due => effects.made_due(&new.project),
            None => {}
        }
    }
    rows
}

/// Inserts callbacks.
pub async fn insert(tx: &mut Tx, new: &[NewEvent]) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let (effects, due) = tx.effects();
    let rows = claim_new(effects, due, new);
    sqlx::query(AssertSqlSafe(
        tx.engine.insert("events", &NEW, "$1", "true"),
    ))
    .bind(to_json(&rows)?)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A callback as it is stored.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// The event's id.
    pub id: EventId,
    /// The body.
    pub body: String,
    /// The state of its delivery.
    pub state: DeliveryState,
    /// When the next attempt is due (milliseconds).
    pub next_attempt_at: Option<i64>,
    /// When it was delivered (milliseconds).
    pub delivered_at: Option<i64>,
    /// When the data were removed from the body (milliseconds).
    pub data_removed_at: Option<i64>,
}

impl FromRow<'_, AnyRow> for EventRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("id")?,
            body: row.try_get("body")?,
            state: row.parse("state")?,
            next_attempt_at: row.try_get("next_attempt_at")?,
            delivered_at: row.try_get("delivered_at")?,
            data_removed_at: row.try_get("data_removed_at")?,
        })
    }
}

/// Selects callbacks of a list.
#[derive(Debug, Default)]
pub struct EventFilter {
    /// Only this type.
    pub kind: Option<EventType>,
    /// Only this state.
    pub state: Option<DeliveryState>,
    /// Only events of this invoice.
    pub invoice: Option<InvoiceId>,
    /// Only events of this order.
    pub order_id: Option<String>,
    /// Only events of the buyer with this email address, in any case.
    pub email: Option<String>,
    /// Only events after this one or this time.
    pub after: After,
    /// Only events created before this time (milliseconds).
    pub created_before: Option<i64>,
    /// Only events older than this one. Lists are ordered from the newest to the oldest.
    pub before: Option<EventId>,
}

/// A point in the order of events, from which a list or a resending begins.
#[derive(Debug, Default)]
pub struct After {
    /// Only events created after this one.
    pub event: Option<EventId>,
    /// Only events created after this time (milliseconds).
    pub time: Option<i64>,
}

/// Keeps a project's pending callbacks until there is an endpoint and they are resent.
pub async fn keep_unsent(tx: &mut Tx, project: &ProjectId) -> Result<()> {
    sqlx::query(
        "update events set state = 'unsent', next_attempt_at = null
         where project = $1 and state = 'pending'",
    )
    .bind(project.as_str())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Inserts callbacks that belong to no other change. Those that are created at the same time are inserted by one
/// statement.
pub struct NewEvents(Batches<Insert>);

struct Insert(Store);

impl NewEvents {
    /// Inserts into this database.
    pub fn new(store: Store) -> Self {
        Self(Batches::new(Insert(store)))
    }

    /// Inserts a callback.
    ///
    /// # Errors
    /// When the store fails. The callback may have been inserted or not.
    pub async fn insert(&self, new: NewEvent) -> Result<()> {
        self.0.call(new).await
    }
}

impl Statement for Insert {
    type Call = NewEvent;
    type Answer = ();

    async fn run(&self, new: &[NewEvent]) -> Result<Vec<()>> {
        self.0.insert_events(new).await?;
        Ok(vec![(); new.len()])
    }
}

impl Store {
    /// Inserts callbacks that belong to no other change.
    pub async fn insert_events(&self, new: &[NewEvent]) -> Result<()> {
        let mut effects = Effects::default();
        let rows = claim_new(&mut effects, self.due(), new);
        let insert = self.engine.insert_for(new.len(), "events", &NEW, "$1");
        sqlx::query(AssertSqlSafe(insert))
            .bind(to_json(&rows)?)
            .execute(self.writer())
            .await?;
        self.happen(effects);
        Ok(())
    }

    /// Returns a project's callback.
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

    /// Returns a project's callbacks, from the newest to the oldest.
    pub async fn list_events(
        &self,
        project: &ProjectId,
        filter: &EventFilter,
        limit: i64,
    ) -> Result<Vec<EventRow>> {
        let mut list = List::of_project(self, TABLE, project);
        list.of_invoice(filter.invoice.as_ref().map(InvoiceId::as_str));
        list.of_order(filter.order_id.as_ref());
        list.of_buyer(self, filter.email.as_ref()).await?;
        list.equal("state", filter.state.map(DeliveryState::as_str));
        list.equal("type", filter.kind.map(EventType::as_str));
        list.created(filter.after.time, filter.created_before);
        list.after(filter.after.event.as_ref().map(EventId::as_str));
        list.before(filter.before.as_ref().map(EventId::as_str));
        list.fetch(self, limit).await
    }

    /// Counts a project's callbacks that wait for an endpoint and can still be sent.
    pub async fn count_unsent_events(&self, project: &ProjectId) -> Result<i64> {
        let sql = "select count(*) from events where project = $1 and state = 'unsent'
             and data_removed_at is null";
        Ok(sqlx::query_scalar(sql)
            .bind(project.as_str())
            .fetch_one(self.pool())
            .await?)
    }
}
