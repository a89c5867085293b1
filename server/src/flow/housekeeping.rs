//! What happens without anybody calling: payments whose fate is open are asked after, invoices
//! expire, refunds are carried out.

use super::apply::{apply_payment_update, check_delay};
use super::end_invoice::expire_invoice;
use super::refund::carry_out;
use super::{App, Detached, Result, known};
use crate::clock;
use crate::connectors::PaymentUpdate;
use crate::store::StoreError;
use crate::store::payments::PaymentRow;
use backon::{ConstantBuilder, Retryable};
use std::sync::Arc;
use std::time::Duration;
use till_shared::payment::{DeclineCode, PaymentStatus};
use tokio_util::task::TaskTracker;

/// How often the store is looked at when nothing wakes the worker.
const IDLE: Duration = Duration::from_millis(500);
/// How long to wait before a lost connection for notifications is made anew.
const RECONNECT: Duration = Duration::from_secs(2);
/// How many payments and refunds are asked after at once.
const AT_ONCE: usize = 64;
/// How many of a kind are taken at once.
const BATCH: i64 = 32;

/// Works until the server shuts down; what is under way then is finished.
pub async fn run(app: Arc<App>) {
    let tasks = TaskTracker::new();
    while !app.shutdown.is_cancelled() {
        if let Err(error) = round(&app, &tasks).await {
            tracing::error!(%error, "housekeeping failed");
        }
        tokio::select! {
            () = app.chores_wake.notified() => {}
            () = tokio::time::sleep(IDLE) => {}
            () = app.shutdown.cancelled() => {}
        }
    }
    tasks.close();
    tasks.wait().await;
}

/// Passes on what other servers on the same database changed, to whoever watches here.
pub async fn follow_others(app: Arc<App>) {
    let pause = ConstantBuilder::new()
        .with_delay(RECONNECT)
        .without_max_times();
    let followed = (|| follow(&app))
        .retry(pause)
        .notify(|error: &StoreError, _| {
            tracing::warn!(%error, "changes of other servers are not heard of just now");
        });
    tokio::select! {
        _ = followed => {}
        () = app.shutdown.cancelled() => {}
    }
}

async fn follow(app: &App) -> std::result::Result<(), StoreError> {
    let Some(mut changes) = app.store.changes().await? else {
        return Ok(());
    };
    loop {
        if let Some(invoice) = changes.next().await? {
            app.changed(&invoice);
        }
    }
}

async fn round(app: &Arc<App>, tasks: &TaskTracker) -> Result<()> {
    let now = clock::now_ms();
    let lease = now + app.call_lease_ms();
    let room = || BATCH.min(i64::try_from(AT_ONCE.saturating_sub(tasks.len())).unwrap_or(BATCH));
    for payment in app.store.claim_due_payments(now, lease, room()).await? {
        let app = app.clone();
        tasks.spawn(async move {
            if let Err(error) = ask_after(&app, &payment).await {
                tracing::error!(
                    payment = %payment.id, invoice = %payment.invoice, project = %payment.project,
                    %error, "could not be asked after"
                );
            }
        });
    }
    for refund in app.store.claim_due_refunds(now, lease, room()).await? {
        let app = app.clone();
        Detached::spawn(tasks, None, |detached| async move {
            if let Err(error) = carry_out(&detached, &app, &refund).await {
                tracing::error!(
                    refund = %refund.id, payment = %refund.payment, project = %refund.project,
                    %error, "could not be carried out"
                );
            }
        });
    }
    for invoice in app.store.overdue_invoices(now, BATCH).await? {
        if let Err(error) = expire_invoice(app, &invoice).await {
            tracing::error!(%invoice, %error, "could not be expired");
        }
    }
    Ok(())
}

/// Asks the payment system after a live payment, once, and says when to ask again.
#[tracing::instrument(level = "error", skip_all,
    fields(payment = %payment.id, invoice = %payment.invoice, project = %payment.project,
        checks = payment.checks))]
async fn ask_after(app: &App, payment: &PaymentRow) -> Result<()> {
    let (connector, account) = app.account_of(payment).await?;
    let ctx = app.ctx(&account);
    let known = known(payment);
    let age = u64::try_from(clock::now_ms() - payment.created_at).unwrap_or(0);
    let too_long = payment.status == PaymentStatus::RequiresVerification
        && age > app.config.verification_seconds * 1000;
    let answer = match too_long {
        true => connector.cancel(&ctx, &known).await,
        false => connector.fetch(&ctx, &known).await,
    };
    let update = match answer {
        Ok(Some(update)) if too_long && update.status == PaymentStatus::Canceled => {
            Some(PaymentUpdate {
                status: PaymentStatus::Declined,
                decline: Some(DeclineCode::VerificationAbandoned),
                ..update
            })
        }
        Ok(Some(update)) => Some(update),
        // It never arrived there, and no call of ours can still be on its way.
        Ok(None) if age > app.config.lost_after_ms => {
            Some(PaymentUpdate::status(PaymentStatus::Failed))
        }
        Ok(None) => None,
        Err(error) => {
            let age_s = age / 1000;
            tracing::warn!(%error, age_s, "its fate is still unknown");
            None
        }
    };
    let status = match update {
        Some(update) => apply_payment_update(app, &payment.id, update)
            .await?
            .map(|p| p.status),
        None => Some(payment.status),
    };
    if let Some(status) = status.filter(|s| s.is_live()) {
        let at = clock::now_ms() + check_delay(app, status, payment.checks);
        app.store.schedule_check(&payment.id, at).await?;
    }
    Ok(())
}
