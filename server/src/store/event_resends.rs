//! The table `events`: callbacks that are sent again.

use super::column::{Columns, parse_column};
use super::events::After;
use super::{Result, Tx};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use till_shared::event::{DeliveryState, EventType};
use till_shared::id::{EventId, InvoiceId, ProjectId};

/// Selects callbacks to resend.
#[derive(Debug)]
pub struct ResendFilter {
    /// Only this state.
    pub state: DeliveryState,
    /// Only this type.
    pub kind: Option<EventType>,
    /// Only events after this one or this time.
    pub after: After,
}

impl ResendFilter {
    /// The condition for state and type.
    fn condition(&self) -> String {
        let kind = self.kind.map(|kind| format!(" and type = '{kind}'"));
        format!("state = '{}'{}", self.state, kind.unwrap_or_default())
    }

    /// The id and the time (milliseconds) after which the callbacks are.
    fn start(&self) -> (&str, i64) {
        let Self { after, .. } = self;
        let event = after.event.as_ref().map_or("", EventId::as_str);
        (event, after.time.unwrap_or(i64::MIN))
    }
}

/// A callback that is being resent.
#[derive(Debug, Clone)]
pub struct ResentRow {
    /// The event's id.
    pub id: EventId,
    /// The event's type.
    pub kind: EventType,
    /// The invoice whose callbacks are delivered in order.
    pub invoice: Option<InvoiceId>,
    /// The position in that order.
    pub sequence: i64,
    /// When it was created (milliseconds).
    pub created_at: i64,
}

impl FromRow<'_, AnyRow> for ResentRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.parse("id")?,
            kind: row.parse("type")?,
            invoice: row.parse_optional("invoice")?,
            sequence: row.try_get("sequence")?,
            created_at: row.try_get("created_at")?,
        })
    }
}

/// Returns the ids of a project's callbacks that a filter selects, from the oldest to the newest.
pub async fn select(
    tx: &mut Tx,
    project: &ProjectId,
    filter: &ResendFilter,
    limit: i64,
) -> Result<Vec<EventId>> {
    let sql = format!(
        "select id from events where project = $1 and {} and data_removed_at is null
         and id > $2 and created_at > $3 order by id limit $4",
        filter.condition()
    );
    let (after, since) = filter.start();
    let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(project.as_str())
        .bind(after)
        .bind(since)
        .bind(limit)
        .fetch_all(tx.conn())
        .await?;
    parse_column(&ids)
}

/// Makes a project's callbacks that a filter selects due now, up to the event `last`, and before
/// them the callbacks of their invoices that wait. Their schedules restart. Those that are being
/// sent stay as they are. Returns all of them in order.
pub async fn resend_selected(
    tx: &mut Tx,
    project: &ProjectId,
    filter: &ResendFilter,
    last: &EventId,
    now: i64,
) -> Result<Vec<ResentRow>> {
    let selected = format!(
        "id <= $3 and {} and id > $4 and created_at > $5",
        filter.condition()
    );
    let (after, since) = filter.start();
    let rows = sqlx::query_as(AssertSqlSafe(resend_sql(&selected)))
        .bind(project.as_str())
        .bind(now)
        .bind(last.as_str())
        .bind(after)
        .bind(since)
        .fetch_all(tx.conn())
        .await?;
    tx.made_due(project);
    Ok(in_order(rows))
}

/// Makes a project's callback due now, as [`resend_selected`] does. Returns nothing if the project
/// has no such callback.
pub async fn resend_one(
    tx: &mut Tx,
    project: &ProjectId,
    id: &EventId,
    now: i64,
) -> Result<Vec<ResentRow>> {
    let rows = sqlx::query_as(AssertSqlSafe(resend_sql("id = $3")))
        .bind(project.as_str())
        .bind(now)
        .bind(id.as_str())
        .fetch_all(tx.conn())
        .await?;
    tx.made_due(project);
    Ok(in_order(rows))
}

/// The statement that makes callbacks due. Its parameters are the project, the current time, and
/// those of the condition `selected`. Callbacks whose data were removed are not sent: the last condition
/// also holds for one whose data are being removed.
fn resend_sql(selected: &str) -> String {
    let running = "leased_until = next_attempt_at and leased_until > $2";
    format!(
        "with selected as
             (select id, invoice, sequence from events
              where project = $1 and data_removed_at is null and {selected})
         update events set state = 'pending', refused_until = null,
             resent_after = case when {running} then resent_after else attempts end,
             next_attempt_at = case when {running} then next_attempt_at else $2 end
         where data_removed_at is null and id in (select id from selected union
             select earlier.id from selected join events earlier
                 on earlier.invoice = selected.invoice and earlier.sequence < selected.sequence
             where earlier.state in ('pending', 'unsent'))
         returning id, type, invoice, sequence, created_at"
    )
}

fn in_order(mut rows: Vec<ResentRow>) -> Vec<ResentRow> {
    rows.sort_by(|a, b| {
        let key = |row: &ResentRow| (row.created_at, row.sequence);
        key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
    });
    rows
}
