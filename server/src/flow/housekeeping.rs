//! What happens without anybody calling: payments whose fate is open are asked after, invoices
//! expire, refunds are carried out.

use super::apply::{apply_payment_update, check_delay, write_events};
use super::{App, Result};
use crate::clock;
use crate::connectors::{CallError, Known, NewRefund, PaymentUpdate, RefundOutcome};
use crate::store::invoices;
use crate::store::payments::{self, PaymentRow};
use crate::store::refunds::{self, RefundRow};
use std::sync::Arc;
use std::time::Duration;
use till_shared::event::EventType;
use till_shared::id::InvoiceId;
use till_shared::invoice::InvoiceStatus;
use till_shared::money::Money;
use till_shared::payment::{DeclineCode, PaymentStatus};
use tokio_util::task::TaskTracker;

/// How often the store is looked at when nothing wakes the worker.
const IDLE: Duration = Duration::from_millis(500);
/// How many of a kind are taken at once.
const BATCH: i64 = 32;
/// Delays of a refund, in milliseconds: the first, which doubles, and the longest.
const REFUND_MS: (i64, i64) = (5_000, 3_600_000);

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
    let lease = now + i64::try_from(app.config.connector_timeout_ms).unwrap_or(60_000) + 10_000;
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
    let known = Known {
        id: &payment.id,
        reference: payment.reference.as_deref(),
    };
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
    write_events(
        app,
        &mut tx,
        &project,
        &mut invoice,
        None,
        &[EventType::InvoiceExpired],
    )
    .await?;
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.changed(id);
    Ok(())
}

/// Asks the payment system for a refund, once, and writes down how it ended or when to ask again.
async fn carry_out(app: &App, refund: &RefundRow) -> Result<()> {
    let Some(payment) = app.store.payment(&refund.payment).await? else {
        return Ok(());
    };
    let (connector, account) = app.account_of(&payment).await?;
    let Some(reference) = payment.reference.as_deref() else {
        return finish(
            app,
            refund,
            RefundOutcome::Refused("it has no reference".into()),
        )
        .await;
    };
    let money = Money {
        amount: refund.amount,
        currency: payment.money.currency,
    };
    let new = NewRefund {
        id: &refund.id,
        reference,
        money,
    };
    match connector.refund(&app.ctx(&account), &new).await {
        Ok(outcome) => finish(app, refund, outcome).await,
        Err(CallError::Refused(why)) => finish(app, refund, RefundOutcome::Refused(why)).await,
        Err(error) => {
            // The key makes asking again safe: it is carried out once, whatever we heard.
            let (first, longest) = REFUND_MS;
            let delay = (first << (refund.attempts - 1).clamp(0, 12)).min(longest);
            let at = clock::now_ms() + delay / i64::from(app.config.speedup);
            tracing::warn!(refund = %refund.id, %error, "refund not answered");
            Ok(app.store.schedule_refund(&refund.id, at).await?)
        }
    }
}

async fn finish(app: &App, refund: &RefundRow, outcome: RefundOutcome) -> Result<()> {
    let Some(project) = app.store.project(&refund.project).await? else {
        return Ok(());
    };
    let mut tx = app.store.begin().await?;
    let Some(payment) = payments::get(&mut tx, &refund.payment).await? else {
        return Ok(());
    };
    let Some(mut invoice) = invoices::get(&mut tx, &payment.invoice).await? else {
        return Ok(());
    };
    let (status, reference, kind) = match &outcome {
        RefundOutcome::Succeeded(reference) if refund.duplicate => (
            "succeeded",
            Some(reference.as_str()),
            EventType::PaymentDuplicateRefunded,
        ),
        RefundOutcome::Succeeded(reference) => (
            "succeeded",
            Some(reference.as_str()),
            EventType::RefundSucceeded,
        ),
        RefundOutcome::Refused(why) => {
            tracing::error!(refund = %refund.id, why, "refund refused");
            ("failed", None, EventType::RefundFailed)
        }
    };
    if !refunds::finish(&mut tx, &refund.id, status, reference, clock::now_ms()).await? {
        return Ok(());
    }
    write_events(
        app,
        &mut tx,
        &project,
        &mut invoice,
        Some(&payment),
        &[kind],
    )
    .await?;
    invoices::save(&mut tx, &mut invoice).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    app.changed(&invoice.id);
    Ok(())
}
