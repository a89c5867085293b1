//! The deliveries in flight, by project. A project whose endpoint accepts its callbacks gets more concurrent
//! deliveries, and one whose endpoint does not gets as few as at the beginning.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use till_shared::id::ProjectId;

/// The concurrent deliveries of a project at the beginning, and after a failure.
pub const FIRST_LIMIT: i64 = 8;
/// The most concurrent deliveries of a project.
const MAX_LIMIT: i64 = 64;

/// The number of concurrent deliveries from which each project gets only one.
const BUSY: i64 = 256;

/// The deliveries in flight.
#[derive(Clone, Default)]
pub struct InFlight(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    all: i64,
    projects: HashMap<ProjectId, OfProject>,
}

struct OfProject {
    count: i64,
    limit: i64,
    /// Whether more callbacks may be due than were claimed.
    more: bool,
}

impl Counts {
    /// Returns how many deliveries of a project may be started.
    fn free(&self, project: &ProjectId) -> i64 {
        let (count, limit) = self
            .projects
            .get(project)
            .map_or((0, FIRST_LIMIT), |of| (of.count, of.limit));
        (if self.all >= BUSY { 1 } else { limit }) - count
    }
}

impl InFlight {
    /// Returns how many deliveries of a project may be started.
    pub fn free(&self, project: &ProjectId) -> i64 {
        self.lock().free(project)
    }

    /// Counts a delivery until the value is dropped.
    pub fn start(&self, project: &ProjectId) -> Delivery {
        self.count(&mut self.lock(), project)
    }

    /// Counts a delivery until the value is dropped, if the project may have one more.
    pub fn try_start(&self, project: &ProjectId) -> Option<Delivery> {
        let mut counts = self.lock();
        (counts.free(project) > 0).then(|| self.count(&mut counts, project))
    }

    fn count(&self, counts: &mut Counts, project: &ProjectId) -> Delivery {
        let of_project = counts.projects.entry(project.clone());
        let of_project = of_project.or_insert(OfProject {
            count: 0,
            limit: FIRST_LIMIT,
            more: false,
        });
        of_project.count += 1;
        counts.all += 1;
        Delivery {
            in_flight: self.clone(),
            project: project.clone(),
        }
    }

    /// Notes whether more callbacks of a project may be due than were claimed.
    pub fn set_more(&self, project: &ProjectId, more: bool) {
        if let Some(of_project) = self.lock().projects.get_mut(project) {
            of_project.more = more;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
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
        let counts = self.in_flight.lock();
        let of_project = counts.projects.get(&self.project)?;
        of_project.more.then(|| self.project.clone())
    }

    /// Adapts the project's limit to the outcome.
    pub fn ended(&self, delivered: bool) {
        if let Some(of_project) = self.in_flight.lock().projects.get_mut(&self.project) {
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
        let mut counts = self.in_flight.lock();
        counts.all -= 1;
        if let Some(of_project) = counts.projects.get_mut(&self.project) {
            of_project.count -= 1;
            if of_project.count == 0 {
                counts.projects.remove(&self.project);
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
        assert_eq!(in_flight.free(&one), FIRST_LIMIT - 1);
        (0..2).for_each(|_| running.ended(true));
        assert_eq!(in_flight.free(&one), FIRST_LIMIT + 1);
        assert_eq!(in_flight.free(&other), FIRST_LIMIT);
        (0..MAX_LIMIT).for_each(|_| running.ended(true));
        assert_eq!(in_flight.free(&one), MAX_LIMIT - 1);
        running.ended(false);
        assert_eq!(in_flight.free(&one), FIRST_LIMIT - 1);
        drop(running);
        assert!(in_flight.lock().projects.is_empty());
    }

    #[test]
    fn a_busy_server_starts_one_delivery_of_each_project() {
        let in_flight = InFlight::default();
        let (one, other) = (ProjectId::from_unique(1), ProjectId::from_unique(2));
        let running: Vec<_> = (0..FIRST_LIMIT)
            .map_while(|_| in_flight.try_start(&one))
            .collect();
        assert!(in_flight.try_start(&one).is_none());
        let many: Vec<_> = (10..10 + BUSY)
            .map(|n| in_flight.start(&ProjectId::from_unique(n)))
            .collect();
        let first = in_flight.try_start(&other);
        assert!(first.is_some() && in_flight.try_start(&other).is_none());
        drop((running, many, first));
        assert_eq!(in_flight.free(&other), FIRST_LIMIT);
    }
}
