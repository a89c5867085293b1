//! Properties of the order of delivery, with the store on SQLite.

use super::deliver::Answer;
use super::schedule;
use crate::store::Store;
use crate::store::event_attempts::{Attempt, Attempted, Next};
use crate::store::pending_event::PendingEvent;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use till_shared::event::DeliveryState;
use till_shared::id::ProjectId;
use tokio::runtime::Runtime;

const NOW: i64 = 1_000_000;
const LEASE_UNTIL: i64 = NOW + 20_000;

/// What is known about the next attempt of a pending event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timing {
    Due,
    /// After no answer.
    RetriedLater,
    Refused,
    RefusedAndDue,
    Running,
    /// Running again after a refusal.
    RunningAgain,
    /// Running on a server of an older version, after a refusal.
    RunningOnOldServer,
    /// Claimed by a server that is gone.
    LeaseOver,
    /// Not due before an earlier one's attempt.
    Waiting,
}

impl Timing {
    const ALL: [Self; 9] = [
        Self::Due,
        Self::RetriedLater,
        Self::Refused,
        Self::RefusedAndDue,
        Self::Running,
        Self::RunningAgain,
        Self::RunningOnOldServer,
        Self::LeaseOver,
        Self::Waiting,
    ];

    fn is_due(self) -> bool {
        matches!(self, Self::Due | Self::RefusedAndDue | Self::LeaseOver)
    }

    /// `next_attempt_at`, `leased_until` and `refused_until`.
    fn columns(self) -> (Option<i64>, Option<i64>, Option<i64>) {
        let (before, later) = (NOW - 10, NOW + 500);
        match self {
            Self::Due => (Some(before), None, None),
            Self::RetriedLater => (Some(later), None, None),
            Self::Refused => (Some(later), None, Some(later)),
            Self::RefusedAndDue => (Some(before), None, Some(before)),
            Self::Running => (Some(later), Some(later), None),
            Self::RunningAgain => (Some(later), Some(later), Some(before)),
            Self::RunningOnOldServer => (Some(later), None, Some(before)),
            Self::LeaseOver => (Some(before), Some(before), None),
            Self::Waiting => (None, None, None),
        }
    }
}

/// An event by its invoice and sequence.
type Place = (usize, i64);
/// The events in order, of each invoice.
type Queue = Vec<Vec<(DeliveryState, Timing)>>;

/// Which events may be sent: a due one, if no earlier one of its invoice is pending, except for those
/// that the endpoint refused and that are not due again.
fn may_be_sent(queue: &Queue) -> BTreeSet<Place> {
    let mut places = BTreeSet::new();
    for (invoice, events) in queue.iter().enumerate() {
        let pending = events
            .iter()
            .zip(1..)
            .filter(|((state, _), _)| *state == DeliveryState::Pending);
        let mut pending = pending.skip_while(|((_, timing), _)| *timing == Timing::Refused);
        if let Some(((_, timing), sequence)) = pending.next()
            && timing.is_due()
        {
            places.insert((invoice, sequence));
        }
    }
    places
}

fn queues() -> impl Strategy<Value = Queue> {
    let state = prop_oneof![
        4 => Just(DeliveryState::Pending),
        1 => prop::sample::select(DeliveryState::ALL),
    ];
    let event = (state, prop::sample::select(&Timing::ALL[..]));
    prop::collection::vec(prop::collection::vec(event, 0..6), 1..4)
}

fn project() -> ProjectId {
    ProjectId::from_unique(1)
}

