//! The buyer's data of an invoice: where they are stored, whether they are still needed, and their
//! removal. What stays are amounts, statuses, times, order ids and references.

use super::column::{Columns, parse_column};
use super::{Result, Store, Tx, event_data};
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, FromRow, Row};
use strum::EnumString;
use till_shared::id::{InvoiceId, ProjectId};

/// The most invoices whose buyer's data one transaction removes.
pub const BATCH: i64 = 20;
/// The most rows of a table that one statement searches for a buyer.
const SEARCHED: i64 = 1000;

/// Why the buyer's data of an invoice are still needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Needed {
    /// The invoice can still be paid.
    OpenInvoice,
    /// A payment is in progress.
    LivePayment,
    /// A refund is pending.
    PendingRefund,
    /// A dispute is not decided.
    OpenDispute,
    /// A callback is to be delivered.
    PendingCallback,
}

/// The expression for why the data of an invoice are needed: a text of [`Needed`], or null.
macro_rules! needed {
    () => {
        "case
            when exists (select 1 from payments p where p.invoice = invoices.id
                and p.status in ('created', 'requires_verification', 'processing'))
                then 'live_payment'
            when invoices.status in ('open', 'processing') then 'open_invoice'
            when exists (select 1 from refunds r join payments p on p.id = r.payment
                where p.invoice = invoices.id and r.status = 'pending') then 'pending_refund'
            when exists (select 1 from disputes d join payments p on p.id = d.payment
                where p.invoice = invoices.id
                and d.status in ('needs_response', 'under_review')) then 'open_dispute'
            when exists (select 1 from events e where e.invoice = invoices.id
                and e.state = 'pending') then 'pending_callback'
        end"
    };
}

/// What was removed of an invoice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    /// Cards of payments.
    pub cards: i64,
    /// Reasons of refunds.
    pub refund_reasons: i64,
    /// Callbacks whose bodies lost their data.
    pub events: i64,
    /// Responses of the project's endpoint to callbacks.
    pub responses: i64,
    /// Responses that were kept under idempotency keys.
    pub idempotent_responses: i64,
}

/// Locks invoices that ended at `until` (milliseconds) or earlier and whose buyer's data are no longer
/// needed, at most [`BATCH`]. Those that another server has locked are left out.
pub async fn lock_due(tx: &mut Tx, until: i64) -> Result<Vec<InvoiceId>> {
    let sql = format!(
        "select id {} limit $2{}",
        due(),
        tx.engine.for_update_skip_locked()
    );
    let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(until)
        .bind(BATCH)
        .fetch_all(tx.conn())
        .await?;
    parse_column(&ids)
}

/// With the conditions and the order of the index `invoices_with_buyer`.
fn due() -> String {
    let ended = "coalesce(ended_at, paid_at, expires_at)";
    format!(
        "from invoices where {ended} <= $1 and buyer_removed_at is null
         and status not in ('open', 'processing') and ({}) is null order by {ended}",
        needed!()
    )
}

/// Returns why the buyer's data of an invoice that the transaction has locked are needed; `None` if they
/// are not.
pub async fn needed(tx: &mut Tx, id: &InvoiceId) -> Result<Option<Needed>> {
    let sql = concat!("select ", needed!(), " from invoices where id = $1");
    let reason: Option<String> = sqlx::query_scalar(sql)
        .bind(id.as_str())
        .fetch_one(tx.conn())
        .await?;
    let reasons: Vec<Needed> = parse_column(reason.as_slice())?;
    Ok(reasons.first().copied())
}

/// Removes the buyer's data of an invoice that the transaction has locked. Returns `None` if they are
/// needed after all, as a callback is being sent again: the transaction must not be committed then.
pub async fn remove(tx: &mut Tx, id: &InvoiceId, now: i64) -> Result<Option<Removed>> {
    let events = event_data::remove_of_invoice(tx, id, now).await?;
    let pending = "select count(*) from events where invoice = $1 and state = 'pending'";
    let pending: i64 = sqlx::query_scalar(pending)
        .bind(id.as_str())
        .fetch_one(tx.conn())
        .await?;
    if pending > 0 {
        return Ok(None);
    }
    let cards = "update payments set card = null where invoice = $1 and card is not null";
    let refund_reasons = "update refunds set reason = null
         where payment in (select id from payments where invoice = $1)
         and reason is not null and duplicate = 0";
    let responses = "update event_attempts set answer = null
         where event in (select id from events where invoice = $1) and answer is not null";
    // A repeated request runs again with the same object, and gets a response without the data.
    let idempotent_responses = "update idempotency_keys set answer = null, lease_until = 0
         where invoice = $1 and answer is not null";
    let removed = Removed {
        cards: change(tx, id, cards).await?,
        refund_reasons: change(tx, id, refund_reasons).await?,
        events,
        responses: change(tx, id, responses).await?,
        idempotent_responses: change(tx, id, idempotent_responses).await?,
    };
    sqlx::query(
        "update invoices set buyer = '{}', description = null, items = '[]', metadata = '{}',
         locale = null, success_url = null, failure_url = null, order_hash = '',
         buyer_removed_at = $1 where id = $2",
    )
    .bind(now)
    .bind(id.as_str())
    .execute(tx.conn())
    .await?;
    Ok(Some(removed))
}

