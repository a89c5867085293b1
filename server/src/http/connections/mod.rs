//! Connections: accepts them up to the limits, serves HTTP/1.1 and HTTP/2 on them, over TLS if the server has
//! a certificate, and closes those that have no request for too long.

mod admission;
mod requests;
mod socket;
mod tls;

pub use tls::Tls;

use crate::app::App;
use admission::{Admission, Admitted};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::serve::Listener;
use futures::future::BoxFuture;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulConnection;
use hyper_util::service::TowerToHyperService;
use requests::{CountedBody, Requests};
use socket::{Flushed, Resumed, Socket};
use std::convert::Infallible;
use std::fmt::Display;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, sink};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::server::TlsStream;
use tokio_util::task::TaskTracker;

/// The largest head of an HTTP/1.1 request, in bytes.
const LARGEST_HEAD: usize = 64 * 1024;
/// The largest header list of an HTTP/2 request, in bytes.
const LARGEST_HEADER_LIST: u32 = 32 * 1024;
/// The concurrent streams of an HTTP/2 connection: the fewest that RFC 9113 section 6.5.2 recommends.
const MAX_STREAMS: u32 = 100;
/// The streams that an HTTP/2 client may reset before they are served (CVE-2023-44487).
const MAX_RESETS: usize = 20;
/// The streams of an HTTP/2 connection that may be reset because of the client's errors.
const MAX_ERRORS: usize = 100;
/// How often an HTTP/2 client is asked whether it is there, and how long it may take to answer.
const PING: Duration = Duration::from_secs(20);
/// How long a client may read nothing of what is sent to it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests that are under way may take to arrive on a connection that is being closed.
const GRACE: Duration = Duration::from_secs(1);

/// How a client begins that speaks HTTP/2 without TLS (RFC 9113 section 3.4).
const HTTP2: [u8; 3] = *b"PRI";

/// The response to a client that speaks HTTP where HTTPS is expected, as Go's net/http has it.
const PLAIN_HTTP: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Connection: close\r\n\r\nThis is an HTTPS server. The request was sent with HTTP.\n";

type Response = hyper::Response<CountedBody<Body>>;
/// Boxed: hyper has room for it also while the connection is idle.
type Responding = BoxFuture<'static, Result<Response, Infallible>>;

/// What all connections share.
struct Server {
    app: Arc<App>,
    router: TowerToHyperService<Router>,
    either_version: auto::Builder<TokioExecutor>,
    http1: http1::Builder,
    admission: Admission,
    tls: Option<Arc<Tls>>,
}

