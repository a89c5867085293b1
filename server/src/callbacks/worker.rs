//! The outbox worker. The number of concurrent deliveries is limited for each project, so that an
//! endpoint that does not answer delays no other project.

use crate::callbacks::deliver::{Answer, Deliverer};
use crate::callbacks::{endpoint, schedule, sign};
use crate::clock;
use crate::crypto::Keys;
use crate::store::Store;
use crate::store::event_attempts::Attempt;
use crate::store::events::{Next, PendingEvent};
use crate::telemetry::{Callback, Metrics};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use till_shared::event::Event;
use till_shared::id::ProjectId;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::Empty;
use tracing::{Instrument, Span};

/// How long an endpoint may take to answer.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a claimed callback is not claimed again, in milliseconds: longer than an attempt takes.
const LEASE_MS: i64 = 20_000;
/// The maximum number of concurrent deliveries for one project.
const PER_PROJECT: i64 = 8;
/// The number of concurrent deliveries from which each project gets only one.
const BUSY: usize = 256;
/// How often the outbox is read when nothing wakes the worker.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How much of a response body is stored, in bytes.
const STORED_BODY: usize = 1024;

/// The outbox and what its worker needs.
pub struct Outbox {
    /// The database.
    pub store: Store,
    /// Decrypts the signing secrets.
    pub keys: Arc<Keys>,
    /// Sends requests to projects.
    pub deliverer: Deliverer,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// Wakes the worker: there is a new callback.
    pub wake: Notify,
    /// Cancelled when the server shuts down.
    pub shutdown: CancellationToken,
    /// Divides the delays between attempts.
    pub speedup: u32,
}

/// Delivers callbacks until the server shuts down, and finishes the deliveries in progress.
pub async fn run(outbox: Arc<Outbox>) {
    let tasks = TaskTracker::new();
    let in_flight = InFlight::default();
    loop {
        if let Err(error) = start_due(&outbox, &tasks, &in_flight).await {
            tracing::error!(%error, "the outbox could not be read");
        }
        tokio::select! {
            () = outbox.wake.notified() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
            () = outbox.shutdown.cancelled() => break,
        }
    }
    tasks.close();
    tasks.wait().await;
}

/// The deliveries in flight, by project.
#[derive(Clone, Default)]
struct InFlight(Arc<Mutex<HashMap<ProjectId, i64>>>);

impl InFlight {
    fn of(&self, project: &ProjectId) -> i64 {
        self.lock().get(project).copied().unwrap_or(0)
    }

    fn start(&self, project: &ProjectId) -> Delivery {
        *self.lock().entry(project.clone()).or_default() += 1;
        Delivery {
            in_flight: self.clone(),
            project: project.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts as a delivery in flight until it is dropped, which a panic does too.
struct Delivery {
    in_flight: InFlight,
    project: ProjectId,
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let mut counts = self.in_flight.lock();
        if let Some(count) = counts.get_mut(&self.project) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.project);
            }
        }
    }
}

async fn start_due(
    outbox: &Arc<Outbox>,
    tasks: &TaskTracker,
    in_flight: &InFlight,
) -> anyhow::Result<()> {
    let now = clock::now_ms();
    for project in outbox.store.projects_with_due_events(now).await? {
        let share = if tasks.len() < BUSY { PER_PROJECT } else { 1 };
        let free = share - in_flight.of(&project);
        if free <= 0 {
            continue;
        }
        let due = outbox
            .store
            .claim_due_events(&project, now, now + LEASE_MS, free)
            .await?;
        for event in due {
            let delivery = in_flight.start(&project);
            let outbox = outbox.clone();
            tasks.spawn(async move {
                let span = span(&event);
                let attempted = attempt(&outbox, &event).instrument(span.clone()).await;
                if let Err(error) = attempted {
                    tracing::error!(parent: &span, %error, "a callback could not be sent");
                }
                drop(delivery);
                // The invoice's next callback may be due now.
                outbox.wake.notify_one();
            });
        }
    }
    Ok(())
}

/// The span of an attempt, for the log and the traces.
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
    let data = serde_json::from_str::<Event>(&event.body).map(|event| event.data);
    let data = data.unwrap_or_default();
    if let Some(invoice) = &data.invoice {
        span.record("invoice", invoice.id.as_str());
    }
    if let Some(payment) = &data.payment {
        span.record("payment", payment.shown.id.as_str());
    }
    if let Some(refund) = &data.refund {
        span.record("refund", refund.id.as_str());
    }
    span
}

async fn attempt(outbox: &Outbox, event: &PendingEvent) -> anyhow::Result<()> {
    let project = endpoint::find(&outbox.store, &event.project).await?;
    let Some((project, url)) = project.as_ref().and_then(|p| Some((p, p.endpoint()?))) else {
        tracing::debug!("callback kept: the project has no endpoint");
        return Ok(());
    };
    let secrets = sign::valid_secrets(&outbox.keys, project)?;
    let at = clock::now_ms();
    let answer = outbox
        .deliverer
        .post(url, &event.id, &event.body, &secrets, RESPONSE_TIMEOUT)
        .await;
    let done = clock::now_ms();
    let jitter = i64::from(rand::random_range(0..=1000u16));
    let number = event.attempts + 1 - event.resent_after;
    let mut next = schedule::after(&answer, number, done, jitter, outbox.speedup);
    if next == Next::Unsent && !endpoint::turn_off(&outbox.store, &project.id, url, done).await? {
        next = Next::Retry {
            at: done,
            refused: false,
        };
    }
    report(outbox, &answer, at, done, next);
    let attempt = Attempt {
        at,
        duration_ms: done - at,
        status: answer.status.map(i64::from),
        error: answer.error,
        answer: answer.body.map(|text| beginning(&text).to_owned()),
    };
    Ok(outbox
        .store
        .record_attempt(&event.id, &attempt, next)
        .await?)
}

