//! How the server stands: for whoever watches over it.

use super::App;
use crate::clock;
use crate::connectors::REGISTRY;
use crate::store::StoreError;
use crate::telemetry::{Scraped, Standing};
use std::time::Duration;
use tokio::time::timeout;

/// How long the database may take to say how it stands: less than whoever asks will wait.
const PATIENCE: Duration = Duration::from_secs(2);
/// How old an open fate or a waiting callback is when it deserves a look, in seconds: an ordinary
/// bad moment of somebody's is over by then.
const OLD: f64 = 900.0;

/// Something that deserves a look, though the server serves.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Warning {
    /// A word for programs: `callbacks_waiting` or `payments_unknown`.
    pub code: &'static str,
    /// A sentence for people.
    #[schema(example = "3 callbacks wait, the oldest for 20 minutes.")]
    pub detail: String,
}

/// How the shared work stands; `None` when the database does not answer in time.
pub async fn standing(app: &App) -> Option<Standing> {
    let error = match timeout(PATIENCE, read(app)).await {
        Ok(Ok(standing)) => return Some(standing),
        Ok(Err(error)) => error.to_string(),
        Err(late) => late.to_string(),
    };
    tracing::error!(error, "the database does not answer");
    None
}

async fn read(app: &App) -> Result<Standing, StoreError> {
    let found = app.store.unknown_payments().await?;
    let outbox = app.store.waiting_events().await?;
    let now = clock::now_ms();
    let unknown = |(kind, _): &(&'static str, _)| {
        let row = found.iter().find(|row| row.connector == *kind);
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

/// What deserves a look.
pub fn warnings(standing: &Standing) -> Vec<Warning> {
    let mut warnings = vec![];
    let (count, age) = standing.outbox;
    if age > OLD {
        warnings.push(Warning {
            code: "callbacks_waiting",
            detail: format!("Callbacks wait: {count}, the oldest for {}.", minutes(age)),
        });
    }
    for (connector, count, age) in &standing.unknown {
        if *age > OLD {
            let age = minutes(*age);
            warnings.push(Warning {
                code: "payments_unknown",
                detail: format!(
                    "Payments at {connector} whose fate is open: {count}, the oldest for {age}."
                ),
            });
        }
    }
    warnings
}

fn minutes(seconds: f64) -> String {
    format!("{:.0} minutes", seconds / 60.0)
}

/// What is looked up at each scrape.
pub async fn scraped(app: &App) -> Scraped {
    Scraped {
        database: standing(app).await,
        connections: app.store.connections(),
        most_connections: app.config.database_connections,
    }
}
