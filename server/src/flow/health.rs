//! The health of the server: its backlog of shared work, and warnings about it.

use super::error::{Error, Result};
use crate::app::App;
use crate::clock;
use crate::connectors::REGISTRY;
use crate::store::StoreError;
use crate::telemetry::{Scraped, Standing};
use std::time::Duration;
use till_shared::problem::ProblemType;
use tokio::time::timeout;

/// How long the database may take to answer. Shorter than the usual timeout of a probe or a scrape.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The age from which a pending callback or a payment with an unknown outcome is a warning, in
/// seconds. Longer than a transient outage.
const WARNING_AGE: f64 = 900.0;

/// Something that needs attention, although the server is ready.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Warning {
    /// A code for programs: `callbacks_waiting` or `payments_unknown`.
    pub code: &'static str,
    /// A sentence for people.
    #[schema(example = "3 callbacks wait, the oldest for 20 minutes.")]
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
    Ok(warnings(&backlog))
}

/// The metrics, in Prometheus' text format.
///
/// # Errors
/// When they can't be encoded.
pub async fn metrics(app: &App) -> Result<String> {
    let scraped = Scraped {
        database: backlog(app).await,
        connections: app.store.connections(),
        most_connections: app.config.database_connections,
    };
    Ok(app.metrics.expose(&scraped).map_err(anyhow::Error::from)?)
}

/// The backlog; `None` if the database does not answer in time.
async fn backlog(app: &App) -> Option<Standing> {
    let error = match timeout(TIMEOUT, read_backlog(app)).await {
        Ok(Ok(backlog)) => return Some(backlog),
        Ok(Err(error)) => error.to_string(),
        Err(elapsed) => elapsed.to_string(),
    };
    tracing::error!(error, "the database does not answer");
    None
}

async fn read_backlog(app: &App) -> std::result::Result<Standing, StoreError> {
    let payments = app.store.unknown_payments().await?;
    let outbox = app.store.waiting_events().await?;
    let now = clock::now_ms();
    let unknown = |(kind, _): &(&'static str, _)| {
        let row = payments.iter().find(|row| row.connector == *kind);
        let age = row.map_or(0.0, |row| seconds(now - row.oldest));
        (*kind, row.map_or(0, |row| row.count), age)
    };
    Ok(Standing {
        unknown: REGISTRY.iter().map(unknown).collect(),
        outbox: (
            outbox.count,
            outbox.oldest.map_or(0.0, |at| seconds(now - at)),
        ),
    })
}

#[expect(clippy::cast_precision_loss, reason = "ages are small")]
fn seconds(ms: i64) -> f64 {
    ms.max(0) as f64 / 1000.0
}

fn warnings(backlog: &Standing) -> Vec<Warning> {
    let mut warnings = vec![];
    let (count, age) = backlog.outbox;
    if age > WARNING_AGE {
        warnings.push(Warning {
            code: "callbacks_waiting",
            detail: format!(
                "Callbacks pending: {count}, the oldest for {}.",
                minutes(age)
            ),
        });
    }
    for (connector, count, age) in &backlog.unknown {
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
    warnings
}

fn minutes(seconds: f64) -> String {
    format!("{:.0} minutes", seconds / 60.0)
}
