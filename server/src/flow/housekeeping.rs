//! What happens without anybody calling: payments whose fate is open are asked after, invoices
//! expire, refunds are carried out.

use super::apply::{About, apply_payment_update, check_delay, write_events};
use super::refund::carry_out;
use super::{App, Result, known};
use crate::clock;
use crate::connectors::PaymentUpdate;
use crate::store::invoices;
use crate::store::payments::PaymentRow;
use std::sync::Arc;
use std::time::Duration;
use till_shared::event::EventType;
use till_shared::id::InvoiceId;
use till_shared::invoice::InvoiceStatus;
use till_shared::payment::{DeclineCode, PaymentStatus};
use tokio_util::task::TaskTracker;

/// How often the store is looked at when nothing wakes the worker.
const IDLE: Duration = Duration::from_millis(500);
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

async fn round(app: &Arc<App>, tasks: &TaskTracker) -> Result<()> {
    let now = clock::now_ms();
    let lease = now + app.call_lease_ms();
    for payment in app.store.claim_due_payments(now, lease, BATCH).await? {
        let app = app.clone();
        tasks.spawn(async move {
            if let Err(error) = ask_after(&app, &payment).await {
                tracing::error!(payment = %payment.id, %error, "could not be asked after");
            }
        });
    }
    for refund in app.store.claim_due_refunds(now, lease, BATCH).await? {
        let app = app.clone();
        tasks.spawn(async move {
            if let Err(error) = carry_out(&app, &refund).await {
                tracing::error!(refund = %refund.id, %error, "could not be carried out");
            }
        });
    }
    for invoice in app.store.overdue_invoices(now, BATCH).await? {
        expire(app, &invoice).await?;
    }
    Ok(())
}

/// Asks the payment system after a live payment, once, and says when to ask again.
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
            tracing::warn!(payment = %payment.id, %error, age_s, "its fate is still unknown");
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

/// Expires an open invoice whose time is over.
pub async fn expire(app: &App, id: &InvoiceId) -> Result<()> {
    let Some(owner) = app.store.invoice(id).await?.map(|i| i.project) else {
        return Ok(());
    };
    let Some(project) = app.store.project(&owner).await? else {
        return Ok(());
    };
    let mut tx = app.store.begin().await?;
    let Some(mut invoice) = invoices::get(&mut tx, id).await? else {
        return Ok(());
    };
    if invoice.status != InvoiceStatus::Open || invoice.expires_at > clock::now_ms() {
        return Ok(());
    }
    invoice.status = InvoiceStatus::Expired;
    let told = [EventType::InvoiceExpired];
    write_events(
        app,
        &mut tx,
        &project,
        &mut invoice,
        About::default(),
        &told,
    )
    .await?;
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.changed(id);
    Ok(())
}
