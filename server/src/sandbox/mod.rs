//! A payment system to try things on: its own ledger in its own file, reached over HTTP only.
//!
//! It keeps no card number and no CVC. What a card does is looked up in [`cards::TEST_CARDS`]
//! while the request is at hand; the ledger stores the outcome's name.

pub mod cards;

mod api;
mod error;
mod ledger;
mod pages;
mod refunds;
mod verify;
mod webhooks;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What every handler of the sandbox has at hand.
#[derive(Clone)]
struct App {
    pool: SqlitePool,
    public_url: Arc<str>,
    /// Tells the worker that something may be due earlier than it thinks.
    wake: Arc<Notify>,
    stop: CancellationToken,
}

/// A sandbox running in the background of this process.
#[derive(Debug)]
pub struct Sandbox {
    /// Where it is reached, e.g. `http://127.0.0.1:4711`.
    pub url: String,
    stop: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Sandbox {
    /// Starts a sandbox on a listener, reached at the listener's own address.
    pub async fn start(listener: TcpListener, db_path: &Path) -> anyhow::Result<Self> {
        let url = format!("http://{}", listener.local_addr()?);
        let stop = CancellationToken::new();
        let (path, public, stopped) = (db_path.to_owned(), url.clone(), stop.clone());
        let task =
            tokio::spawn(
                async move { serve(listener, &path, public, stopped.cancelled_owned()).await },
            );
        Ok(Self { url, stop, task })
    }

    /// Stops it and waits until it has.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        self.task.await.context("the sandbox's task")?
    }
}

/// Serves the sandbox on `listener` until `shutdown`, with its ledger in the file `db_path`.
///
/// `public_url` is where buyers and merchants reach it, without a slash at the end.
pub async fn serve(
    listener: TcpListener,
    db_path: &Path,
    public_url: String,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let pool = open(db_path)
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
    let worker = tokio::spawn(webhooks::Worker::new(app.clone())?.run());
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
    worker.await.context("the sandbox's webhook worker")?;
    pool.close().await;
    served.context("serving the sandbox")
}

async fn open(path: &Path) -> anyhow::Result<SqlitePool> {
    if let Some(parent) = path.parent() {
        tokio::fs::create_dir_all(parent).await?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(true);
    let pool = SqlitePoolOptions::new()
        .max_connections(8)
        .connect_with(options)
        .await?;
    sqlx::raw_sql(include_str!("schema.sql"))
        .execute(&pool)
        .await?;
    Ok(pool)
}

fn router(app: App) -> Router {
    Router::new()
        .merge(api::router())
        .merge(refunds::router())
        .merge(verify::router())
        .merge(pages::router())
        .with_state(app)
}

/// The time now, in milliseconds since the epoch.
fn now_ms() -> i64 {
    crate::clock::now().as_millisecond()
}

/// A new id that sorts by time.
fn new_id(prefix: &str) -> String {
    format!("{prefix}{}", uuid::Uuid::now_v7().simple())
}

/// A new secret of 32 random bytes, in hex after the prefix.
fn new_secret(prefix: &str) -> String {
    format!("{prefix}{}", hex::encode(rand::random::<[u8; 32]>()))
}
