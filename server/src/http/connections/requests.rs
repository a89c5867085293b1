//! The requests in progress on a connection, and when it has been without one for too long.

use super::socket::Flushed;
use axum::body::HttpBody;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

/// How long a connection without a request keeps its buffers for the next one.
const PAUSE: Duration = Duration::from_millis(200);

/// The requests of one connection.
#[derive(Clone, Default)]
pub struct Requests {
    state: watch::Sender<State>,
}

#[derive(Default)]
struct State {
    in_progress: usize,
    served_any: bool,
}

impl Requests {
    /// Counts a request as in progress, until the guard is dropped.
    pub fn begin(&self) -> InProgress {
        self.state.send_modify(|state| {
            state.in_progress += 1;
            state.served_any = true;
        });
        InProgress {
            state: self.state.clone(),
        }
    }

    /// Whether the connection has had a request.
    pub fn served_any(&self) -> bool {
        self.state.borrow().served_any
    }

    /// Returns when no request has been in progress for `first`, or, after the first request, for
    /// `next`. A connection that waits for its next request gives way when `crowded` notifies it; the
    /// one that has waited for longest is notified first.
    pub async fn idle(&self, first: Duration, next: Duration, crowded: &Notify) {
        let mut state = self.state.subscribe();
        loop {
            let served_any = match state.wait_for(|state| state.in_progress == 0).await {
                Ok(idle) => idle.served_any,
                // The sender is gone, which `self` has.
                Err(_) => return,
            };
            let limit = if served_any { next } else { first };
            tokio::select! {
                () = sleep(limit) => return,
                () = crowded.notified(), if served_any => return,
                _ = state.changed() => {}
            }
        }
    }

    /// Returns when no request has been in progress for a moment, and all responses have been sent.
    pub async fn paused(&self, flushed: &Flushed) {
        let nobody = Notify::new();
        loop {
            self.idle(PAUSE, PAUSE, &nobody).await;
            if self.state.borrow().in_progress == 0 && flushed.get() {
                return;
            }
        }
    }
}

/// Counts as a request in progress until it is dropped.
pub struct InProgress {
    state: watch::Sender<State>,
}

impl InProgress {
    /// A body that counts as in progress until it is dropped, as a request's is when it has been read, and a
    /// response's when it has been handed over to be sent.
    pub fn with<B>(self, body: B) -> CountedBody<B> {
        CountedBody {
            body,
            _in_progress: self,
        }
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.state.send_modify(|state| state.in_progress -= 1);
    }
}

/// The body of a request in progress, or of its response.
pub struct CountedBody<B> {
    body: B,
    _in_progress: InProgress,
}

impl<B: HttpBody + Unpin> HttpBody for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use futures::FutureExt;

    const SOON: Duration = Duration::from_millis(1);
    const LATER: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn the_first_request_has_a_time_limit_of_its_own() {
        let (requests, crowded) = (Requests::default(), Notify::new());
        requests.idle(SOON, LATER, &crowded).await;
        assert!(!requests.served_any());
        drop(requests.begin());
        requests.idle(LATER, SOON, &crowded).await;
        assert!(requests.served_any());
    }

    #[tokio::test]
    async fn a_request_is_in_progress_until_its_response_is_sent() {
        let (requests, crowded) = (Requests::default(), Notify::new());
        let body = requests.begin().with(Body::from("sent"));
        assert_eq!(body.size_hint().exact(), Some(4));
        let idle = requests.idle(Duration::ZERO, Duration::ZERO, &crowded);
        let mut idle = std::pin::pin!(idle);
        assert!(idle.as_mut().now_or_never().is_none());
        drop(body);
        idle.await;
    }

    #[tokio::test]
    async fn the_connection_that_waits_for_longest_gives_way() {
        let (old, new, crowded) = (Requests::default(), Requests::default(), Notify::new());
        let unused = Requests::default();
        for requests in [&old, &new] {
            drop(requests.begin());
        }
        let [mut old, mut new, mut unused] =
            [&old, &new, &unused].map(|requests| Box::pin(requests.idle(LATER, LATER, &crowded)));
        for idle in [&mut unused, &mut old, &mut new] {
            assert!(idle.now_or_never().is_none());
        }
        crowded.notify_one();
        assert!((&mut new).now_or_never().is_none());
        assert!((&mut unused).now_or_never().is_none());
        assert!((&mut old).now_or_never().is_some());
    }
}