/// Serves the routes until [`App::shutdown`] is cancelled. Then accepts no more connections, and returns
/// when the responses in progress have been sent.
///
/// # Errors
/// Never: a listener that fails is tried again.
pub async fn serve(
    router: Router,
    app: Arc<App>,
    mut listener: TcpListener,
    tls: Option<Arc<Tls>>,
) -> anyhow::Result<()> {
    let server = Arc::new(Server {
        router: TowerToHyperService::new(router),
        either_version: either_version(),
        http1: http1(),
        admission: Admission::new(&app.config),
        app,
        tls,
    });
    let connections = TaskTracker::new();
    loop {
        let next = async {
            let permit = server.admission.permit().await?;
            anyhow::Ok((permit, Listener::accept(&mut listener).await))
        };
        let (permit, (io, peer)) = tokio::select! {
            next = next => next?,
            () = server.app.shutdown.cancelled() => break,
        };
        let Some(admitted) = server.admission.admit(permit, peer.ip()) else {
            server.app.metrics.connection_rejected();
            continue;
        };
        connections.spawn(server.clone().connection(io, peer, admitted));
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

fn either_version() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_buf_size(LARGEST_HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(LARGEST_HEADER_LIST)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_ERRORS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    builder
}

fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.max_buf_size(LARGEST_HEAD);
    builder
}

impl Server {
    /// Serves a connection to its end. The handshake and the head of the first request share one deadline.
    async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, _admitted: Admitted) {
        let _gauge = self.app.metrics.connection();
        let deadline = Instant::now() + self.app.config.header_timeout();
        let mut socket = TimeoutStream::new(stream);
        socket.set_write_timeout(Some(WRITE_TIMEOUT));
        let socket = Box::pin(socket);
        // Boxed: the others need no room for it.
        match &self.tls {
            Some(tls) => Box::pin(self.encrypted(tls, socket, peer, deadline)).await,
            None => self.plain(socket, peer, deadline).await,
        }
    }

    async fn encrypted(&self, tls: &Tls, socket: Socket, peer: SocketAddr, deadline: Instant) {
        let encrypted = tokio::select! {
            encrypted = timeout_at(deadline, handshake(tls, socket)) => encrypted,
            () = self.app.shutdown.cancelled() => return,
        };
        match encrypted {
            Ok(Ok(io)) => self.either_version(io, peer, deadline).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
        }
    }

    async fn plain(&self, socket: Socket, peer: SocketAddr, deadline: Instant) {
        let mut start = HTTP2;
        let begun = tokio::select! {
            begun = timeout_at(deadline, socket.get_ref().peek(&mut start)) => begun,
            () = self.app.shutdown.cancelled() => return,
        };
        match begun {
            Ok(Ok(length)) if !HTTP2.starts_with(&start[..length]) => {
                self.http1(socket, peer, deadline).await;
            }
            Ok(Ok(_)) => Box::pin(self.either_version(socket, peer, deadline)).await,
            Ok(Err(error)) => report(peer, Err(error)),
            Err(_) => tracing::debug!(%peer, "a connection without a request was closed"),
        }
    }

    /// Serves the requests of a connection, the first of which has to arrive by the deadline.
    async fn either_version<I>(&self, io: I, peer: SocketAddr, deadline: Instant)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let requests = Requests::default();
        let service = self.service(&requests, peer);
        let mut connection = pin!(
            self.either_version
                .serve_connection(TokioIo::new(io), service)
        );
        tokio::select! {
            ended = connection.as_mut() => report(peer, ended),
            () = self.until_closing(&requests, deadline) => self.end(connection, &requests, peer).await,
        }
    }

    /// Does the same for HTTP/1.1. While the connection waits for a request, hyper and its buffers are not
    /// there.
    async fn http1(&self, socket: Socket, peer: SocketAddr, deadline: Instant) {
        let (requests, flushed) = (Requests::default(), Flushed::default());
        let mut closing = pin!(self.until_closing(&requests, deadline));
        let mut socket = Resumed::new(socket, flushed.clone());
        loop {
            tokio::select! {
                readable = socket.readable() => {
                    if readable.is_err() {
                        return report(peer, readable);
                    }
                }
                () = closing.as_mut() => return,
            }
            let service = self.service(&requests, peer);
            let connection = self.http1.serve_connection(TokioIo::new(socket), service);
            let mut connection = Box::pin(connection);
            tokio::select! {
                // hyper comes first: it has then dealt with all that made the connection pause, as with the
                // rest of a body that nobody reads, which would otherwise be read as the next request.
                biased;
                ended = poll_fn(|cx| connection.poll_without_shutdown(cx)) => {
                    report(peer, ended);
                    return close(Pin::into_inner(connection).into_parts().io.into_inner()).await;
                }
                () = closing.as_mut() => return self.end(connection.as_mut(), &requests, peer).await,
                () = requests.paused(&flushed) => {}
            }
            let parts = Pin::into_inner(connection).into_parts();
            socket = parts.io.into_inner().unread(parts.read_buf);
        }
    }

    /// What answers the requests of a connection.
    fn service(
        &self,
        requests: &Requests,
        peer: SocketAddr,
    ) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future = Responding>
    {
        service_fn(move |request: Request<Incoming>| {
            let [received, sent] = [requests.begin(), requests.begin()];
            let mut request = request.map(|body| received.with(body));
            request.extensions_mut().insert(ConnectInfo(peer));
            let response = self.router.call(request);
            let response = async move { Ok(response.await?.map(|body| sent.with(body))) };
            Box::pin(response) as Responding
        })
    }

    /// Returns when a connection has had no request for too long, or the server shuts down.
    async fn until_closing(&self, requests: &Requests, deadline: Instant) {
        let (head, keep_alive) = (
            deadline.saturating_duration_since(Instant::now()),
            self.app.config.keep_alive_timeout(),
        );
        tokio::select! {
            () = self.app.shutdown.cancelled() => {}
            () = requests.idle(head, keep_alive, &self.admission.crowded) => {}
        }
    }

    /// Ends a connection once the responses in progress have been sent.
    async fn end<C>(&self, mut connection: Pin<&mut C>, requests: &Requests, peer: SocketAddr)
    where
        C: GracefulConnection<Error: Display>,
    {
        if !requests.served_any() && !self.app.shutdown.is_cancelled() {
            tracing::debug!(%peer, "a connection without a request was closed");
            return;
        }
        connection.as_mut().graceful_shutdown();
        let nobody = Notify::new();
        tokio::select! {
            ended = connection => report(peer, ended),
            () = requests.idle(GRACE, GRACE, &nobody) => {}
        }
    }
}

/// Encrypts a connection. A client that speaks HTTP is told that this is an HTTPS server.
async fn handshake(tls: &Tls, mut socket: Socket) -> std::io::Result<TlsStream<Socket>> {
    let mut first = [0];
    let is_empty = socket.get_ref().peek(&mut first).await? == 0;
    // A method begins with a capital letter, and TLS with 22 (RFC 8446 section 5.1).
    if is_empty || !first[0].is_ascii_uppercase() {
        return tls.accept(socket).await;
    }
    socket.write_all(PLAIN_HTTP).await?;
    close(socket).await;
    Err(std::io::Error::other("the client spoke HTTP"))
}

/// Closes a connection, and reads what its client still sends for a moment. If that were left unread, the system would
/// reset the connection, and the client might not get the response (RFC 9112 section 9.6).
async fn close<I: AsyncRead + AsyncWrite + Unpin>(mut io: I) {
    if io.shutdown().await.is_ok() {
        let _ = timeout(GRACE, copy(&mut io, &mut sink())).await;
    }
}

/// Logs why a connection ended, if not as the client and the server agreed.
fn report<E: Display>(peer: SocketAddr, ended: Result<(), E>) {
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection broke");
    }
}
