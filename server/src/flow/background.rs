//! The background jobs: live payments are polled, refunds are submitted, invoices expire, and old attempts to
//! pay are deleted.

use super::detached::Detached;
use super::error::Result;
use super::invoices::expire_invoice;
use super::payments::reconcile::poll_status;
use super::refunds::submit_refund;
use crate::app::{App, KeyedLimit, KeyedPermit};
use crate::clock;
use crate::domain::attempts;
use crate::store::StoreError;
use backon::{ConstantBuilder, Retryable};
use futures::{StreamExt, stream};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// How long the worker waits between rounds if nothing wakes it.
const IDLE: Duration = Duration::from_millis(500);
/// How often the versions of followed invoices are read.
const POLL: Duration = Duration::from_secs(3);
/// How often they are read where other servers tell of their changes.
const POLL_WHEN_NOTIFIED: Duration = Duration::from_secs(10);
/// The most invoices whose versions one statement reads.
const POLLED: usize = 500;
/// How long to wait before reconnecting for notifications.
const RECONNECT: Duration = Duration::from_secs(2);
/// The most payments, and the most refunds, of one account that are worked on concurrently.
const OF_ACCOUNT: usize = 8;
/// The number of concurrent jobs from which each account gets only one of a kind.
const BUSY: usize = 256;
/// The most rows of a kind that are cleaned up in one round.
const BATCH: i64 = 32;

/// Runs the background jobs until the server shuts down, and finishes those in progress then.
pub async fn run(app: Arc<App>) {
    let jobs = Jobs::default();
    while !app.shutdown.is_cancelled() {
        if let Err(error) = round(&app, &jobs).await {
            tracing::error!(%error, "claiming background jobs failed");
        }
        tokio::select! {
            () = app.background_wake.notified() => {}
            () = tokio::time::sleep(IDLE) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
    jobs.tasks.close();
    jobs.tasks.wait().await;
}

/// Passes on changes by other servers on the same database to this server's subscribers.
pub async fn follow_other_servers(app: Arc<App>) {
    let pause = ConstantBuilder::new()
        .with_delay(RECONNECT)
        .without_max_times();
    let followed = (|| follow(&app))
        .retry(pause)
        .notify(|error: &StoreError, _| {
            tracing::warn!(%error, "changes by other servers are not received: reconnecting");
        });
    tokio::select! {
        _ = followed => {}
        () = app.shutdown.cancelled() => {}
    }
}

/// Every change of another server is told where the database has notifications. The invoices that somebody
/// follows are polled all the same: a server may have ended before it told of a change.
async fn follow(app: &App) -> std::result::Result<(), StoreError> {
    let changes = app.store.subscribe().await?;
    let pause = if changes.is_some() {
        POLL_WHEN_NOTIFIED
    } else {
        POLL
    };
    let changes = stream::unfold(changes, async |mut changes| {
        let next = changes.as_mut()?.next().await;
        Some((next, changes))
    });
    let mut changes = pin!(changes.chain(stream::pending()));
    loop {
        poll_subscriptions(app).await?;
        let paused = tokio::time::sleep(pause);
        let mut paused = pin!(paused);
        loop {
            let change = tokio::select! {
                Some(change) = changes.next() => change?,
                () = &mut paused => None,
            };
            match change {
                Some(invoice) => app.invoice_changed(&invoice),
                // Some changes may have been missed.
                None => break,
            }
        }
    }
}

async fn poll_subscriptions(app: &App) -> std::result::Result<(), StoreError> {
    for invoices in app.subscriptions.invoices().chunks(POLLED) {
        let versions = app.store.invoice_versions(invoices).await?;
        app.subscriptions.polled(versions);
    }
    Ok(())
}

async fn round(app: &Arc<App>, jobs: &Jobs) -> Result<()> {
    let now = clock::now_ms();
    for account in app.store.accounts_with_due_payments(now).await? {
        if let Err(error) = poll_due(app, jobs, &account, now).await {
            let (connector, account) = account;
            tracing::error!(connector, account, %error, "claiming the account's payments failed");
        }
    }
    for account in app.store.accounts_with_due_refunds(now).await? {
        if let Err(error) = submit_due(app, jobs, &account, now).await {
            let (connector, account) = account;
            tracing::error!(connector, account, %error, "claiming the account's refunds failed");
        }
    }
    let kept = now - attempts::KEPT_MS;
    app.store.prune_payment_attempts(kept, BATCH).await?;
    for invoice in app.store.overdue_invoices(now, BATCH).await? {
        if let Err(error) = expire_invoice(app, &invoice).await {
            tracing::error!(%invoice, %error, "expiring the invoice failed");
        }
    }
    Ok(())
}

/// Polls the due payments of an account, as many as have a permit.
async fn poll_due(app: &Arc<App>, jobs: &Jobs, account: &AccountKey, now: i64) -> Result<()> {
    let permits = jobs.permits(&jobs.polls, account);
    if permits.is_empty() {
        return Ok(());
    }
    let (lease, limit) = (now + app.call_lease_ms(), count(&permits));
    let due = app
        .store
        .claim_due_payments(account, now, lease, limit)
        .await?;
    let more = due.len() == permits.len();
    for (payment, permit) in due.into_iter().zip(permits) {
        let app = app.clone();
        jobs.tasks.spawn(async move {
            if let Err(error) = poll_status(&app, &payment).await {
                tracing::error!(
                    payment = %payment.id, invoice = %payment.invoice, project = %payment.project,
                    %error, "polling the payment failed"
                );
            }
            drop(permit);
            if more {
                app.background_wake.notify_one();
            }
        });
    }
    Ok(())
}

/// Submits the due refunds of an account, as many as have a permit.
async fn submit_due(app: &Arc<App>, jobs: &Jobs, account: &AccountKey, now: i64) -> Result<()> {
    let permits = jobs.permits(&jobs.refunds, account);
    if permits.is_empty() {
        return Ok(());
    }
    let (lease, limit) = (now + app.call_lease_ms(), count(&permits));
    let due = app
        .store
        .claim_due_refunds(account, now, lease, limit)
        .await?;
    let more = due.len() == permits.len();
    for (refund, permit) in due.into_iter().zip(permits) {
        let app = app.clone();
        Detached::spawn(&jobs.tasks, |detached| async move {
            if let Err(error) = submit_refund(&detached, &app, &refund).await {
                tracing::error!(
                    refund = %refund.id, payment = %refund.payment, project = %refund.project,
                    %error, "submitting the refund failed"
                );
            }
            drop(permit);
            if more {
                app.background_wake.notify_one();
            }
        });
    }
    Ok(())
}

fn count(permits: &[Permit]) -> i64 {
    i64::try_from(permits.len()).unwrap_or(i64::MAX)
}

/// An account, by its connector and its id.
type AccountKey = (String, String);
type Permit = KeyedPermit<AccountKey>;

/// The jobs in progress. Each account has permits of its own, for polls and for refunds, so that a payment
/// system that does not answer delays no other one, and its payments do not delay its refunds.
#[derive(Default)]
struct Jobs {
    tasks: TaskTracker,
    polls: KeyedLimit<AccountKey>,
    refunds: KeyedLimit<AccountKey>,
}

impl Jobs {
    /// Acquires the permits of an account that are free.
    fn permits(&self, limit: &KeyedLimit<AccountKey>, account: &AccountKey) -> Vec<Permit> {
        let most = if self.tasks.len() < BUSY {
            OF_ACCOUNT
        } else {
            1
        };
        std::iter::from_fn(|| limit.try_acquire(account.clone(), most)).collect()
    }
}
