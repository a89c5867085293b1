//! Whether a project has an endpoint. Without one, its callbacks are kept `unsent`.

use super::outbox::Outbox;
use crate::store::projects::{self, Project};
use crate::store::{Store, events};
use anyhow::Context;
use std::sync::Arc;
use till_shared::id::ProjectId;

/// Returns the project in this version or a later one, if it has an endpoint. Otherwise its pending callbacks
/// become `unsent`.
///
/// # Errors
/// When the project does not exist, or the store fails.
pub async fn find(
    outbox: &Outbox,
    id: &ProjectId,
    version: i64,
) -> anyhow::Result<Option<Arc<Project>>> {
    let project = outbox.projects.of_version(id, version).await?;
    let project = project.context("the project does not exist")?;
    if project.endpoint().is_some() {
        return Ok(Some(project));
    }
    // Locked, so that no callback becomes `unsent` after an endpoint was set.
    let mut tx = outbox.store.begin().await?;
    let project = projects::lock(&mut tx, id).await?;
    let project = project.filter(|project| project.endpoint().is_some());
    if project.is_none() {
        events::keep_unsent(&mut tx, id).await?;
        tx.commit().await?;
    }
    Ok(project.map(Arc::new))
}

/// Turns off the endpoint `url`, which answered 410 at `now` (milliseconds). The project's pending
/// callbacks become `unsent`. Returns `false` if the project has another endpoint by now.
///
/// # Errors
/// When the store fails.
pub async fn turn_off(store: &Store, id: &ProjectId, url: &str, now: i64) -> anyhow::Result<bool> {
    let mut tx = store.begin().await?;
    let project = projects::lock(&mut tx, id).await?;
    match project.as_ref().and_then(Project::endpoint) {
        Some(current) if current != url => return Ok(false),
        Some(_) => projects::turn_notifications_off(&mut tx, id, now).await?,
        None => {}
    }
    events::keep_unsent(&mut tx, id).await?;
    tx.commit().await?;
    Ok(true)
}
