//! Polling with a time limit.

use anyhow::Result;
use std::time::{Duration, Instant};

/// Polls `check` until it returns true.
///
/// # Errors
/// After 30 seconds.
pub async fn until<F: AsyncFnMut() -> Result<bool>>(what: &str, check: F) -> Result<()> {
    until_within(Duration::from_secs(30), what, check).await
}

/// Polls `check` until it returns true.
///
/// # Errors
/// After `limit`.
pub async fn until_within<F: AsyncFnMut() -> Result<bool>>(
    limit: Duration,
    what: &str,
    mut check: F,
) -> Result<()> {
    let start = Instant::now();
    while !check().await? {
        anyhow::ensure!(start.elapsed() < limit, "timed out waiting for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