/// Removes the responses about an invoice that servers of before the encrypted responses have stored, and
/// returns their number. It reads all responses of such servers.
pub async fn remove_plain_responses(tx: &mut Tx, id: &InvoiceId) -> Result<i64> {
    let sql = "update idempotency_keys set status = null, body = null, lease_until = 0
         where body is not null and object is not null and body like '%' || $1 || '%'";
    change(tx, id, sql).await
}

/// Runs a statement whose parameter is an invoice's id, and returns how many rows it changed.
async fn change(tx: &mut Tx, id: &InvoiceId, sql: &'static str) -> Result<i64> {
    let done = sqlx::query(sql)
        .bind(id.as_str())
        .execute(tx.conn())
        .await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}

/// Where a buyer is searched for.
#[derive(Debug, Clone, Copy)]
pub enum Searched {
    /// The buyers of invoices.
    Invoices,
    /// The bodies of callbacks.
    Events,
}

/// A text in which a buyer may be named.
pub struct Candidate {
    /// The invoice.
    pub invoice: InvoiceId,
    /// JSON: a buyer, or the body of a callback.
    pub text: String,
}

impl FromRow<'_, AnyRow> for Candidate {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            invoice: row.parse("invoice")?,
            text: row.try_get("text")?,
        })
    }
}

impl Store {
    /// Whether [`lock_due`] would find an invoice.
    pub async fn any_buyer_data_due(&self, until: i64) -> Result<bool> {
        self.any_row(&due(), until).await
    }

    /// Returns texts of a project in which the buyer with this email address may be named, among the
    /// [`SEARCHED`] rows after the one with the id `after`, and the id of the last row searched. `None` if
    /// there are no more rows.
    pub async fn find_buyer(
        &self,
        searched: Searched,
        project: &ProjectId,
        email: &str,
        after: &str,
    ) -> Result<Option<(Vec<Candidate>, String)>> {
        let (table, invoice, text) = match searched {
            Searched::Invoices => ("invoices", "id", "buyer"),
            Searched::Events => ("events", "invoice", "body"),
        };
        let last = format!(
            "select max(id) from
             (select id from {table} where project = $1 and id > $2 order by id limit $3) searched"
        );
        let last: Option<String> = sqlx::query_scalar(AssertSqlSafe(last))
            .bind(project.as_str())
            .bind(after)
            .bind(SEARCHED)
            .fetch_one(self.pool())
            .await?;
        let Some(last) = last else { return Ok(None) };
        let found = format!(
            "select {invoice} as invoice, {text} as text from {table}
             where project = $1 and id > $2 and id <= $3 and {invoice} is not null
             and lower({text}) like $4 escape '\\'"
        );
        let found = sqlx::query_as(AssertSqlSafe(found))
            .bind(project.as_str())
            .bind(after)
            .bind(&last)
            .bind(any_case(email))
            .fetch_all(self.pool())
            .await?;
        Ok(Some((found, last)))
    }
}

/// The pattern of a text with this email address in any case, for `like ... escape '\\'`. SQLite changes
/// the case of ASCII letters only, so that other characters match anything: the caller compares.
fn any_case(email: &str) -> String {
    let mut pattern = String::from("%");
    for c in email.chars() {
        match c {
            '%' | '_' => pattern.extend(['\\', c]),
            '\\' | '"' => pattern.push('%'),
            c if c.is_ascii() => pattern.push(c.to_ascii_lowercase()),
            _ => pattern.push('%'),
        }
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_an_address_in_any_case() {
        assert_eq!(any_case("Ada_L@Shop.example"), "%ada\\_l@shop.example%");
        assert_eq!(any_case("JÜRGEN\"@x"), "%j%rgen%@x%");
    }
}
