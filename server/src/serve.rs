//! The life of a serving process: its HTTP server, its background workers and its shutdown.

use crate::app::App;
use crate::flow::{background, retention};
use crate::http::Tls;
use crate::telemetry::{Metrics, Worker};
use crate::{callbacks, http};
use backon::{BackoffBuilder, ExponentialBuilder};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The delay before a worker that panicked is restarted: it doubles while the worker keeps
/// panicking.
const RESTART: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(200))
    .with_max_delay(MAX_DELAY)
    .without_max_times();
const MAX_DELAY: Duration = Duration::from_secs(30);

/// A worker that ran for this long is restarted after the shortest delay again.
const STABLE: Duration = Duration::from_secs(60);

/// Serves until [`App::shutdown`] is cancelled. Then accepts no new work and waits for the work in
/// progress, for at most [`shutdown_seconds`](crate::config::Config::shutdown_seconds). The operator's
/// calls have a listener of their own if there is one. Both speak HTTPS if there is a certificate.
///
/// # Errors
/// When a listener fails.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    operator: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
) -> anyhow::Result<()> {
    let deadline = async {
        app.shutdown.cancelled().await;
        sleep(app.config.shutdown_limit()).await;
    };
    tokio::select! {
        served = serve_gracefully(app.clone(), listener, operator, tls) => served,
        () = deadline => {
            let tasks = app.tasks.len();
            tracing::warn!(tasks, "shutdown took too long: the remaining tasks were abandoned");
            Ok(())
        }
    }
}

async fn serve_gracefully(
    app: Arc<App>,
    listener: TcpListener,
    operator: Option<TcpListener>,
    tls: Option<Arc<Tls>>,
) -> anyhow::Result<()> {
    // For the command line. Without it, commands take their own settings.
    if let Err(error) = app.store.record_public_url(&app.base_url).await {
        tracing::warn!(%error, "the public URL is not recorded");
    }
    if let Err(error) = http::record_embed_script(&app).await {
        tracing::warn!(%error, "the version of the embed script is not recorded: later versions of Till cannot serve it");
    }
    let workers = start_workers(&app);
    let served = http::serve(app.clone(), listener, operator, tls).await;
    app.shutdown.cancel();
    app.tasks.close();
    app.tasks.wait().await;
    workers.join_all().await;
    served
}

fn start_workers(app: &Arc<App>) -> JoinSet<()> {
    let supervisor = Supervisor {
        metrics: app.metrics.clone(),
        shutdown: app.shutdown.clone(),
    };
    let (outbox, reconciled, subscribed) = (app.outbox.clone(), app.clone(), app.clone());
    let mut workers = JoinSet::new();
    workers.spawn(supervisor.clone().run(Worker::Outbox, move || {
        callbacks::worker::run(outbox.clone())
    }));
    workers.spawn(supervisor.clone().run(Worker::Reconciler, move || {
        background::run(reconciled.clone())
    }));
    workers.spawn(supervisor.clone().run(Worker::Subscriber, move || {
        background::follow_other_servers(subscribed.clone())
    }));
    let app = app.clone();
    workers.spawn(supervisor.run(Worker::Retention, move || retention::run(app.clone())));
    workers
}

#[derive(Clone)]
struct Supervisor {
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
}

impl Supervisor {
    /// Runs a worker to its end, and restarts it whenever it panics.
    async fn run<F>(self, worker: Worker, start: impl Fn() -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut delays = RESTART.build();
        loop {
            let started = Instant::now();
            if tokio::spawn(start()).await.is_ok() {
                return;
            }
            self.metrics.worker_panicked(worker);
            tracing::error!(
                worker = <&str>::from(worker),
                "a background worker panicked"
            );
            if started.elapsed() > STABLE {
                delays = RESTART.build();
            }
            tokio::select! {
                () = sleep(delays.next().unwrap_or(MAX_DELAY)) => {}
                () = self.shutdown.cancelled() => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn supervisor() -> Supervisor {
        Supervisor {
            metrics: Arc::new(Metrics::new([])),
            shutdown: CancellationToken::new(),
        }
    }

    #[tokio::test]
    async fn a_worker_that_panics_is_restarted_and_reported() {
        let supervisor = supervisor();
        let metrics = supervisor.metrics.clone();
        assert_eq!(metrics.panicked_workers(0), []);
        let runs = AtomicU32::new(0);
        let run = || {
            let earlier = runs.fetch_add(1, Ordering::Relaxed);
            async move { assert!(earlier == 2, "run {earlier} panics") }
        };
        supervisor.run(Worker::Outbox, run).await;
        assert_eq!(runs.load(Ordering::Relaxed), 3);
        assert_eq!(metrics.panicked_workers(0), [Worker::Outbox]);
        let text = metrics.expose(&Default::default()).unwrap();
        let counted = "till_worker_panics_total{worker=\"outbox\"} 2";
        assert!(text.contains(counted), "{text}");
    }

    #[tokio::test]
    async fn shutdown_ends_the_restarts() {
        let supervisor = supervisor();
        supervisor.shutdown.cancel();
        let run = || async { panic!("always") };
        supervisor.run(Worker::Outbox, run).await;
    }
}
