//! The outbox worker. Each project has its own share of attempts under way, so that one whose
//! endpoint hangs holds up none but itself.

use crate::callbacks::deliver::{Answered, Deliverer};
use crate::callbacks::{schedule, sign};
use crate::clock;
use crate::crypto::Keys;
use crate::store::Store;
use crate::store::events::{Attempt, Next, PendingEvent};
use crate::telemetry::{Callback, Metrics};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use till_shared::event::Event;
use till_shared::id::ProjectId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::Empty;
use tracing::{Instrument, Span};

/// How long a project may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
/// How long an attempt is left to the server that took it, which is longer than it may take; past it
/// another may take it.
const LEASE_MS: i64 = 20_000;
/// Attempts under way for one project.
const PER_PROJECT: i64 = 8;
/// Attempts under way past which each project has but one.
const CROWDED: usize = 256;
/// How often the outbox is looked at when nothing wakes the worker.
const IDLE: Duration = Duration::from_millis(500);
/// How much of an answer is kept.
const KEPT_ANSWER: usize = 1024;

/// What sending to projects needs.
pub struct Outbox {
    /// Where the callbacks are.
    pub store: Store,
    /// Opens the signing secrets.
    pub keys: Arc<Keys>,
    /// Calls projects.
    pub deliverer: Deliverer,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Something was put in.
    pub wake: Notify,
    /// Cancelled when the server shuts down.
    pub shutdown: CancellationToken,
    /// Divides the delays between attempts.
    pub speedup: u32,
}

/// Delivers callbacks until the server shuts down; what is under way then is finished.
pub async fn run(outbox: Arc<Outbox>) {
    let tasks = TaskTracker::new();
    let busy = Arc::new(Mutex::new(HashMap::<ProjectId, i64>::new()));
    loop {
        if let Err(error) = start_due(&outbox, &tasks, &busy).await {
            tracing::error!(%error, "the outbox can't be read");
        }
        tokio::select! {
            () = outbox.wake.notified() => {}
            () = tokio::time::sleep(IDLE) => {}
            () = outbox.shutdown.cancelled() => break,
        }
    }
    tasks.close();
    tasks.wait().await;
}

type Busy = Arc<Mutex<HashMap<ProjectId, i64>>>;

fn count(busy: &Busy, project: &ProjectId, change: i64) -> i64 {
    let mut map = busy.lock().unwrap_or_else(PoisonError::into_inner);
    let n = map.entry(project.clone()).or_default();
    *n += change;
    let n = *n;
    if n == 0 {
        map.remove(project);
    }
    n
}

async fn start_due(outbox: &Arc<Outbox>, tasks: &TaskTracker, busy: &Busy) -> anyhow::Result<()> {
    let now = clock::now_ms();
    for project in outbox.store.projects_with_due_events(now).await? {
        let share = if tasks.len() < CROWDED {
            PER_PROJECT
        } else {
            1
        };
        let free = share - count(busy, &project, 0);
        if free <= 0 {
            continue;
        }
        let due = outbox
            .store
            .claim_due_events(&project, now, now + LEASE_MS, free)
            .await?;
        for event in due {
            count(busy, &project, 1);
            let (outbox, busy, project) = (outbox.clone(), busy.clone(), project.clone());
            tasks.spawn(async move {
                let span = span(&event);
                let attempted = attempt(&outbox, &event).instrument(span.clone()).await;
                if let Err(error) = attempted {
                    tracing::error!(parent: &span, %error, "a callback could not be attempted");
                }
                count(&busy, &project, -1);
                // The next event of the same invoice may go now.
                outbox.wake.notify_one();
            });
        }
    }
    Ok(())
}

/// What the log and the traces say about an attempt.
fn span(event: &PendingEvent) -> Span {
    let span = tracing::error_span!(
        "callback",
        otel.kind = "client",
        event = %event.id,
        project = %event.project,
        invoice = Empty,
        payment = Empty,
        refund = Empty,
        attempt = event.attempts + 1,
        status = Empty,
        otel.status_code = Empty
    );
    let told = serde_json::from_str::<Event>(&event.body).map(|event| event.data);
    let told = told.unwrap_or_default();
    if let Some(invoice) = &told.invoice {
        span.record("invoice", invoice.id.as_str());
    }
    if let Some(payment) = &told.payment {
        span.record("payment", payment.id.as_str());
    }
    if let Some(refund) = &told.refund {
        span.record("refund", refund.id.as_str());
    }
    span
}

async fn attempt(outbox: &Outbox, event: &PendingEvent) -> anyhow::Result<()> {
    let Some(project) = outbox.store.project(&event.project).await? else {
        anyhow::bail!("its project is gone");
    };
    let at = clock::now_ms();
    let answered = match (&project.settings.notify_url, project.notify_off) {
        (Some(url), None) => {
            let secrets = sign::valid_secrets(&outbox.keys, &project)?;
            outbox
                .deliverer
                .post(url, &event.id, &event.body, &secrets, ANSWER_LIMIT)
                .await
        }
        (_, Some(_)) => Answered {
            error: Some("the endpoint is turned off (410)".into()),
            ..Answered::default()
        },
        (None, None) => Answered {
            error: Some("the project has no notify_url".into()),
            ..Answered::default()
        },
    };
    let number = event.attempts + 1;
    let done = clock::now_ms();
    let callable = project.settings.notify_url.is_some() && project.notify_off.is_none();
    let next = if callable {
        let jitter = i64::from(rand::random_range(0..=1000u16));
        let tried = number - event.resent_after;
        schedule::after(&answered, tried, done, jitter, outbox.speedup)
    } else {
        // Nobody to tell: kept, and there for a resend.
        Next::Failed
    };
    if answered.status == Some(410) {
        outbox
            .store
            .turn_notifications_off(&project.id, done)
            .await?;
    }
    if callable {
        tell(outbox, &answered, at, done, next);
    }
    let attempt = Attempt {
        at,
        duration_ms: done - at,
        status: answered.status.map(i64::from),
        error: answered.error,
        answer: answered.answer.map(|text| beginning(&text).to_owned()),
    };
    Ok(outbox
        .store
        .record_attempt(&event.id, number, &attempt, next)
        .await?)
}

/// To the log, the trace and the metrics.
fn tell(outbox: &Outbox, answered: &Answered, at: i64, done: i64, next: Next) {
    let took = Duration::from_millis(u64::try_from(done - at).unwrap_or(0));
    let outcome = match (next, answered.status) {
        (Next::Delivered, _) => Callback::Delivered,
        (_, Some(_)) => Callback::Refused,
        (_, None) => Callback::Unreachable,
    };
    outbox.metrics.callback(outcome, took);
    if next == Next::Failed {
        outbox.metrics.callback_failed();
    }
    if let Some(status) = answered.status {
        Span::current().record("status", status);
    }
    let error = &answered.error;
    match next {
        Next::Delivered => tracing::info!("callback delivered"),
        Next::RetryAt(_) => tracing::warn!(error, "callback not delivered"),
        Next::Failed => tracing::error!(error, "callback given up"),
    }
    if next != Next::Delivered {
        Span::current().record("otel.status_code", "ERROR");
    }
}

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(KEPT_ANSWER);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
