//! Removes data that are older than their retention, in small steps: no step holds up anybody who pays.

use super::error::Result;
use super::{card_encryption, idempotency};
use crate::app::App;
use crate::clock;
use crate::store::retention::Expiring;
use crate::store::{buyer_data, event_data, retention};
use std::sync::Arc;
use std::time::Duration;

/// The delay between rounds once everything due is removed.
const IDLE: Duration = Duration::from_secs(60);
/// The delay between the rounds of a backlog, in which others write.
const PAUSE: Duration = Duration::from_millis(100);
/// How long the record of a payment system's webhook is kept, in milliseconds: 90 days. A payment system
/// sends a webhook again for a few days.
const WEBHOOKS_KEPT: i64 = 90 * DAY;
/// A day, in milliseconds.
const DAY: i64 = 86_400_000;

/// Removes what is due until the server shuts down.
pub async fn run(app: Arc<App>) {
    loop {
        let more = round(&app).await.unwrap_or_else(|error| {
            tracing::error!(%error, "removing old data failed");
            false
        });
        let delay = if more {
            PAUSE
        } else {
            IDLE / app.config.speedup
        };
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = app.shutdown.cancelled() => return,
        }
    }
}

/// Takes one step for each kind of data. Returns whether any step left something over.
async fn round(app: &App) -> Result<bool> {
    let now = clock::now_ms();
    let config = &app.config;
    let buyer_data_until = now - i64::from(config.buyer_data_days) * DAY;
    let event_data_until = now - i64::from(config.event_data_days) * DAY;
    let mut more = false;
    for kind in Expiring::ALL {
        let until = match kind {
            Expiring::IdempotencyKeys => now - idempotency::KEPT,
            Expiring::Attempts => event_data_until,
            Expiring::Webhooks => now - WEBHOOKS_KEPT,
            Expiring::CardEncryptionKeys => now - card_encryption::KEPT,
            Expiring::RefundReasons => buyer_data_until,
        };
        let removed = app.store.remove_expired(kind, until).await?;
        more |= removed >= retention::BATCH;
    }
    // What was not delivered can be resent for as long as the buyer's data are kept.
    let removed = app
        .store
        .remove_event_data(event_data_until, buyer_data_until, now)
        .await?;
    more |= removed >= event_data::BATCH;
    more |= remove_buyer_data(app, buyer_data_until, now).await? >= buyer_data::BATCH;
    Ok(more)
}

/// Removes the buyer's data of some invoices. Returns the number of invoices.
async fn remove_buyer_data(app: &App, until: i64, now: i64) -> Result<i64> {
    if !app.store.any_buyer_data_due(until).await? {
        return Ok(0);
    }
    let mut tx = app.store.begin().await?;
    let due = buyer_data::lock_due(&mut tx, until).await?;
    for invoice in &due {
        if buyer_data::remove(&mut tx, invoice, now).await?.is_none() {
            // A callback of it is being sent again. The next round leaves it out.
            return Ok(0);
        }
    }
    tx.commit().await.map_err(anyhow::Error::from)?;
    if !due.is_empty() {
        tracing::info!(invoices = due.len(), "buyers' data were removed");
    }
    Ok(i64::try_from(due.len()).unwrap_or(buyer_data::BATCH))
}
