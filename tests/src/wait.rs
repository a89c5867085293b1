//! Waiting for something to become true.

use anyhow::Result;
use std::time::{Duration, Instant};

/// Tries until it is true.
///
/// # Errors
/// When it isn't after half a minute.
pub async fn until<F: AsyncFnMut() -> Result<bool>>(what: &str, check: F) -> Result<()> {
    until_within(Duration::from_secs(30), what, check).await
}

/// Tries until it is true.
///
/// # Errors
/// When it isn't after that time.
pub async fn until_within<F: AsyncFnMut() -> Result<bool>>(
    limit: Duration,
    what: &str,
    mut check: F,
) -> Result<()> {
    let start = Instant::now();
    while !check().await? {
        anyhow::ensure!(start.elapsed() < limit, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
