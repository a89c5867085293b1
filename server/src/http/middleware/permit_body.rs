//! The body of a request whose permit is released while the server waits for the client.

use super::request_permit::RequestPermit;
use axum::BoxError;
use axum::body::{Body, Bytes};
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// A request's body. All of it has to arrive within a time limit.
pub struct PermitBody {
    body: Body,
    permit: RequestPermit,
    timeout: Duration,
    /// Runs from when the server first waits for the client.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl PermitBody {
    /// A body that has to arrive within `timeout`.
    pub fn new(body: Body, permit: RequestPermit, timeout: Duration) -> Self {
        Self {
            body,
            permit,
            timeout,
            deadline: None,
        }
    }
}

impl HttpBody for PermitBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(frame)) => Poll::Ready(Some(frame.map_err(Into::into))),
            Poll::Ready(None) if this.permit.resume() => Poll::Ready(None),
            Poll::Ready(None) => Poll::Ready(Some(Err("there is no permit".into()))),
            Poll::Pending => {
                this.permit.release();
                let timeout = this.timeout;
                let deadline = this
                    .deadline
                    .get_or_insert_with(|| Box::pin(sleep(timeout)));
                ready!(deadline.as_mut().poll(cx));
                Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::TimedOut).into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
