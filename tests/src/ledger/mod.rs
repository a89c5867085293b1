//! Consistency of three ledgers: the provider's, the store's and the one derived from callbacks.

mod api;
mod sandbox;
mod settled;
mod totals;

pub use settled::{until_all_settled, until_settled, until_settled_except};
pub use totals::Totals;

use crate::app::TestApp;
use crate::project::ReceivedCallback;
use anyhow::{Context, Result, ensure};
use sqlx::AnyPool;
use std::collections::{BTreeSet, HashMap};
use totals::Ledger;

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
    /// The number of refunds that stay pending, because the payment system refuses them after a call
    /// without an answer.
    pub refused_refunds: usize,
    /// The number of reversals.
    pub reversals: usize,
    /// The number of disputes.
    pub disputes: usize,
    /// The number of delivered events.
    pub events: usize,
    /// The number of repeated deliveries.
    pub repeated: usize,
}

/// Checks that the three ledgers are equal and the API shows them, that no invoice was paid twice, and
/// that every event was delivered in order with a valid signature.
///
/// # Errors
/// When a check fails.
pub async fn assert_consistent(app: &TestApp) -> Result<Summary> {
    let store = app.store().await?;
    let provider = payment_system(app).await?;
    let (mut store_ledger, duplicates) = our_store(&store).await?;
    let callbacks = app.project.callbacks();
    let reported = project(&callbacks)?;
    ensure!(
        provider == store_ledger,
        "provider and store: {}",
        difference(&provider, &store_ledger)
    );
    let (theirs, ours) = (app.sandbox_refunds().await?, refunds(&store).await?);
    ensure!(
        BTreeSet::from_iter(&theirs) == BTreeSet::from_iter(&ours),
        "refunds of the provider {theirs:?} and of the store {ours:?}"
    );
    api::assert_shows(app, &store_ledger).await?;
    // A payment that was taken back before its success was known did not succeed, and is not reported.
    let succeeded: Vec<String> =
        sqlx::query_scalar("select id from payments where status = 'succeeded'")
            .fetch_all(&store)
            .await?;
    store_ledger.retain(|id, _| succeeded.contains(id));
    // A duplicate is reported when its refund succeeds. The payment system refuses that refund if the money
    // went back in another way before, and then the project is told of that way and of the refusal.
    let refused: Vec<String> =
        sqlx::query_scalar("select payment from refunds where duplicate = 1 and status = 'failed'")
            .fetch_all(&store)
            .await?;
    for payment in &refused {
        let reported = reported
            .get(payment)
            .is_some_and(|totals| totals.captured > 0);
        if let Some(totals) = store_ledger.get_mut(payment).filter(|_| !reported) {
            ensure!(
                totals.refunded + totals.reversed > 0,
                "the refund of the duplicate {payment} failed, and nothing went back: {totals:?}"
            );
            totals.captured = 0;
        }
    }
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
        refused_refunds: usize::try_from(
            count("select count(*) from refunds where status = 'pending'").await?,
        )?,
        reversals: usize::try_from(count("select count(*) from reversals").await?)?,
        disputes: usize::try_from(count("select count(*) from disputes").await?)?,
        events,
        repeated: callbacks.iter().filter(|a| a.status < 300).count() - events,
    })
}

async fn payment_system(app: &TestApp) -> Result<Ledger> {
    let rows = app.sandbox_totals().await?;
    let totals = rows
        .into_iter()
        .map(|(id, captured, refunded, reversed, dispute)| {
            let totals = Totals {
                captured,
                refunded,
                reversed,
                dispute,
            };
            (id, totals)
        });
    Ok(totals.filter(|(_, m)| *m != Totals::default()).collect())
}

async fn our_store(store: &AnyPool) -> Result<(Ledger, BTreeSet<String>)> {
    let mut ledger = Ledger::new();
    let paid: Vec<(String, i64)> = sqlx::query_as(
        "select id, amount from payments where status = 'succeeded' or amount <=
                 (select sum(v.amount) from reversals v where v.payment = payments.id)",
    )
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
    let reversals: Vec<(String, i64)> = sqlx::query_as("select payment, amount from reversals")
        .fetch_all(store)
        .await?;
    for (payment, amount) in reversals {
        ledger.entry(payment).or_default().reversed += amount;
    }
    let disputes: Vec<(String, String)> = sqlx::query_as("select payment, status from disputes")
        .fetch_all(store)
        .await?;
    for (payment, status) in disputes {
        let dispute = &mut ledger.entry(payment.clone()).or_default().dispute;
        ensure!(dispute.is_none(), "{payment} has two disputes");
        *dispute = Some(status);
    }
    Ok((ledger, duplicates))
}

/// Lists the refunds that succeeded: the payment system's id, the payment's id, the amount.
async fn refunds(store: &AnyPool) -> Result<Vec<(String, String, i64)>> {
    let sql = "select reference, payment, amount from refunds where status = 'succeeded'";
    Ok(sqlx::query_as(sql).fetch_all(store).await?)
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
        let totals: &mut Totals = ledger.entry(payment.to_owned()).or_default();
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
            "payment.duplicate_refunded" => {
                returned.extend(refund);
                (amount("payment")?, amount("refund")?)
            }
            "dispute.opened" | "dispute.updated" | "dispute.closed" => {
                totals.dispute = data["dispute"]["status"].as_str().map(str::to_owned);
                (0, 0)
            }
            _ => (0, 0),
        };
        if payment.is_empty() {
            continue;
        }
        totals.captured += captured;
        totals.refunded += refunded;
        let shown = |field: &str| data["payment"][field].as_i64().context("no amount");
        totals.reversed = shown("amount_reversed")?;
        ensure!(
            shown("amount_refunded")? == totals.refunded,
            "{payment} with {totals:?} is shown as {}",
            event.body
        );
    }
    ledger.retain(|_, totals| *totals != Totals::default());
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
