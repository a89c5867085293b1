//! The outbox worker. The number of concurrent deliveries is limited for each project, so that an
//! endpoint that does not answer delays no other project.

use super::outbox::Outbox;
use super::recorder::{self, Ended};
use super::{attempt, endpoint};
use crate::clock;
use crate::store;
use crate::store::due::{Claimed, LEASE_MS};
use crate::store::projects::Project;
use std::sync::Arc;
use std::time::Duration;
use till_shared::id::ProjectId;
use tokio::sync::mpsc::{self, Sender, UnboundedReceiver};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::task::TaskTracker;

/// How often the outbox is read when nothing wakes the worker.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// How often callbacks are looked for that a server of an earlier version left without a due time.
const RELEASE_INTERVAL: Duration = Duration::from_secs(60);
/// The most attempts that wait to be recorded.
const UNRECORDED: usize = 256;

/// Delivers callbacks until the server shuts down, and finishes the deliveries in progress.
pub async fn run(outbox: Arc<Outbox>) {
    let (recorder, ended) = mpsc::channel(UNRECORDED);
    let (claimed, next) = mpsc::unbounded_channel();
    let worker = Worker {
        outbox: outbox.clone(),
        tasks: TaskTracker::new(),
        recorder,
    };
    tokio::join!(worker.run(next), recorder::run(outbox, ended, claimed));
}

struct Worker {
    outbox: Arc<Outbox>,
    tasks: TaskTracker,
    recorder: Sender<Ended>,
}

impl Worker {
    /// `next`: the invoices' next callbacks, which were claimed with the record of an attempt.
    async fn run(self, mut next: UnboundedReceiver<Claimed>) {
        let mut inserted = self.outbox.store.due().open();
        let mut releases = every(RELEASE_INTERVAL);
        let mut polls = every(POLL_INTERVAL);
        loop {
            tokio::select! {
                () = self.outbox.shutdown.cancelled() => break,
                Some(claimed) = next.recv() => self.start_all(vec![claimed]).await,
                Some(claimed) = inserted.recv() => self.start_all(vec![claimed]).await,
                projects = self.outbox.store.due().take() => self.start_due_of_all(projects).await,
                () = self.outbox.wake.notified() => self.start_due().await,
                _ = polls.tick() => self.start_due().await,
                _ = releases.tick() => self.release_stranded().await,
            }
        }
        self.outbox.store.due().close();
        // Transactions that are about to end have claimed these.
        while let Some(claimed) = inserted.recv().await {
            self.start_all(vec![claimed]).await;
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn release_stranded(&self) {
        let released = self.outbox.store.release_stranded_events(clock::now_ms());
        match released.await {
            Ok(0) => {}
            Ok(count) => {
                tracing::info!(
                    count,
                    "callbacks of a server of an earlier version were released"
                );
            }
            Err(error) => tracing::error!(%error, "the outbox could not be checked"),
        }
    }

    async fn start_due(&self) {
        let due = self.outbox.store.projects_with_due_events(clock::now_ms());
        match due.await {
            Ok(projects) => self.start_due_of_all(projects).await,
            Err(error) => tracing::error!(%error, "the outbox could not be read"),
        }
    }

    async fn start_due_of_all(&self, projects: impl IntoIterator<Item = ProjectId>) {
        for project in projects {
            if let Err(error) = self.start_due_of(&project).await {
                tracing::error!(%project, %error, "the project's callbacks could not be claimed");
            }
        }
    }

    async fn start_due_of(&self, project: &ProjectId) -> store::Result<()> {
        let in_flight = self.outbox.store.due().in_flight();
        let free = in_flight.free(project);
        let mut due = vec![];
        if free > 0 {
            let now = clock::now_ms();
            let store = &self.outbox.store;
            due = store
                .claim_due_events(project, now, now + LEASE_MS, free)
                .await?;
        }
        let all = i64::try_from(due.len()).is_ok_and(|count| count < free);
        let claimed = due
            .into_iter()
            .map(|event| Claimed {
                events: vec![event],
                delivery: in_flight.start(project),
            })
            .collect();
        self.start_all(claimed).await;
        in_flight.set_more(project, !all);
        Ok(())
    }

    /// Starts to deliver claimed callbacks of one project.
    async fn start_all(&self, claimed: Vec<Claimed>) {
        let Some(first) = claimed.first().and_then(|first| first.events.first()) else {
            return;
        };
        let id = first.project.clone();
        match endpoint::find(&self.outbox, &id, first.project_version).await {
            Ok(Some(project)) => {
                for claimed in claimed {
                    self.start(project.clone(), claimed);
                }
            }
            Ok(None) => {
                tracing::debug!(project = %id, "callbacks kept: the project has no endpoint");
            }
            Err(error) => tracing::error!(project = %id, %error, "the endpoint could not be read"),
        }
    }

    fn start(&self, project: Arc<Project>, Claimed { events, delivery }: Claimed) {
        let (outbox, recorder) = (self.outbox.clone(), self.recorder.clone());
        self.tasks.spawn(async move {
            let attempts = attempt::deliver(&outbox, &project, &events, &delivery).await;
            if !attempts.is_empty() {
                // The recorder runs for as long as there are senders.
                let _ = recorder.send((attempts, delivery)).await;
            }
        });
    }
}

/// Ticks now and then again after each interval, however long the work in between takes.
fn every(interval: Duration) -> Interval {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callbacks::deliver::Deliverer;
    use crate::callbacks::sign::secret_context;
    use crate::crypto::Keys;
    use crate::store::Store;
    use crate::store::events::{self, NewEvent};
    use crate::store::in_flight::FIRST_LIMIT;
    use crate::store::project_cache::Projects;
    use crate::store::projects::{self, EncryptedSecret};
    use crate::telemetry::Metrics;
    use reqwest::dns::{Name, Resolve, Resolving};
    use secrecy::SecretString;
    use std::net::SocketAddr;
    use std::path::Path;
    use std::sync::atomic::{AtomicI64, Ordering};
    use till_shared::event::EventType;
    use till_shared::id::EventId;
    use tokio::net::TcpListener;
    use tokio::sync::{Notify, mpsc};
    use tokio_util::sync::CancellationToken;

    /// Panics for as many deliveries as one project may have in flight, then resolves every name
    /// to this machine.
    struct PanickingResolver(AtomicI64);

    impl Resolve for PanickingResolver {
        fn resolve(&self, _: Name) -> Resolving {
            let earlier = self.0.fetch_add(1, Ordering::Relaxed);
            assert!(earlier >= FIRST_LIMIT, "delivery {earlier} panics");
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
            projects: Projects::new(store.clone()),
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
        for n in 0..=FIRST_LIMIT {
            let new = NewEvent {
                id: EventId::from_unique(format!("{n}")),
                project: project.clone(),
                project_version: 1,
                invoice: None,
                sequence: 0,
                kind: EventType::Ping,
                body: "{}".into(),
                about: format!("ping {n}"),
                now: 1,
                due: true,
            };
            events::insert(&mut tx, &[new]).await.unwrap();
        }
        tx.commit().await.unwrap();
        tokio::spawn(run(Arc::new(outbox)));
        tokio::time::timeout(Duration::from_secs(10), deliveries.recv())
            .await
            .expect("the delivery after those that panicked")
            .unwrap();
    }
}
