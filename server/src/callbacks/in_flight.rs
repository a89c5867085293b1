//! The deliveries in flight, by project. A project whose endpoint accepts its callbacks gets more concurrent
//! deliveries, and one whose endpoint does not gets as few as at the beginning.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use till_shared::id::ProjectId;

/// The concurrent deliveries of a project at the beginning, and after a failure.
pub const FIRST_LIMIT: i64 = 8;
/// The most concurrent deliveries of a project.
const MAX_LIMIT: i64 = 64;

/// The deliveries in flight.
#[derive(Clone, Default)]
pub struct InFlight(Arc<Mutex<HashMap<ProjectId, OfProject>>>);

struct OfProject {
    count: i64,
    limit: i64,
    /// Whether more callbacks may be due than were claimed.
    more: bool,
}

impl InFlight {
    /// Returns how many deliveries of a project may be started. `busy`: each project gets only one.
    pub fn free(&self, project: &ProjectId, busy: bool) -> i64 {
        let projects = self.lock();
        let (count, limit) = projects
            .get(project)
            .map_or((0, FIRST_LIMIT), |of| (of.count, of.limit));
        (if busy { 1 } else { limit }) - count
    }

    /// Counts a delivery until the value is dropped.
    pub fn start(&self, project: &ProjectId) -> Delivery {
        let mut projects = self.lock();
        let of_project = projects.entry(project.clone()).or_insert(OfProject {
            count: 0,
            limit: FIRST_LIMIT,
            more: false,
        });
        of_project.count += 1;
        Delivery {
            in_flight: self.clone(),
            project: project.clone(),
        }
    }

    /// Notes whether more callbacks of a project may be due than were claimed.
    pub fn set_more(&self, project: &ProjectId, more: bool) {
        if let Some(of_project) = self.lock().get_mut(project) {
            of_project.more = more;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, OfProject>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts as a delivery in flight until it is dropped, which a panic does too.
pub struct Delivery {
    in_flight: InFlight,
    project: ProjectId,
}

impl Delivery {
    /// Returns the project, if more of its callbacks may be due.
    pub fn project_with_more(&self) -> Option<ProjectId> {
        let projects = self.in_flight.lock();
        let of_project = projects.get(&self.project)?;
        of_project.more.then(|| self.project.clone())
    }

    /// Adapts the project's limit to the outcome.
    pub fn ended(&self, delivered: bool) {
        if let Some(of_project) = self.in_flight.lock().get_mut(&self.project) {
            of_project.limit = if delivered {
                MAX_LIMIT.min(of_project.limit + 1)
            } else {
                FIRST_LIMIT
            };
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let mut projects = self.in_flight.lock();
        if let Some(of_project) = projects.get_mut(&self.project) {
            of_project.count -= 1;
            if of_project.count == 0 {
                projects.remove(&self.project);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_grows_with_deliveries_and_ends_with_a_failure() {
        let in_flight = InFlight::default();
        let (one, other) = (ProjectId::from_unique(1), ProjectId::from_unique(2));
        let running = in_flight.start(&one);
        assert_eq!(in_flight.free(&one, false), FIRST_LIMIT - 1);
        assert_eq!(in_flight.free(&one, true), 0);
        (0..2).for_each(|_| running.ended(true));
        assert_eq!(in_flight.free(&one, false), FIRST_LIMIT + 1);
        assert_eq!(in_flight.free(&other, false), FIRST_LIMIT);
        (0..MAX_LIMIT).for_each(|_| running.ended(true));
        assert_eq!(in_flight.free(&one, false), MAX_LIMIT - 1);
        running.ended(false);
        assert_eq!(in_flight.free(&one, false), FIRST_LIMIT - 1);
        drop(running);
        assert!(in_flight.lock().is_empty());
    }
}
