//! Consistency of three ledgers: the provider's, the store's and the one derived from callbacks.

mod sandbox;

use crate::app::TestApp;
use crate::project::ReceivedCallback;
use crate::wait::until_within;
use anyhow::{Context, Result, ensure};
use sqlx::AnyPool;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

/// Captured and refunded amounts in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// The captured amount.
    pub captured: i64,
    /// The refunded amount.
    pub refunded: i64,
}

/// The amounts by payment, without payments that moved no money.
type Ledger = BTreeMap<String, Totals>;

/// A summary of the ledgers.
#[derive(Debug, Default)]
pub struct Summary {
    /// The number of invoices.
    pub invoices: usize,
    /// The number of payments.
    pub payments: usize,
    /// The number of succeeded payments.
    pub paid: usize,
    /// The number of succeeded payments that were refunded as duplicates.
    pub duplicates: usize,
    /// The number of refunds.
    pub refunds: usize,
    /// The number of delivered events.
    pub events: usize,
    /// The number of repeated deliveries.
    pub repeated: usize,
}

/// Waits until no payment, refund or event is pending.
///
/// # Errors
/// After `limit`.
pub async fn until_settled(app: &TestApp, limit: Duration) -> Result<()> {
    until_settled_except(app, limit, &[]).await
}

/// Waits until nothing but the payments in `waiting` is pending.
///
/// # Errors
/// After `limit`.
pub async fn until_settled_except(
    app: &TestApp,
    limit: Duration,
    waiting: &[String],
) -> Result<()> {
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
pub async fn assert_consistent(app: &TestApp) -> Result<Summary> {
    let store = app.store().await?;
    let provider = payment_system(app).await?;
    let (store_ledger, duplicates) = our_store(&store).await?;
    let callbacks = app.project.callbacks();
    let reported = project(&callbacks)?;
    ensure!(
        provider == store_ledger,
        "provider and store: {}",
        difference(&provider, &store_ledger)
    );
    ensure!(
        store_ledger == reported,
        "store and callbacks: {}",
        difference(&store_ledger, &reported)
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
    let events = all_delivered_in_order(&store, &callbacks).await?;
    let count = async |sql| sqlx::query_scalar::<_, i64>(sql).fetch_one(&store).await;
    Ok(Summary {
        invoices: usize::try_from(count("select count(*) from invoices").await?)?,
        payments: usize::try_from(count("select count(*) from payments").await?)?,
        paid: store_ledger.len(),
        duplicates: duplicates.len(),
        refunds: usize::try_from(count("select count(*) from refunds").await?)?,
        events,
        repeated: callbacks.iter().filter(|a| a.status < 300).count() - events,
    })
}

async fn payment_system(app: &TestApp) -> Result<Ledger> {
    let rows = app.sandbox_totals().await?;
    let totals = rows
        .into_iter()
        .map(|(id, captured, refunded)| (id, Totals { captured, refunded }));
    Ok(totals.filter(|(_, m)| *m != Totals::default()).collect())
}

async fn our_store(store: &AnyPool) -> Result<(Ledger, BTreeSet<String>)> {
    let mut ledger = Ledger::new();
    let paid: Vec<(String, i64)> =
        sqlx::query_as("select id, amount from payments where status = 'succeeded'")
            .fetch_all(store)
            .await?;
    for (id, amount) in paid {
        ledger.entry(id).or_default().captured += amount;
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
        ledger.entry(payment).or_default().refunded += amount;
    }
    Ok((ledger, duplicates))
}

/// Builds the ledger of the received callbacks. Repeated events count once.
fn project(callbacks: &[ReceivedCallback]) -> Result<Ledger> {
    let mut ledger = Ledger::new();
    let mut seen = BTreeSet::new();
    let mut returned = BTreeSet::new();
    for event in callbacks.iter().filter(|a| a.status < 300) {
        ensure!(
            event.verified,
            "a callback with an invalid signature: {event:?}"
        );
        if !seen.insert(&event.id) {
            continue;
        }
        let data = &event.body["data"];
        let payment = data["payment"]["id"].as_str().unwrap_or_default();
        let amount = |of: &str| data[of]["amount"].as_i64().context("no amount");
        let refund = data["refund"]["id"].as_str();
        let (captured, refunded) = match event.body["type"].as_str().unwrap_or_default() {
            "payment.succeeded" => (amount("payment")?, 0),
            "refund.succeeded" => {
                returned.extend(refund);
                (0, amount("refund")?)
            }
            // The money came back.
            "refund.failed" if refund.is_some_and(|id| returned.contains(id)) => {
                (0, -amount("refund")?)
            }
            // This event reports the payment and its refund.
            "payment.duplicate_refunded" => (amount("payment")?, amount("refund")?),
            _ => continue,
        };
        let totals = ledger.entry(payment.to_owned()).or_default();
        totals.captured += captured;
        totals.refunded += refunded;
    }
    Ok(ledger)
}

fn difference(one: &Ledger, other: &Ledger) -> String {
    let ids: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differ = ids.into_iter().filter(|id| one.get(*id) != other.get(*id));
    let lines: Vec<_> = differ
        .map(|id| format!("{id} {:?} {:?}", one.get(id), other.get(id)))
        .collect();
    lines.join("; ")
}

/// Checks that all events were delivered in order. Returns their number.
async fn all_delivered_in_order(store: &AnyPool, callbacks: &[ReceivedCallback]) -> Result<usize> {
    let mut first = HashMap::new();
    let accepted = callbacks.iter().filter(|a| a.status < 300);
    for (at, event) in accepted.enumerate() {
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
