//! Waiting until nothing is pending.

use crate::app::TestApp;
use crate::wait::until_within;
use anyhow::{Context, Result};
use sqlx::AnyPool;
use std::time::Duration;

/// Waits until no payment, refund or event is pending.
///
/// # Errors
/// After `limit`.
pub async fn until_settled(app: &TestApp, limit: Duration) -> Result<()> {
    until_settled_except(app, limit, &[]).await
}

/// Waits until neither the server nor the sandbox has anything to do.
///
/// # Errors
/// After `limit`.
pub async fn until_all_settled(app: &TestApp, limit: Duration) -> Result<()> {
    let store = app.store().await?;
    loop {
        let events = "select count(*) from events";
        let before: i64 = sqlx::query_scalar(events).fetch_one(&store).await?;
        let sent = app.sandbox_events().await?;
        app.until_sandbox_is_idle_within(limit).await?;
        until_settled(app, limit).await?;
        // Each may have made work for the other.
        let after: i64 = sqlx::query_scalar(events).fetch_one(&store).await?;
        if before == after && sent == app.sandbox_events().await? {
            return Ok(());
        }
    }
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
        if let Ok(mut now) = still_open(app, &store).await {
            now.retain(|line| !waiting.iter().any(|id| line.contains(id.as_str())));
            open = now;
            return Ok(open.is_empty());
        }
        Ok(false)
    });
    let settled = settled.await;
    settled.with_context(|| format!("still open: {open:?}"))
}

async fn still_open(app: &TestApp, store: &AnyPool) -> Result<Vec<String>> {
    let sql = "select 'payment ' || id || ' ' || status from payments
               where status in ('created', 'requires_verification', 'processing')
               union all select 'refund ' || id from refunds
               where status = 'pending' and refused_at is null
               union all select 'event ' || id || ' attempts ' || attempts from events
               where state = 'pending'";
    let mut open: Vec<String> = sqlx::query_scalar(sql).fetch_all(store).await?;
    let sql = "select id, payment, amount from refunds
               where status = 'pending' and refused_at is not null";
    let refused: Vec<(String, String, i64)> = sqlx::query_as(sql).fetch_all(store).await?;
    if !refused.is_empty() {
        let sandbox = app.sandbox_totals().await?;
        for (id, payment, amount) in refused {
            let of = sandbox.iter().find(|row| row.0 == payment);
            let left = of.map_or(0, |(_, captured, refunded, reversed, _)| {
                captured - refunded - reversed
            });
            // The payment system has the money for it: the next call succeeds.
            if amount <= left {
                open.push(format!("refund {id}"));
            }
        }
    }
    Ok(open)
}
