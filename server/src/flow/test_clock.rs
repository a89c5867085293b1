//! The clock of a test project, which the project moves on itself.

use super::error::{Error, Result};
use crate::app::App;
use crate::clock;
use crate::store::projects::Project;
use crate::store::test_clock::{Scope, move_back};
use std::ops::RangeInclusive;
use till_shared::id::InvoiceId;
use till_shared::problem::ProblemType;

/// How far one call moves the clock, in seconds: up to a year.
const SECONDS: RangeInclusive<i64> = 1..=366 * 86_400;

/// Moves a test project's clock on, as if the seconds had passed: invoices expire, verifications run
/// out, and retries of callbacks, refunds and polls are due. The project's stored times move back by
/// the seconds; the keys' overlap after a rotation, and what the payment system does, stay in real
/// time.
///
/// # Errors
/// `forbidden` if the project is not a test project; `invalid-request` if the seconds are out of
/// range.
pub async fn advance(app: &App, project: &Project, seconds: i64) -> Result<()> {
    let scope = Scope {
        project: &project.id,
        invoice: None,
    };
    advance_scope(app, project, scope, seconds).await
}

/// Moves the clock of one invoice of a test project on.
///
/// # Errors
/// As [`advance`].
pub async fn advance_invoice(
    app: &App,
    project: &Project,
    invoice: &InvoiceId,
    seconds: i64,
) -> Result<()> {
    let scope = Scope {
        project: &project.id,
        invoice: Some(invoice),
    };
    advance_scope(app, project, scope, seconds).await
}

async fn advance_scope(app: &App, project: &Project, scope: Scope<'_>, seconds: i64) -> Result<()> {
    if !project.settings.test {
        return Err(Error::problem(
            ProblemType::Forbidden,
            "The project is not a test project: its time cannot be moved.",
        ));
    }
    if !SECONDS.contains(&seconds) {
        let message = format!("from {} to {} seconds", SECONDS.start(), SECONDS.end());
        return Err(Error::field("seconds", "out_of_range", message));
    }
    let mut tx = app.store.begin().await?;
    let open = move_back(&mut tx, scope, seconds * 1000, clock::now_ms()).await?;
    tx.commit().await.map_err(anyhow::Error::from)?;
    open.iter().for_each(|invoice| app.invoice_changed(invoice));
    app.background_wake.notify_one();
    app.outbox.wake.notify_one();
    tracing::info!(project = %project.id, seconds, "test clock moved on");
    Ok(())
}
