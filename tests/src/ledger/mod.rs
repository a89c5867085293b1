//! Consistency of three ledgers: the provider's, the store's and the one derived from callbacks.

mod sandbox;

use crate::app::TestApp;
use crate::project::Arrived;
use crate::wait::until_within;
use anyhow::{Context, Result, ensure};
use sqlx::AnyPool;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Captured and refunded amounts in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// The captured amount.
    pub taken: i64,
    /// The refunded amount.
    pub back: i64,
}

/// The amounts by payment, without payments that moved no money.
type Book = BTreeMap<String, Moved>;

/// A summary of the ledgers.
#[derive(Debug, Default)]
pub struct Agreement {
    /// Invoices.
    pub invoices: usize,
    /// Payments in the store.
    pub payments: usize,
    /// Succeeded payments.
    pub paid: usize,
    /// Succeeded payments that were refunded as duplicates.
    pub duplicates: usize,
    /// Refunds.
    pub refunds: usize,
    /// Delivered events.
    pub events: usize,
    /// Repeated deliveries.
    pub repeated: usize,
}

/// Waits until no payment, refund or event is pending.
///
/// # Errors
/// After `limit`.
pub async fn until_settled(app: &TestApp, limit: Duration) -> Result<()> {
    until_all_but(app, limit, &[]).await
}

/// Waits until nothing but the payments in `waiting` is pending.
///
/// # Errors
/// After `limit`.
pub async fn until_all_but(app: &TestApp, limit: Duration, waiting: &[String]) -> Result<()> {
    let store = app.store().await?;
    let mut open = vec![];
    let settled = until_within(limit, "all work to finish", async || {
        // The database may be unavailable for a moment.
        if let Ok(mut now) = still_open(&store).await {
            now.retain(|line| !waiting.iter().any(|id| line.contains(id.as_str())));
            open = now;
            return Ok(open.is_empty());
        }
        Ok(false)
    });
    let settled = settled.await;
    settled.with_context(|| format!("still open: {open:?}"))
}

async fn still_open(store: &AnyPool) -> Result<Vec<String>> {
    let sql = "select 'payment ' || id || ' ' || status from payments
               where status in ('created', 'requires_verification', 'processing')
               union all select 'refund ' || id from refunds where status = 'pending'
               union all select 'event ' || id || ' attempts ' || attempts from events
               where state = 'pending'";
    Ok(sqlx::query_scalar(sql).fetch_all(store).await?)
}

/// Checks that the three ledgers are equal, that no invoice was paid twice, and that every event was
/// delivered in order with a valid signature.
///
/// # Errors
/// When a check fails.
pub async fn agree(app: &TestApp) -> Result<Agreement> {
    let store = app.store().await?;
    let theirs = payment_system(app).await?;
    let (ours, duplicates) = our_store(&store).await?;
    let arrived = app.project.arrived();
    let told = project(&arrived)?;
    ensure!(
        theirs == ours,
        "provider and store: {}",
        difference(&theirs, &ours)
    );
    ensure!(
        ours == told,
        "store and callbacks: {}",
        difference(&ours, &told)
    );
    let twice: Vec<String> = sqlx::query_scalar(
        "select p.invoice from payments p
         where p.status = 'succeeded' and not exists
             (select 1 from refunds r where r.payment = p.id and r.duplicate = 1)
         group by p.invoice having count(*) > 1",
    )
    .fetch_all(&store)
    .await?;
    ensure!(twice.is_empty(), "paid twice: {twice:?}");
    let events = all_delivered_in_order(&store, &arrived).await?;
    let count = async |sql| sqlx::query_scalar::<_, i64>(sql).fetch_one(&store).await;
    Ok(Agreement {
        invoices: usize::try_from(count("select count(*) from invoices").await?)?,
        payments: usize::try_from(count("select count(*) from payments").await?)?,
        paid: ours.len(),
        duplicates: duplicates.len(),
        refunds: usize::try_from(count("select count(*) from refunds").await?)?,
        events,
        repeated: arrived.iter().filter(|a| a.status < 300).count() - events,
    })
}