async fn open(directory: &Path) -> Store {
    let url = format!("sqlite:{}", directory.join("till.db").display());
    crate::store::migrate(&url).await.unwrap();
    let store = Store::open(&url, None, 1).await.unwrap();
    let sql = "insert into projects (id, pk, signing_secrets, settings, created_at)
         values ($1, 'pk', '[]', '{}', 1)";
    let insert = sqlx::query(sql).bind(project().to_string());
    insert.execute(store.pool()).await.unwrap();
    for invoice in 0..3 {
        let sql =
            "insert into invoices (id, project, order_id, order_hash, amount, currency, items,
             buyer, metadata, status, created_at, expires_at)
             values ($1, $2, $1, '', 1, 'EUR', '[]', '{}', '{}', 'open', 1, 1)";
        let insert = sqlx::query(sql).bind(format!("inv_{invoice}"));
        let insert = insert.bind(project().to_string());
        insert.execute(store.pool()).await.unwrap();
    }
    store
}

async fn fill(store: &Store, queue: &Queue) {
    for table in ["event_attempts", "events"] {
        let clear = sqlx::AssertSqlSafe(format!("delete from {table}"));
        sqlx::query(clear).execute(store.pool()).await.unwrap();
    }
    for (invoice, events) in queue.iter().enumerate() {
        for ((state, timing), sequence) in events.iter().zip(1i64..) {
            let (next, leased, refused) = timing.columns();
            let pending = *state == DeliveryState::Pending;
            let sql =
                "insert into events (id, project, invoice, sequence, type, body, about, state,
                 next_attempt_at, leased_until, refused_until, created_at)
                 values ($1, $2, $3, $4, 'ping', '', $1, $5, $6, $7, $8, 1)";
            sqlx::query(sql)
                .bind(format!("evt_{invoice}x{sequence}"))
                .bind(project().to_string())
                .bind(format!("inv_{invoice}"))
                .bind(sequence)
                .bind(state.as_str())
                .bind(next.filter(|_| pending))
                .bind(leased.filter(|_| pending))
                .bind(refused.filter(|_| pending))
                .execute(store.pool())
                .await
                .unwrap();
        }
    }
}

async fn claim(store: &Store, now: i64) -> BTreeMap<Place, i64> {
    let (project, lease_until) = (project(), now + LEASE_UNTIL - NOW);
    let claimed = store.claim_due_events(&project, now, lease_until, 100);
    claimed.await.unwrap().into_iter().map(place).collect()
}

/// The place of a claimed event and the number of its attempts.
fn place(event: PendingEvent) -> (Place, i64) {
    let place = event.id.as_str().strip_prefix("evt_");
    let (invoice, sequence) = place.unwrap().split_once('x').unwrap();
    let place = (invoice.parse().unwrap(), sequence.parse().unwrap());
    (place, event.attempts)
}

#[test]
fn the_events_that_may_be_sent_are_claimed() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let store = runtime.block_on(open(directory.path()));
    let mut runner = TestRunner::new(Config::with_cases(150));
    let result = runner.run(&queues(), |queue| {
        let (first, second) = runtime.block_on(async {
            fill(&store, &queue).await;
            (claim(&store, NOW).await, claim(&store, NOW).await)
        });
        let claimed: BTreeSet<_> = first.into_keys().collect();
        prop_assert_eq!(claimed, may_be_sent(&queue));
        prop_assert!(
            second.is_empty(),
            "claimed while they are sent: {:?}",
            second
        );
        Ok(())
    });
    result.unwrap();
}

/// How the endpoint answers the attempts of each event; it accepts those after the last one here.
type Answers = Vec<Vec<Vec<Option<u16>>>>;

fn answers() -> impl Strategy<Value = Answers> {
    let status = prop::sample::select(&[None, Some(404), Some(429), Some(503), Some(302)][..]);
    let event = prop::collection::vec(status, 0..3);
    prop::collection::vec(prop::collection::vec(event, 1..5), 1..3)
}

