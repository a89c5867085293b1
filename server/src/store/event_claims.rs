//! The table `events`: callbacks that are due. Of the callbacks of an invoice that wait for each other only the
//! first one has a due time, so that a claim reads a range of an index, however many wait.

use super::column::parse_column;
use super::conditions::unindexed;
use super::pending_event::PendingEvent;
use super::{Result, Store};
use sqlx::AssertSqlSafe;
use till_shared::id::ProjectId;

/// The most callbacks that one call of [`Store::release_stranded_events`] makes due.
const STRANDED: i64 = 1000;

/// The columns of a claimed callback.
pub(super) const CLAIMED: &str = "id, project, invoice, sequence, body, attempts, resent_after, (select version from projects \
     where projects.id = events.project) as project_version";

/// The condition that a callback `e` waits for no other one of its invoice at the time `now`: for no earlier
/// pending one, except those that the endpoint refused and that are not due again yet.
pub(super) fn is_first(now: &str) -> String {
    format!(
        "not exists (select 1 from events earlier where earlier.invoice = e.invoice
             and earlier.sequence < e.sequence and {} = 'pending'
             and (earlier.next_attempt_at is null or earlier.next_attempt_at <= {now}
                 or earlier.refused_until is null
                 or earlier.refused_until <> earlier.next_attempt_at))",
        unindexed("earlier.state")
    )
}

impl Store {
    /// Returns the projects that have a callback due. It reads one row of the index for each project with
    /// pending callbacks, and one for each of them that has none due.
    pub async fn projects_with_due_events(&self, now: i64) -> Result<Vec<ProjectId>> {
        let ids: Vec<String> = sqlx::query_scalar(
            "with recursive waiting (project) as (
                 select min(project) from events where state = 'pending'
                 union all
                 select (select min(project) from events
                     where state = 'pending' and project > waiting.project)
                 from waiting where project is not null)
             select project from waiting where exists (select 1 from events
                 where events.project = waiting.project and state = 'pending'
                 and next_attempt_at <= $1)",
        )
        .bind(now)
        .fetch_all(self.pool())
        .await?;
        parse_column(&ids)
    }

    /// Claims a project's due callbacks: until `lease_until` (milliseconds) no other call claims
    /// them.
    pub async fn claim_due_events(
        &self,
        project: &ProjectId,
        now: i64,
        lease_until: i64,
        limit: i64,
    ) -> Result<Vec<PendingEvent>> {
        let due = format!(
            "select e.id from events e
             where e.state = 'pending' and e.project = $1 and e.next_attempt_at <= $2 and {}
             order by e.next_attempt_at, e.id limit $4{}",
            is_first("$2"),
            self.engine.skip_locked()
        );
        Ok(sqlx::query_as(AssertSqlSafe(format!(
            "update events set next_attempt_at = $3, leased_until = $3 where {}
             returning {CLAIMED}",
            self.engine.among("id", &due)
        )))
        .bind(project.as_str())
        .bind(now)
        .bind(lease_until)
        .bind(limit)
        .fetch_all(self.writer())
        .await?)
    }

    /// Makes callbacks due that wait for no other one any more: a server of a version before due times were
    /// left out ended the attempt that they waited for. Returns their number.
    pub async fn release_stranded_events(&self, now: i64) -> Result<u64> {
        let stranded: Vec<String> = sqlx::query_scalar(
            "select id from events e where state = 'pending' and next_attempt_at is null
             and not exists (select 1 from events earlier where earlier.invoice = e.invoice
                 and earlier.sequence < e.sequence and earlier.state = 'pending'
                 and (earlier.next_attempt_at is null or earlier.refused_until is null
                     or earlier.refused_until <> earlier.next_attempt_at)) limit $1",
        )
        .bind(STRANDED)
        .fetch_all(self.pool())
        .await?;
        let mut released = 0;
        for id in stranded {
            let sql = "update events set next_attempt_at = $1
                 where id = $2 and state = 'pending' and next_attempt_at is null";
            let done = sqlx::query(sql).bind(now).bind(id).execute(self.writer());
            released += done.await?.rows_affected();
        }
        Ok(released)
    }
}
