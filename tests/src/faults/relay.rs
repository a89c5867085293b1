//! A relay between two programs that injects network faults.

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// A fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No fault: the request and its response are forwarded.
    None,
    /// The request is forwarded after a delay.
    Delay(Duration),
    /// The request is not forwarded, and no response is sent.
    DropRequest,
    /// The request is forwarded, and the response is cut off.
    DropResponse,
    /// The request is forwarded, and the response is replaced by HTML with this status.
    CorruptResponse(u16),
    /// The request is not forwarded. The response is HTML with this status.
    Reject(u16),
    /// The request is forwarded twice, concurrently.
    Duplicate,
    /// The response is sent at once, and the request is forwarded after a delay.
    DeliverLater(Duration),
    /// The response is sent, and the request is not forwarded.
    Discard,
    /// The response is sent, and the request is held for [`Relay::release`].
    Hold,
}

/// The path prefix of webhooks.
pub const WEBHOOKS: &str = "/v1/connectors/";

/// How long the connection of a lost request stays open.
const SILENCE: Duration = Duration::from_secs(600);

type Injector = Box<dyn FnMut(&Method, &str, &[u8]) -> Fault + Send>;

/// A request.
#[derive(Debug, Clone)]
struct Request {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

struct Inner {
    http: reqwest::Client,
    targets: Mutex<Vec<String>>,
    turn: AtomicUsize,
    injector: Mutex<Injector>,
    held: Mutex<Vec<Request>>,
}

/// A running relay.
#[derive(Clone)]
pub struct Relay {
    /// The URL.
    pub url: String,
    inner: Arc<Inner>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relay {
    /// Starts a relay that forwards everything to the targets of [`Self::send_to`].
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> Result<Self> {
        crate::client::install_crypto_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()?;
        let inner = Arc::new(Inner {
            http,
            targets: Mutex::default(),
            turn: AtomicUsize::new(0),
            injector: Mutex::new(Box::new(|_, _, _| Fault::None)),
            held: Mutex::default(),
        });
        let router = Router::new().fallback(relayed).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, inner })
    }

    /// Starts a relay that holds webhooks and forwards everything else.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn holding_webhooks() -> Result<Self> {
        let relay = Self::start().await?;
        relay.inject(|_, path| {
            if path.starts_with(WEBHOOKS) {
                Fault::Hold
            } else {
                Fault::None
            }
        });
        Ok(relay)
    }

    /// Sets the targets. Several targets are used in turn.
    pub fn send_to(&self, targets: &[&str]) {
        *lock(&self.inner.targets) = targets.iter().map(ToString::to_string).collect();
    }

    /// Sets the fault of each request by its method and path.
    pub fn inject(&self, mut injector: impl FnMut(&Method, &str) -> Fault + Send + 'static) {
        self.inject_by_body(move |method, path, _| injector(method, path));
    }

    /// Sets the fault of each request by its method, path and body.
    pub fn inject_by_body(
        &self,
        injector: impl FnMut(&Method, &str, &[u8]) -> Fault + Send + 'static,
    ) {
        *lock(&self.inner.injector) = Box::new(injector);
    }

    /// Returns the number of held requests.
    pub fn held(&self) -> usize {
        lock(&self.inner.held).len()
    }

    /// Forwards a held request, which stays held. Returns the status of the response.
    ///
    /// # Errors
    /// When no request has this number, or the target does not respond.
    pub async fn release(&self, number: usize) -> Result<StatusCode> {
        let request = lock(&self.inner.held).get(number).cloned();
        let request = request.ok_or_else(|| anyhow::anyhow!("no held request has this number"))?;
        Ok(self.inner.forward(&request).await?.status())
    }

    /// Removes all held requests.
    pub fn clear(&self) {
        lock(&self.inner.held).clear();
    }
}

impl Inner {
    async fn forward(&self, request: &Request) -> Result<Response> {
        let target = {
            let targets = lock(&self.targets);
            let turn = self.turn.fetch_add(1, Ordering::Relaxed);
            let at = turn.checked_rem(targets.len());
            at.and_then(|at| targets.get(at).cloned())
        };
        let target = target.ok_or_else(|| anyhow::anyhow!("the relay has no target"))?;
        let answer = self
            .http
            .request(request.method.clone(), format!("{target}{}", request.path))
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send()
            .await?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove("transfer-encoding");
        // The body is streamed, because it may be a stream of live events.
        let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

async fn relayed(
    State(relay): State<Arc<Inner>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    headers.remove("content-length");
    let path = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let fault = lock(&relay.injector)(&method, &path, &body);
    let request = Request {
        method,
        path,
        headers,
        body,
    };
    let forward = async || {
        let answer = relay.forward(&request).await;
        answer.unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
    };
    let accepted = || "{}".into_response();
    match fault {
        Fault::None => forward().await,
        Fault::Delay(by) => {
            tokio::time::sleep(by).await;
            forward().await
        }
        Fault::DropRequest => {
            tokio::time::sleep(SILENCE).await;
            cut_off()
        }
        Fault::DropResponse => {
            forward().await;
            cut_off()
        }
        Fault::CorruptResponse(status) => {
            forward().await;
            corrupt(status)
        }
        Fault::Reject(status) => corrupt(status),
        Fault::Duplicate => futures::future::join(forward(), forward()).await.0,
        Fault::DeliverLater(by) => {
            let (relay, request) = (relay.clone(), request.clone());
            tokio::spawn(async move {
                tokio::time::sleep(by).await;
                // A failure is ignored: the request is lost.
                let _ = relay.forward(&request).await;
            });
            accepted()
        }
        Fault::Discard => accepted(),
        Fault::Hold => {
            lock(&relay.held).push(request.clone());
            accepted()
        }
    }
}

fn corrupt(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    (status, "<html><h1>Something else</h1>").into_response()
}

/// Returns a response that ends early.
fn cut_off() -> Response {
    let beginning: Vec<Result<Bytes, std::io::Error>> = vec![
        Ok(Bytes::from_static(b"{")),
        Err(std::io::ErrorKind::ConnectionReset.into()),
    ];
    Response::new(Body::from_stream(futures::stream::iter(beginning)))
}
