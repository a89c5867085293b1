//! The projects with callbacks that this server made due.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use till_shared::id::ProjectId;
use tokio::sync::Notify;

/// Tells the worker that delivers callbacks of projects, each once until it is taken.
#[derive(Clone, Default)]
pub struct DueProjects(Arc<Inner>);

#[derive(Default)]
struct Inner {
    projects: Mutex<BTreeSet<ProjectId>>,
    added: Notify,
}

impl DueProjects {
    /// Adds projects.
    pub fn add(&self, projects: impl IntoIterator<Item = ProjectId>) {
        let mut known = self.lock();
        let before = known.len();
        known.extend(projects);
        if known.len() > before {
            self.0.added.notify_one();
        }
    }

    /// Waits for projects and takes them.
    pub async fn take(&self) -> BTreeSet<ProjectId> {
        loop {
            let projects = std::mem::take(&mut *self.lock());
            if !projects.is_empty() {
                return projects;
            }
            self.0.added.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<ProjectId>> {
        let Inner { projects, .. } = &*self.0;
        projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[tokio::test]
    async fn a_project_is_taken_once() {
        let due = DueProjects::default();
        let [one, other] = [1, 2].map(ProjectId::from_unique);
        assert!(due.take().now_or_never().is_none());
        due.add([one.clone()]);
        due.add([other.clone(), one.clone()]);
        assert_eq!(due.take().await, BTreeSet::from([one, other]));
        assert!(due.take().now_or_never().is_none());
    }
}
