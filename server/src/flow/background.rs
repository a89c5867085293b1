//! The background jobs: live payments are polled, refunds are submitted, invoices expire, and old attempts to
//! pay are deleted.

use super::detached::Detached;
use super::error::Result;
use super::invoices::expire_invoice;
use super::payments::reconcile::poll_status;
use super::refunds::submit_refund;
use crate::app::App;
use crate::clock;
use crate::domain::attempts;
use crate::store::StoreError;
use backon::{ConstantBuilder, Retryable};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// How long the worker waits between rounds if nothing wakes it.
const IDLE: Duration = Duration::from_millis(500);
/// How long to wait before reconnecting for notifications.
const RECONNECT: Duration = Duration::from_secs(2);
/// The most jobs that run concurrently.
const MAX_CONCURRENT: usize = 64;
/// The most jobs of a kind that are claimed in one round.
const BATCH: i64 = 32;

/// Runs the background jobs until the server shuts down, and finishes those in progress then.
pub async fn run(app: Arc<App>) {
    let tasks = TaskTracker::new();
    while !app.shutdown.is_cancelled() {
        if let Err(error) = round(&app, &tasks).await {
            tracing::error!(%error, "claiming background jobs failed");
        }
        tokio::select! {
            () = app.background_wake.notified() => {}
            () = tokio::time::sleep(IDLE) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
    tasks.close();
    tasks.wait().await;
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

async fn follow(app: &App) -> std::result::Result<(), StoreError> {
    let Some(mut changes) = app.store.subscribe().await? else {
        return Ok(());
    };
    loop {
        if let Some(invoice) = changes.next().await? {
            app.invoice_changed(&invoice);
        }
    }
}

async fn round(app: &Arc<App>, tasks: &TaskTracker) -> Result<()> {
    let now = clock::now_ms();
    let lease = now + app.call_lease_ms();
    let free = || {
        let free = MAX_CONCURRENT.saturating_sub(tasks.len());
        BATCH.min(i64::try_from(free).unwrap_or(BATCH))
    };
    for payment in app.store.claim_due_payments(now, lease, free()).await? {
        let app = app.clone();
        tasks.spawn(async move {
            if let Err(error) = poll_status(&app, &payment).await {
                tracing::error!(
                    payment = %payment.id, invoice = %payment.invoice, project = %payment.project,
                    %error, "polling the payment failed"
                );
            }
        });
    }
    for refund in app.store.claim_due_refunds(now, lease, free()).await? {
        let app = app.clone();
        Detached::spawn(tasks, |detached| async move {
            if let Err(error) = submit_refund(&detached, &app, &refund).await {
                tracing::error!(
                    refund = %refund.id, payment = %refund.payment, project = %refund.project,
                    %error, "submitting the refund failed"
                );
            }
        });
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