/// Reports an attempt to the log, the trace and the metrics.
fn report(outbox: &Outbox, answer: &Answer, at: i64, done: i64, next: Next) {
    let took = Duration::from_millis(u64::try_from(done - at).unwrap_or(0));
    let outcome = match (next, answer.status) {
        (Next::Delivered, _) => Callback::Delivered,
        (_, Some(_)) => Callback::Refused,
        (_, None) => Callback::Unreachable,
    };
    outbox.metrics.callback(outcome, took);
    if matches!(next, Next::Failed | Next::Unsent) {
        outbox.metrics.callback_failed();
    }
    if let Some(status) = answer.status {
        Span::current().record("status", status);
    }
    let error = &answer.error;
    match next {
        Next::Delivered => tracing::info!("callback delivered"),
        Next::Retry { .. } => tracing::warn!(error, "callback not delivered"),
        Next::Failed => tracing::error!(error, "callback failed: no attempts left"),
        Next::Unsent => tracing::error!("callbacks turned off: the endpoint answered 410"),
    }
    if next != Next::Delivered {
        Span::current().record("otel.status_code", "ERROR");
    }
}

fn beginning(text: &str) -> &str {
    let mut end = text.len().min(STORED_BODY);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::sign::secret_context;
    use crate::store::events::{self, NewEvent};
    use crate::store::projects::{self, EncryptedSecret, Project};
    use reqwest::dns::{Name, Resolve, Resolving};
    use secrecy::SecretString;
    use std::net::SocketAddr;
    use std::path::Path;
    use std::sync::atomic::{AtomicI64, Ordering};
    use till_shared::event::EventType;
    use till_shared::id::EventId;
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    /// Panics for as many deliveries as one project may have in flight, then resolves every name
    /// to this machine.
    struct PanickingResolver(AtomicI64);

    impl Resolve for PanickingResolver {
        fn resolve(&self, _: Name) -> Resolving {
            let earlier = self.0.fetch_add(1, Ordering::Relaxed);
            assert!(earlier >= PER_PROJECT, "delivery {earlier} panics");
            let here: Box<dyn Iterator<Item = _> + Send> =
                Box::new(std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0))));
            Box::pin(std::future::ready(Ok(here)))
        }
    }

    async fn outbox(url: &str, directory: &Path) -> (Outbox, ProjectId) {
        let keys = Keys::from_base64(&SecretString::from(
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
        ));
        let keys = keys.unwrap();
        let id: ProjectId = "prj_1".parse().unwrap();
        let secret = crate::new_id::signing_secret().unwrap();
        let project = Project {
            pk: "pk_1".into(),
            signing_secrets: vec![EncryptedSecret {
                ciphertext: keys.encrypt(&secret_context(&id), &secret).unwrap(),
                until: None,
            }],
            settings: serde_json::from_value(serde_json::json!({
                "name": "Shop", "notify_url": url
            }))
            .unwrap(),
            notify_off: None,
            captcha: None,
            version: 1,
            created_at: 1,
            id: id.clone(),
        };
        let url = format!("sqlite:{}", directory.join("till.db").display());
        crate::store::migrate(&url).await.unwrap();
        let store = Store::open(&url, None, 2).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        projects::insert(&mut tx, &project).await.unwrap();
        tx.commit().await.unwrap();
        let outbox = Outbox {
            store,
            keys: Arc::new(keys),
            deliverer: Deliverer::with_resolver(true, PanickingResolver(AtomicI64::new(0)))
                .unwrap(),
            metrics: Arc::new(Metrics::new([])),
            wake: Notify::new(),
            shutdown: CancellationToken::new(),
            speedup: 1,
        };
        (outbox, id)
    }

    #[tokio::test]
    async fn deliveries_that_panic_do_not_use_up_a_projects_share() {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let (delivered, mut deliveries) = mpsc::unbounded_channel();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://shop.test:{}/",
            listener.local_addr().unwrap().port()
        );
        let endpoint = axum::Router::new().fallback(async move || {
            let _ = delivered.send(());
        });
        tokio::spawn(async move { axum::serve(listener, endpoint).await });
        let directory = tempfile::tempdir().unwrap();
        let (outbox, project) = outbox(&url, directory.path()).await;
        let mut tx = outbox.store.begin().await.unwrap();
        for n in 0..=PER_PROJECT {
            let id = EventId::from_unique(format!("{n}"));
            let new = NewEvent {
                id: &id,
                project: &project,
                invoice: None,
                sequence: 0,
                kind: EventType::Ping,
                body: "{}",
                about: &format!("ping {n}"),
                now: 1,
            };
            events::insert(&mut tx, &new).await.unwrap();
        }
        tx.commit().await.unwrap();
        tokio::spawn(run(Arc::new(outbox)));
        tokio::time::timeout(Duration::from_secs(10), deliveries.recv())
            .await
            .expect("the delivery after those that panicked")
            .unwrap();
    }
}
