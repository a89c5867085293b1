//! The project's endpoint. It verifies callbacks with a Standard Webhooks library, records them and
//! responds as the test configures.

use anyhow::Result;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::net::TcpListener;

/// A received callback.
#[derive(Debug, Clone)]
pub struct ReceivedCallback {
    /// `webhook-id`.
    pub id: String,
    /// Whether the signature is valid.
    pub verified: bool,
    /// The status of the response.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The raw body.
    pub raw: String,
    /// The headers.
    pub headers: HeaderMap,
}

type Answer = Box<dyn Fn(usize, &Value) -> Response + Send>;

struct Endpoint {
    secret: OnceLock<String>,
    callbacks: Mutex<Vec<ReceivedCallback>>,
    checks: Mutex<Vec<ReceivedCallback>>,
    notify_answer: Mutex<Answer>,
    check_answer: Mutex<Answer>,
}

/// The running endpoint.
#[derive(Clone)]
pub struct Project {
    /// The URL.
    pub url: String,
    endpoint: Arc<Endpoint>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Project {
    /// Starts an endpoint that accepts everything, and confirms every order with its own amount.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let endpoint = Arc::new(Endpoint {
            secret: OnceLock::new(),
            callbacks: Mutex::default(),
            checks: Mutex::default(),
            notify_answer: Mutex::new(Box::new(|_, _| StatusCode::NO_CONTENT.into_response())),
            check_answer: Mutex::new(Box::new(|_, check| confirmed(check))),
        });
        let router = Router::new()
            .route("/callbacks", post(callback))
            .route("/check", post(check))
            .with_state(endpoint.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { url, endpoint })
    }

    /// Sets the signing secret.
    pub fn set_signing_secret(&self, secret: &str) {
        let _ = self.endpoint.secret.set(secret.to_owned());
    }

    /// Returns the received callbacks.
    pub fn callbacks(&self) -> Vec<ReceivedCallback> {
        lock(&self.endpoint.callbacks).clone()
    }

    /// Returns the received order checks.
    pub fn checks(&self) -> Vec<ReceivedCallback> {
        lock(&self.endpoint.checks).clone()
    }

    /// Sets the response to callbacks. `answer` gets the number of earlier callbacks.
    pub fn respond_to_callbacks(&self, answer: impl Fn(usize) -> Response + Send + 'static) {
        *lock(&self.endpoint.notify_answer) = Box::new(move |earlier, _| answer(earlier));
    }

    /// Sets the status of the response to each callback. `status` gets the callback's body.
    pub fn respond_by_event(&self, status: impl Fn(&Value) -> StatusCode + Send + 'static) {
        *lock(&self.endpoint.notify_answer) = Box::new(move |_, body| status(body).into_response());
    }

    /// Returns the received callbacks that were accepted.
    pub fn accepted(&self) -> Vec<ReceivedCallback> {
        let mut callbacks = self.callbacks();
        callbacks.retain(|callback| callback.status < 300);
        callbacks
    }

    /// Sets the response to order checks. `answer` gets the number of earlier checks.
    pub fn respond_to_checks(&self, answer: impl Fn(usize) -> Response + Send + 'static) {
        *lock(&self.endpoint.check_answer) = Box::new(move |earlier, _| answer(earlier));
    }

    /// Confirms every order with its own amount and currency.
    pub fn confirm_orders(&self) {
        *lock(&self.endpoint.check_answer) = Box::new(|_, check| confirmed(check));
    }
}

/// The answer to an order check that accepts the order with its own amount and currency.
fn confirmed(check: &Value) -> Response {
    let invoice = &check["data"]["invoice"];
    let (amount, currency) = (&invoice["amount"], &invoice["currency"]);
    let answer = json!({ "accept": true, "amount": amount, "currency": currency });
    answer.to_string().into_response()
}

async fn callback(State(own): State<Arc<Endpoint>>, headers: HeaderMap, body: Bytes) -> Response {
    record(&own, &own.callbacks, &own.notify_answer, &headers, &body)
}

async fn check(State(own): State<Arc<Endpoint>>, headers: HeaderMap, body: Bytes) -> Response {
    record(&own, &own.checks, &own.check_answer, &headers, &body)
}

fn record(
    own: &Endpoint,
    list: &Mutex<Vec<ReceivedCallback>>,
    answer: &Mutex<Answer>,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response {
    let secret = own.secret.get().cloned().unwrap_or_default();
    let verified = Webhook::new(&secret).is_ok_and(|w| w.verify(body, headers).is_ok());
    let id = headers.get("webhook-id").and_then(|v| v.to_str().ok());
    let parsed = serde_json::from_slice(body).unwrap_or_default();
    let mut list = lock(list);
    let response = lock(answer)(list.len(), &parsed);
    list.push(ReceivedCallback {
        id: id.unwrap_or_default().to_owned(),
        verified,
        status: response.status().as_u16(),
        body: parsed,
        raw: String::from_utf8_lossy(body).into_owned(),
        headers: headers.clone(),
    });
    response
}
