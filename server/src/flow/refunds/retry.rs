//! When a refund is submitted or asked after again.

use crate::app::App;

/// The delay before the first retry of a refund, in milliseconds. It doubles each time.
const FIRST_RETRY_MS: i64 = 5_000;
/// The longest delay between retries, in milliseconds.
const MAX_RETRY_MS: i64 = 3_600_000;

/// The delay before the next call about a refund, in milliseconds.
pub(super) fn retry_delay(app: &App, attempts: i64) -> i64 {
    (FIRST_RETRY_MS << attempts.clamp(0, 12)).min(MAX_RETRY_MS) / i64::from(app.config.speedup)
}
