//! The permits of requests, which a server has a limited number of.

use crate::app::{App, KeyedLimit, KeyedPermit};
use crate::flow::Error;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use till_shared::problem::ProblemType;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many requests are worked on at once.
#[derive(Clone)]
pub struct ConcurrencyLimit {
    permits: Arc<Semaphore>,
    shares: KeyedLimit<String>,
    /// The server.
    pub app: Arc<App>,
}

impl ConcurrencyLimit {
    /// A limit for some routes of the server.
    pub fn new(app: Arc<App>, permits: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(permits)),
            shares: KeyedLimit::default(),
            app,
        }
    }
}

/// The permit of a request, which is worked on. While the server waits for the client to send the body,
/// the permit is released: nobody is kept out by a slow client.
#[derive(Clone)]
pub struct RequestPermit {
    limit: ConcurrencyLimit,
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    permit: Option<OwnedSemaphorePermit>,
    share: Option<KeyedPermit<String>>,
    /// Whose share of the permits the request is part of.
    owner: Option<String>,
    /// Whether there was no permit for the request.
    rejected: bool,
}

impl RequestPermit {
    /// Acquires a permit for a request. `None` at the limit.
    pub fn try_acquire(limit: ConcurrencyLimit) -> Option<Self> {
        let held = Held {
            permit: Some(limit.permits.clone().try_acquire_owned().ok()?),
            ..Held::default()
        };
        Some(Self {
            limit,
            held: Arc::new(Mutex::new(held)),
        })
    }

    /// The permit of a request.
    ///
    /// # Errors
    /// When its route has no limit.
    pub fn of(parts: &Parts) -> Result<Self, Error> {
        of_limit(parts)
    }

    /// Counts the request as one of a project or an account, which may have as many permits as are free
    /// besides its own. However many of them hang, there are permits left for the others (Choudhury and
    /// Hahne, "Dynamic queue length thresholds", 1998).
    ///
    /// # Errors
    /// `unavailable` beyond the share. The request is rejected then, whatever the handler returns.
    pub fn share(&self, owner: impl Display) -> Result<(), Error> {
        let owner = owner.to_string();
        let mut held = self.held();
        held.share = self.limit.try_share(&owner);
        held.owner = Some(owner);
        held.rejected = held.share.is_none();
        if held.rejected {
            return Err(overloaded());
        }
        Ok(())
    }

    /// Releases the permit.
    pub fn release(&self) {
        let mut held = self.held();
        (held.permit, held.share) = (None, None);
    }

    /// Acquires the permit again, if it was released. `false` at the limit: the request is rejected then.
    pub fn resume(&self) -> bool {
        let mut held = self.held();
        if held.permit.is_some() {
            return true;
        }
        held.permit = self.limit.permits.clone().try_acquire_owned().ok();
        held.share = match &held.owner {
            Some(owner) if held.permit.is_some() => self.limit.try_share(owner),
            _ => None,
        };
        held.rejected = held.permit.is_none() || held.owner.is_some() != held.share.is_some();
        !held.rejected
    }

    /// Whether there was no permit for the request.
    pub fn was_rejected(&self) -> bool {
        self.held().rejected
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConcurrencyLimit {
    /// The permit of the request itself is one of the owner's.
    fn try_share(&self, owner: &str) -> Option<KeyedPermit<String>> {
        let free = self.permits.available_permits() + 1;
        self.shares.try_acquire(owner.to_owned(), free)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestPermit {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        Self::of(parts)
    }
}

/// What the middleware of a limit added to a request.
///
/// # Errors
/// When the route has no limit.
pub fn of_limit<T: Clone + Send + Sync + 'static>(parts: &Parts) -> Result<T, Error> {
    let found = parts.extensions.get::<T>().cloned();
    found.ok_or_else(|| anyhow::anyhow!("the route has no concurrency limit").into())
}

/// `unavailable`: the server is at a limit.
pub fn overloaded() -> Error {
    Error::problem(
        ProblemType::Unavailable,
        "The server is overloaded. Nothing was changed. Try again in a moment.",
    )
}
