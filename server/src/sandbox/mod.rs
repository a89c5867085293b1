//! A payment system for development and tests. It keeps its own ledger in its own file and is
//! reached over HTTP only.
//!
//! The sandbox stores no card number and no CVC. It looks a card up in [`cards::TEST_CARDS`] when
//! a payment is created and stores only the name of the outcome.

pub mod cards;

mod accounts;
mod app;
mod dashboard;
mod disputes;
mod error;
mod follow_ups;
mod ledger;
mod outbox;
mod pages;
mod payment;
mod payments;
mod plan;
mod refunds;
mod requests;
mod reversals;
mod verification;
mod worker;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use app::App;
use worker::Worker;

/// A sandbox that runs in the background of this process.
#[derive(Debug)]
pub struct Sandbox {
    /// The base URL, for example `http://127.0.0.1:4711`.
    pub url: String,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Sandbox {
    /// Starts a sandbox on a listener. Its public URL is the listener's address.
    ///
    /// # Errors
    /// When the listener has no local address.
    pub async fn start(listener: TcpListener, db_path: &Path) -> anyhow::Result<Self> {
        let url = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let (path, public_url, stopped) = (db_path.to_owned(), url.clone(), stop.clone());
        let task = tokio::spawn(async move {
            serve(listener, &path, public_url, stopped.cancelled_owned()).await
        });
        Ok(Self { url, stop, task })
    }

    /// Stops the sandbox and waits for it to end.
    ///
    /// # Errors
    /// When the sandbox failed while it ran; see [`serve`].
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.task.await.context("the sandbox's task")?
    }
}

/// Serves the sandbox on `listener` until `shutdown` completes. The ledger is the file `db_path`.
///
/// `public_url` is the base URL that buyers and merchants use.
///
/// # Errors
/// When the ledger cannot be opened, the worker cannot start, or the listener fails.
pub async fn serve(
    listener: TcpListener,
    db_path: &Path,
    public_url: String,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let pool = ledger::open(db_path)
        .await
        .context("opening the sandbox's ledger")?;
    let stop = CancellationToken::new();
    let _stop_on_drop = stop.clone().drop_guard();
    let app = App {
        pool: pool.clone(),
        public_url: public_url.trim_end_matches('/').into(),
        wake: Arc::new(Notify::new()),
        stop: stop.clone(),
    };
    let worker = tokio::spawn(Worker::new(app.clone())?.run());
    let on_shutdown = tokio::spawn({
        let stop = stop.clone();
        async move {
            tokio::select! {
                () = shutdown => stop.cancel(),
                () = stop.cancelled() => {}
            }
        }
    });
    let served = axum::serve(listener, router(app))
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .await;
    stop.cancel();
    on_shutdown.abort();
    worker.await.context("the sandbox's worker")?;
    pool.close().await;
    served.context("serving the sandbox")
}

fn router(app: App) -> Router {
    Router::new()
        .merge(accounts::router())
        .merge(payments::router())
        .merge(refunds::router())
        .merge(disputes::router())
        .merge(dashboard::router())
        .merge(verification::router())
        .merge(pages::router())
        .with_state(app)
}