/// Delivers everything and returns the attempts in order, each with the status. `later`: the timing of all
/// events but the first one of each invoice. `at_once`: the next event of an invoice is claimed when an attempt
/// is recorded.
async fn deliver(
    store: &Store,
    answers: &Answers,
    later: Timing,
    at_once: bool,
) -> Vec<(Place, Option<u16>)> {
    let queue = |events: &Vec<_>| {
        let mut queue = vec![(DeliveryState::Pending, later); events.len()];
        queue[0].1 = Timing::Due;
        queue
    };
    fill(store, &answers.iter().map(queue).collect()).await;
    let (mut now, mut log) = (NOW, vec![]);
    loop {
        let mut claimed: VecDeque<_> = claim(store, now).await.into_iter().collect();
        if claimed.is_empty() {
            let next = "select min(next_attempt_at) from events
                 where state = 'pending' and next_attempt_at > $1";
            let next: Option<i64> = sqlx::query_scalar(next)
                .bind(now)
                .fetch_one(store.pool())
                .await
                .unwrap();
            match next {
                Some(next) => now = next,
                None => return log,
            }
        }
        while let Some((at, attempts)) = claimed.pop_front() {
            let (invoice, sequence) = at;
            let of_event = &answers[invoice][usize::try_from(sequence).unwrap() - 1];
            let status = of_event.get(usize::try_from(attempts).unwrap());
            let status = *status.unwrap_or(&Some(204));
            log.push((at, status));
            let answer = Answer {
                status,
                ..Answer::default()
            };
            let next = schedule::after(&answer, attempts + 1, now, 0, 1);
            let attempt = Attempt {
                at: now,
                duration_ms: 0,
                status: status.map(i64::from),
                error: None,
                answer: None,
            };
            assert_ne!(next, Next::Failed);
            let attempted = Attempted {
                event: format!("evt_{invoice}x{sequence}").parse().unwrap(),
                invoice: Some(format!("inv_{invoice}").parse().unwrap()),
                sequence,
                attempt,
                next,
            };
            let lease_until = at_once.then_some(now + LEASE_UNTIL - NOW);
            let next = store.record_attempt(&attempted, now, lease_until).await;
            claimed.extend(next.unwrap().into_iter().map(place));
        }
    }
}

fn is_refusal(status: Option<u16>) -> bool {
    matches!(status, Some(302 | 404))
}

#[test]
fn an_event_is_sent_after_earlier_ones_were_delivered_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let store = runtime.block_on(open(directory.path()));
    let mut runner = TestRunner::new(Config::with_cases(40));
    let later = prop::sample::select(&[Timing::Due, Timing::Waiting][..]);
    let result = runner.run(
        &(answers(), later, any::<bool>()),
        |(answers, later, at_once)| {
            let log = runtime.block_on(deliver(&store, &answers, later, at_once));
            let mut last = BTreeMap::new();
            for ((invoice, sequence), status) in log {
                for earlier in 1..sequence {
                    let answered: Option<&Option<u16>> = last.get(&(invoice, earlier));
                    prop_assert!(
                        answered.is_some_and(|a| *a == Some(204) || is_refusal(*a)),
                        "{}.{} is sent after {:?} to {}",
                        invoice,
                        sequence,
                        answered,
                        earlier
                    );
                }
                last.insert((invoice, sequence), status);
            }
            let events: usize = answers.iter().map(Vec::len).sum();
            prop_assert_eq!(last.len(), events);
            prop_assert!(last.values().all(|status| *status == Some(204)));
            Ok(())
        },
    );
    result.unwrap();
}

/// A server of an earlier version delivered the first event and made no other one due.
#[tokio::test]
async fn an_event_that_waits_for_nothing_is_released() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let (pending, delivered) = (DeliveryState::Pending, DeliveryState::Delivered);
    let of = |first| {
        vec![
            (first, Timing::RetriedLater),
            (pending, Timing::Waiting),
            (pending, Timing::Waiting),
        ]
    };
    fill(&store, &vec![of(delivered), of(pending)]).await;
    assert!(claim(&store, NOW).await.is_empty());
    assert_eq!(store.release_stranded_events(NOW).await.unwrap(), 1);
    assert!(claim(&store, NOW).await.into_keys().eq([(0, 2)]));
    assert_eq!(store.release_stranded_events(NOW).await.unwrap(), 0);
}
