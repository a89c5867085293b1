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
pub enum Fate {
    /// No fault: the request and its response are forwarded.
    Passed,
    /// The request is forwarded after a delay.
    Late(Duration),
    /// The request is not forwarded, and no response is sent.
    Lost,
    /// The request is forwarded, and the response is cut off.
    AnswerLost,
    /// The request is forwarded, and the response is replaced by HTML with this status.
    Rubbish(u16),
    /// The request is not forwarded. The response is HTML with this status.
    Turned(u16),
    /// The request is forwarded twice, concurrently.
    Twice,
    /// The response is sent at once, and the request is forwarded after a delay.
    Postponed(Duration),
    /// The response is sent, and the request is not forwarded.
    Swallowed,
    /// The response is sent, and the request is held for [`Relay::release`].
    Kept,
}

/// The path prefix of webhooks.
pub const WEBHOOKS: &str = "/v1/connectors/";

/// How long the connection of a lost request stays open.
const SILENCE: Duration = Duration::from_secs(600);

type Weather = Box<dyn FnMut(&Method, &str) -> Fate + Send>;

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
    weather: Mutex<Weather>,
    kept: Mutex<Vec<Request>>,
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
            weather: Mutex::new(Box::new(|_, _| Fate::Passed)),
            kept: Mutex::default(),
        });
        let router = Router::new().fallback(relayed).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, inner })
    }

    /// Starts a relay that holds webhooks and forwards everything else.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn keeping_webhooks() -> Result<Self> {
        let relay = Self::start().await?;
        relay.weather(|_, path| match path.starts_with(WEBHOOKS) {
            true => Fate::Kept,
            false => Fate::Passed,
        });
        Ok(relay)
    }

    /// Sets the targets. Several targets are used in turn.
    pub fn send_to(&self, targets: &[&str]) {
        *lock(&self.inner.targets) = targets.iter().map(ToString::to_string).collect();
    }

    /// Sets the fault of each request by its method and path.
    pub fn weather(&self, weather: impl FnMut(&Method, &str) -> Fate + Send + 'static) {
        *lock(&self.inner.weather) = Box::new(weather);
    }

    /// Returns the number of held requests.
    pub fn kept(&self) -> usize {
        lock(&self.inner.kept).len()
    }

    /// Forwards a held request, which stays held. Returns the status of the response.
    ///
    /// # Errors
    /// When no request has this number, or the target does not respond.
    pub async fn release(&self, number: usize) -> Result<StatusCode> {
        let request = lock(&self.inner.kept).get(number).cloned();
        let request = request.ok_or_else(|| anyhow::anyhow!("no held request has this number"))?;
        Ok(self.inner.pass(&request).await?.status())
    }

    /// Removes all held requests.
    pub fn forget(&self) {
        lock(&self.inner.kept).clear();
    }
}

impl Inner {
    async fn pass(&self, request: &Request) -> Result<Response> {
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
    for name in ["host", "content-length"] {
        headers.remove(name);
    }
    let path = uri.path_and_query().map_or("/", |p| p.as_str()).to_owned();
    let fate = lock(&relay.weather)(&method, &path);
    let request = Request {
        method,
        path,
        headers,
        body,
    };
    let pass = async || {
        let answer = relay.pass(&request).await;
        answer.unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
    };
    let taken = || "{}".into_response();
    match fate {
        Fate::Passed => pass().await,
        Fate::Late(by) => {
            tokio::time::sleep(by).await;
            pass().await
        }
        Fate::Lost => {
            tokio::time::sleep(SILENCE).await;
            broken_off()
        }
        Fate::AnswerLost => {
            pass().await;
            broken_off()
        }
        Fate::Rubbish(status) => {
            pass().await;
            rubbish(status)
        }
        Fate::Turned(status) => rubbish(status),
        Fate::Twice => futures::future::join(pass(), pass()).await.0,
        Fate::Postponed(by) => {
            let (relay, request) = (relay.clone(), request.clone());
            tokio::spawn(async move {
                tokio::time::sleep(by).await;
                // A failure is ignored: the request is lost.
                let _ = relay.pass(&request).await;
            });
            taken()
        }
        Fate::Swallowed => taken(),
        Fate::Kept => {
            lock(&relay.kept).push(request.clone());
            taken()
        }
    }
}

fn rubbish(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    (status, "<html><h1>Something else</h1>").into_response()
}

/// Returns a response that ends early.
fn broken_off() -> Response {
    let beginning: Vec<Result<Bytes, std::io::Error>> = vec![
        Ok(Bytes::from_static(b"{")),
        Err(std::io::ErrorKind::ConnectionReset.into()),
    ];
    Response::new(Body::from_stream(futures::stream::iter(beginning)))
}
