//! Projects and their accounts, kept in memory.
//!
//! Whoever reads a row of a project reads the project's version with it. What is in memory is used if it has
//! that version, so that a change takes effect at once on all servers.

use super::connector_accounts::AccountRow;
use super::projects::Project;
use super::{Result, Store};
use moka::future::Cache;
use std::sync::Arc;
use std::time::Duration;
use till_shared::id::ProjectId;

/// The most projects that are kept.
const MOST: u64 = 10_000;
/// For how long a project is kept. A server of an earlier version turns an endpoint off without a new version.
const KEPT: Duration = Duration::from_secs(60);

/// A project with the accounts that it uses.
#[derive(Clone)]
struct Known {
    project: Arc<Project>,
    accounts: Arc<[AccountRow]>,
}

/// The projects of a database, of which some are in memory.
#[derive(Clone)]
pub struct Projects {
    store: Store,
    known: Cache<ProjectId, Known>,
}

impl Projects {
    /// The projects of this database.
    pub fn new(store: Store) -> Self {
        let known = Cache::builder().max_capacity(MOST).time_to_live(KEPT);
        Self {
            store,
            known: known.build(),
        }
    }

    /// Returns the project with this id, in this version or a later one.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_version(&self, id: &ProjectId, version: i64) -> Result<Option<Arc<Project>>> {
        let known = self.known(id, version).await?;
        Ok(known.map(|known| known.project))
    }

    /// Returns the accounts that a project uses, the preferred one first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn accounts(&self, project: &Project) -> Result<Arc<[AccountRow]>> {
        let known = self.known(&project.id, project.version).await?;
        Ok(known.map(|known| known.accounts).unwrap_or_default())
    }

    async fn known(&self, id: &ProjectId, version: i64) -> Result<Option<Known>> {
        let known = self.known.get(id).await;
        if let Some(known) = known.filter(|known| known.project.version >= version) {
            return Ok(Some(known));
        }
        // In this order: accounts that are newer than the project are read again with its next version.
        let Some(project) = self.store.project(id).await? else {
            return Ok(None);
        };
        let known = Known {
            project: Arc::new(project),
            accounts: self.store.accounts(id).await?.into(),
        };
        self.known.insert(id.clone(), known.clone()).await;
        Ok(Some(known))
    }
}
