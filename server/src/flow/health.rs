//! The health of the server: its backlog of shared work, and warnings about it.

use super::error::{Error, Result};
use crate::app::App;
use crate::clock;
use crate::connectors::REGISTRY;
use crate::store::{StoreError, ToReview};
use crate::telemetry::{Backlog, Snapshot};
use std::time::Duration;
use till_shared::problem::ProblemType;
use tokio::time::timeout;

/// How long the database may take to answer. Shorter than the usual timeout of a probe or a scrape.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The age from which a pending callback or a payment with an unknown outcome is a warning, in
/// seconds. Longer than a transient outage.
const WARNING_AGE: f64 = 900.0;
/// How long a worker's panic is a warning, in milliseconds.
const PANIC_WARNING_MS: i64 = 900_000;

/// Something that needs attention, although the server is ready.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Warning {
    /// A code for programs: `callbacks_waiting`, `payments_unknown`, `payments_to_review`,
    /// `refunds_to_review` or `worker_restarted`.
    pub code: &'static str,
    /// A sentence for people.
    #[schema(example = "Callbacks pending: 3, the oldest for 20 minutes.")]
    pub detail: String,
}

/// Checks whether the server is ready, and returns warnings.
///
/// # Errors
/// `unavailable` if the database does not answer.
pub async fn check(app: &App) -> Result<Vec<Warning>> {
    let backlog = backlog(app).await;
    let backlog = backlog.ok_or_else(|| {
        Error::problem(ProblemType::Unavailable, "The database does not respond.")
    })?;
    Ok(warnings(app, &backlog))
}

/// The metrics, in Prometheus' text format.
///
/// # Errors
/// When they can't be encoded.
pub async fn metrics(app: &App) -> Result<String> {
    let snapshot = Snapshot {
        backlog: backlog(app).await,
        connections: app.store.connections(),
        max_connections: app.config.database_connections,
    };
    Ok(app.metrics.expose(&snapshot).map_err(anyhow::Error::from)?)
}

/// The backlog; `None` if the database does not answer in time.
async fn backlog(app: &App) -> Option<Backlog> {
    let error = match timeout(TIMEOUT, read_backlog(app)).await {
        Ok(Ok(backlog)) => return Some(backlog),
        Ok(Err(error)) => error.to_string(),
        Err(elapsed) => elapsed.to_string(),
    };
    tracing::error!(error, "the database does not answer");
    None
}

async fn read_backlog(app: &App) -> std::result::Result<Backlog, StoreError> {
    let payments = app.store.unknown_payments().await?;
    let payments_to_review = app.store.payments_to_review().await?;
    let refunds_to_review = app.store.refunds_to_review().await?;
    let pending = app.store.pending_callbacks().await?;
    let now = clock::now_ms();
    let unknown = |(kind, _): &(&'static str, _)| {
        let row = payments.iter().find(|row| row.connector == *kind);
        let age = row.map_or(0.0, |row| seconds(now - row.oldest));
        (*kind, row.map_or(0, |row| row.count), age)
    };
    Ok(Backlog {
        unknown_payments: REGISTRY.iter().map(unknown).collect(),
        payments_to_review: by_connector(&payments_to_review),
        refunds_to_review: by_connector(&refunds_to_review),
        pending_callbacks: (
            pending.count,
            pending.oldest.map_or(0.0, |at| seconds(now - at)),
        ),
    })
}

/// The counts of all connectors.
fn by_connector(rows: &[ToReview]) -> Vec<(&'static str, i64)> {
    let count = |kind: &str| {
        let row = rows.iter().find(|row| row.connector == kind);
        row.map_or(0, |row| row.count)
    };
    let kinds = REGISTRY.iter().map(|(kind, _)| *kind);
    kinds.map(|kind| (kind, count(kind))).collect()
}

#[expect(clippy::cast_precision_loss, reason = "ages are small")]
fn seconds(ms: i64) -> f64 {
    ms.max(0) as f64 / 1000.0
}

fn warnings(app: &App, backlog: &Backlog) -> Vec<Warning> {
    let mut warnings = vec![];
    let (count, age) = backlog.pending_callbacks;
    if age > WARNING_AGE {
        warnings.push(Warning {
            code: "callbacks_waiting",
            detail: format!(
                "Callbacks pending: {count}, the oldest for {}.",
                minutes(age)
            ),
        });
    }
    for (connector, count, age) in &backlog.unknown_payments {
        if *age > WARNING_AGE {
            let age = minutes(*age);
            warnings.push(Warning {
                code: "payments_unknown",
                detail: format!(
                    "Payments at {connector} with an unknown outcome: {count}, the oldest for {age}."
                ),
            });
        }
    }
    for (connector, count) in &backlog.payments_to_review {
        if *count > 0 {
            warnings.push(Warning {
                code: "payments_to_review",
                detail: format!(
                    "Payments at {connector} that an operator has to resolve: {count}."
                ),
            });
        }
    }
    for (connector, count) in &backlog.refunds_to_review {
        if *count > 0 {
            warnings.push(Warning {
                code: "refunds_to_review",
                detail: format!("Refunds at {connector} that an operator has to look at: {count}."),
            });
        }
    }
    for worker in app
        .metrics
        .panicked_workers(clock::now_ms() - PANIC_WARNING_MS)
    {
        let worker: &str = worker.into();
        warnings.push(Warning {
            code: "worker_restarted",
            detail: format!("The background worker `{worker}` panicked and was restarted."),
        });
    }
    warnings
}

fn minutes(seconds: f64) -> String {
    format!("{:.0} minutes", seconds / 60.0)
}
