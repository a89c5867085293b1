//! A socket that hyper can give back while its client has no request, so that the connection needs no buffers.

use axum::body::Bytes;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;

/// A connection whose client reads what is sent to it.
pub type Socket = Pin<Box<TimeoutStream<TcpStream>>>;

/// Whether hyper has sent all that it was given to send: it flushes a socket once it keeps nothing back.
#[derive(Clone, Default)]
pub struct Flushed(Arc<AtomicBool>);

impl Flushed {
    /// Whether nothing waits to be sent.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, flushed: bool) {
        self.0.store(flushed, Ordering::Relaxed);
    }
}

/// A socket with what an earlier connection read of it and did not use.
pub struct Resumed {
    unused: Bytes,
    socket: Socket,
    flushed: Flushed,
}

impl Resumed {
    /// A socket whose state `flushed` tells.
    pub fn new(socket: Socket, flushed: Flushed) -> Self {
        Self {
            unused: Bytes::new(),
            socket,
            flushed,
        }
    }

    /// Gives back what was read and not used.
    pub fn unread(mut self, unused: Bytes) -> Self {
        // What could not be read before comes after it.
        self.unused = [unused, self.unused].concat().into();
        self
    }

    /// Returns when there is something to read.
    ///
    /// # Errors
    /// When the socket fails.
    pub async fn readable(&self) -> Result<()> {
        if self.unused.is_empty() {
            self.socket.get_ref().readable().await?;
        }
        Ok(())
    }
}

impl AsyncRead for Resumed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        if self.unused.is_empty() {
            return self.socket.as_mut().poll_read(cx, buffer);
        }
        let length = self.unused.len().min(buffer.remaining());
        buffer.put_slice(&self.unused.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Resumed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.flushed.set(false);
        self.socket.as_mut().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.flushed.set(false);
        self.socket.as_mut().poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(self.socket.as_mut().poll_flush(cx))?;
        self.flushed.set(true);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.socket.as_mut().poll_shutdown(cx)
    }
}
