//! Something between two programs that behaves as networks do: slow, lossy, repeating itself.

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

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is passed on, and so is its answer.
    Passed,
    /// The same, after a while.
    Late(Duration),
    /// It never arrives, and nobody answers.
    Lost,
    /// It arrives; the answer breaks off.
    AnswerLost,
    /// It arrives; instead of the answer comes something with this status that is no JSON.
    Rubbish(u16),
    /// It never arrives; something with this status that is no JSON comes back.
    Turned(u16),
    /// It arrives twice, at the same time.
    Twice,
    /// It is answered at once as if it had arrived, and arrives after a while.
    Postponed(Duration),
    /// It is answered as if it had arrived.
    Swallowed,
    /// It is kept for [`Relay::release`], and answered as if it had arrived.
    Kept,
}

/// How the paths of webhooks begin.
pub const WEBHOOKS: &str = "/v1/connectors/";

/// How long a request that was lost is left without an answer.
const SILENCE: Duration = Duration::from_secs(600);

type Weather = Box<dyn FnMut(&Method, &str) -> Fate + Send>;

/// A request as it came.
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
    /// Where it listens.
    pub url: String,
    inner: Arc<Inner>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relay {
    /// Starts one that passes everything on, once it knows where to.
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

    /// Starts one before a server that keeps the payment systems' webhooks and passes all else on.
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

    /// Where requests are passed on to; if there are several, to each in turn.
    pub fn send_to(&self, targets: &[&str]) {
        *lock(&self.inner.targets) = targets.iter().map(ToString::to_string).collect();
    }

    /// What becomes of requests from now on, by method and path.
    pub fn weather(&self, weather: impl FnMut(&Method, &str) -> Fate + Send + 'static) {
        *lock(&self.inner.weather) = Box::new(weather);
    }

    /// How many requests are kept.
    pub fn kept(&self) -> usize {
        lock(&self.inner.kept).len()
    }

    /// Passes a kept request on; it stays kept and can come again. Gives the status of its answer.
    ///
    /// # Errors
    /// When there is none of this number, or nobody answers.
    pub async fn release(&self, number: usize) -> Result<StatusCode> {
        let request = lock(&self.inner.kept).get(number).cloned();
        let request = request.ok_or_else(|| anyhow::anyhow!("none of this number is kept"))?;
        Ok(self.inner.pass(&request).await?.status())
    }

    /// Forgets what is kept.
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
        let target = target.ok_or_else(|| anyhow::anyhow!("nowhere to pass it on to"))?;
        let answer = self
            .http
            .request(request.method.clone(), format!("{target}{}", request.path))
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send()
            .await?;
        let (status, mut headers) = (answer.status(), answer.headers().clone());
        headers.remove("transfer-encoding");
        // Streams are streamed: live events go through here as well.
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
                // One that can't be passed on then is lost.
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

/// The beginning of an answer, and no end.
fn broken_off() -> Response {
    let beginning: Vec<Result<Bytes, std::io::Error>> = vec![
        Ok(Bytes::from_static(b"{")),
        Err(std::io::ErrorKind::ConnectionReset.into()),
    ];
    Response::new(Body::from_stream(futures::stream::iter(beginning)))
}
