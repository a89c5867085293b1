//! Endpoints of projects: fast ones, and ones that never answer.

use anyhow::Result;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use std::collections::HashSet;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::net::TcpListener;

/// The endpoints.
pub struct Endpoints {
    /// The URL of the one that accepts every callback.
    pub fast: String,
    /// The URL of the one that never answers.
    pub hanging: String,
    received: Arc<Mutex<Received>>,
}

#[derive(Default)]
struct Received {
    ids: HashSet<String>,
    delays: Vec<Duration>,
}

impl Endpoints {
    /// Starts the endpoints.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let received = Arc::default();
        let router = Router::new()
            .route("/fast", post(receive))
            .route("/hanging", post(pending::<StatusCode>))
            .with_state(Arc::clone(&received));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            fast: format!("{url}/fast"),
            hanging: format!("{url}/hanging"),
            received,
        })
    }

    /// Returns the number of events that were received since the last [`Self::forget`].
    pub fn count(&self) -> usize {
        lock(&self.received).ids.len()
    }

    /// Returns the times from the creation of an event to its arrival, the shortest first.
    pub fn delays(&self) -> Vec<Duration> {
        let mut delays = lock(&self.received).delays.clone();
        delays.sort();
        delays
    }

    /// Forgets what was received.
    pub fn forget(&self) {
        *lock(&self.received) = Received::default();
    }
}

fn lock(received: &Mutex<Received>) -> MutexGuard<'_, Received> {
    received.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn receive(State(received): State<Arc<Mutex<Received>>>, headers: HeaderMap) -> StatusCode {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok());
    let Some(id) = id else {
        return StatusCode::BAD_REQUEST;
    };
    let mut received = lock(&received);
    if received.ids.insert(id.to_owned()) {
        received.delays.extend(age(id));
    }
    StatusCode::NO_CONTENT
}

/// The time since an event was created: its id is a UUIDv7 (RFC 9562), which begins with milliseconds.
fn age(id: &str) -> Option<Duration> {
    let milliseconds = id.strip_prefix("evt_")?.get(..12)?;
    let created = Duration::from_millis(u64::from_str_radix(milliseconds, 16).ok()?);
    let now = SystemTime::UNIX_EPOCH.elapsed().ok()?;
    Some(now.saturating_sub(created))
}