async fn payment_system(app: &TestApp) -> Result<Book> {
    let rows = app.sandbox_books().await?;
    let moved = rows
        .into_iter()
        .map(|(id, taken, back)| (id, Moved { taken, back }));
    Ok(moved.filter(|(_, m)| *m != Moved::default()).collect())
}

async fn our_store(store: &AnyPool) -> Result<(Book, BTreeSet<String>)> {
    let mut book = Book::new();
    let paid: Vec<(String, i64)> =
        sqlx::query_as("select id, amount from payments where status = 'succeeded'")
            .fetch_all(store)
            .await?;
    for (id, amount) in paid {
        book.entry(id).or_default().taken += amount;
    }
    let refunds: Vec<(String, i64, i64)> =
        sqlx::query_as("select payment, amount, duplicate from refunds where status = 'succeeded'")
            .fetch_all(store)
            .await?;
    let mut duplicates = BTreeSet::new();
    for (payment, amount, duplicate) in refunds {
        if duplicate == 1 {
            duplicates.insert(payment.clone());
        }
        book.entry(payment).or_default().back += amount;
    }
    Ok((book, duplicates))
}

/// Builds the ledger of the received callbacks. Repeated events count once.
fn project(arrived: &[Arrived]) -> Result<Book> {
    let mut book = Book::new();
    let mut seen = BTreeSet::new();
    for event in arrived.iter().filter(|a| a.status < 300) {
        ensure!(
            event.genuine,
            "a callback with an invalid signature: {event:?}"
        );
        if !seen.insert(&event.id) {
            continue;
        }
        let data = &event.body["data"];
        let payment = data["payment"]["id"].as_str().unwrap_or_default();
        let amount = |of: &str| data[of]["amount"].as_i64().context("no amount");
        let (taken, back) = match event.body["type"].as_str().unwrap_or_default() {
            "payment.succeeded" => (amount("payment")?, 0),
            "refund.succeeded" => (0, amount("refund")?),
            // This event reports the payment and its refund.
            "payment.duplicate_refunded" => (amount("payment")?, amount("refund")?),
            _ => continue,
        };
        let moved = book.entry(payment.to_owned()).or_default();
        moved.taken += taken;
        moved.back += back;
    }
    Ok(book)
}

fn difference(one: &Book, other: &Book) -> String {
    let ids: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differ = ids.into_iter().filter(|id| one.get(*id) != other.get(*id));
    let lines: Vec<_> = differ
        .map(|id| format!("{id} {:?} {:?}", one.get(id), other.get(id)))
        .collect();
    lines.join("; ")
}

/// Checks that all events were delivered in order. Returns their number.
async fn all_delivered_in_order(store: &AnyPool, arrived: &[Arrived]) -> Result<usize> {
    let mut first = HashMap::new();
    let taken = arrived.iter().filter(|a| a.status < 300);
    for (at, event) in taken.enumerate() {
        first.entry(event.id.as_str()).or_insert(at);
    }
    let rows: Vec<(String, String, i64, String)> = sqlx::query_as(
        "select invoice, id, sequence, state from events where invoice is not null
         order by invoice, sequence",
    )
    .fetch_all(store)
    .await?;
    let mut last: Option<(&str, i64, usize)> = None;
    for (invoice, id, sequence, state) in &rows {
        ensure!(state == "delivered", "{id} of {invoice} is {state}");
        let at = *first
            .get(id.as_str())
            .with_context(|| format!("{id} of {invoice} was not received"))?;
        let (number, earliest) = match last {
            Some((before, number, at)) if before == invoice => (number + 1, at + 1),
            Some(_) | None => (1, 0),
        };
        ensure!(*sequence == number, "{invoice}: {sequence}, not {number}");
        ensure!(
            at >= earliest,
            "{invoice}: event {sequence} was delivered early"
        );
        last = Some((invoice, number, at));
    }
    ensure!(rows.len() == first.len(), "unknown events were delivered");
    Ok(rows.len())
}
