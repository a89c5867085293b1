//! A payment system's books and its script, shared by those that speak different dialects.

use super::{Message, PaymentSystem, Plan};
use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Form, Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use url::Url;

/// Longer than the server waits for any answer.
const FOREVER: Duration = Duration::from_secs(60);

/// How a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The buyer has to confirm.
    Open,
    /// The buyer has; the money is not taken.
    Confirmed,
    /// The money is taken.
    Paid,
    /// The bank said no.
    Declined,
    /// Called off.
    Canceled,
}

/// Money given back.
#[derive(Debug, Clone)]
pub struct Refund {
    /// Our id.
    pub ours: String,
    /// The system's.
    pub id: String,
    /// Minor units.
    pub amount: i64,
}

/// A payment.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Our id.
    pub ours: String,
    /// The system's.
    pub reference: String,
    /// Minor units by ISO 4217, and the code.
    pub amount: i64,
    /// Upper case.
    pub currency: String,
    /// How it stands.
    pub state: State,
    /// What was to happen to it.
    pub plan: Plan,
    /// Where the buyer is sent back.
    pub return_url: String,
    /// What was given back.
    pub refunds: Vec<Refund>,
}

impl Entry {
    /// The unique part of our id, for a reference that looks like the system's own.
    pub fn unique(ours: &str) -> String {
        let tail = ours.rsplit('_').next().unwrap_or(ours);
        tail.chars().rev().take(16).collect()
    }
}

/// What is said and done in one payment system's way.
pub trait Dialect: Send + Sync + 'static {
    /// The connector's kind.
    const KIND: &'static str;
    /// What a refusal for lack of funds is called.
    const DECLINE: &'static str = "insufficient_funds";

    /// The interface.
    fn router(mock: Arc<Mock>) -> Router;
    /// The account's credentials.
    fn credentials(base: &str) -> Value;
    /// The payment fixation that sets a plan off.
    fn pay(plan: Plan) -> Value;
    /// A webhook that says how a payment stands.
    fn message(mock: &Mock, entry: &Entry) -> Message;
    /// See [`PaymentSystem::refunded`].
    fn refunded(mock: &Mock, entry: &Entry, refund: &Refund) -> Option<Message>;
    /// See [`PaymentSystem::forgeries`].
    fn forgeries(mock: &Mock, entry: &Entry) -> Vec<Message>;
    /// The buyer confirms.
    fn confirmed(entry: &mut Entry);
    /// What is added to the address the buyer is sent back to.
    fn returned(entry: &Entry) -> Vec<(&'static str, String)>;
}

/// The running system's books.
pub struct Mock {
    /// Where it is.
    pub base: String,
    plan: Mutex<Plan>,
    entries: Mutex<Vec<Entry>>,
    keys: Mutex<Vec<String>>,
    server: OnceLock<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Mock {
    /// The payments.
    pub fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        lock(&self.entries)
    }

    /// Looks at a payment, by our id or the system's, or changes it.
    pub fn with<T>(&self, id: &str, look: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut entries = self.entries();
        let entry = entries
            .iter_mut()
            .find(|e| e.ours == id || e.reference == id)?;
        Some(look(entry))
    }

    /// A payment as it stands.
    pub fn entry(&self, id: &str) -> Option<Entry> {
        self.with(id, |e| e.clone())
    }

    /// The form of a payment, for a browser. It is on a site of its own.
    pub fn form(&self, reference: &str) -> String {
        let bank = self.base.replace("127.0.0.1", "bank.localhost");
        format!("{bank}/form/{reference}")
    }

    /// The buyer answers on the form. Gives where they are sent.
    fn answered<D: Dialect>(&self, reference: &str, yes: bool) -> Result<String> {
        let entry = self.with(reference, |entry| {
            match yes {
                true => D::confirmed(entry),
                false => entry.state = State::Canceled,
            }
            entry.clone()
        });
        let entry = entry.with_context(|| format!("no payment {reference}"))?;
        let mut back = Url::parse(&entry.return_url)?;
        back.query_pairs_mut().extend_pairs(D::returned(&entry));
        Ok(back.into())
    }

    /// What is to happen next.
    pub fn plan(&self) -> Plan {
        *lock(&self.plan)
    }

    /// The calls that were not the system's to answer properly.
    pub fn refusal(&self, error: impl FnOnce(u16) -> Value) -> Option<Response> {
        let mut plan = lock(&self.plan);
        let status = match *plan {
            Plan::Busy(0) => {
                *plan = Plan::Approve;
                return None;
            }
            Plan::Busy(left) => {
                *plan = Plan::Busy(left - 1);
                429
            }
            Plan::Fail(status) => status,
            _ => return None,
        };
        let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Some((code, axum::Json(error(status))).into_response())
    }

    /// Writes a payment down unless its key was used before. Gives it, and whether it is new.
    pub fn book(&self, key: &str, new: Entry) -> (Entry, bool) {
        lock(&self.keys).push(key.to_owned());
        let mut entries = self.entries();
        if let Some(known) = entries.iter().find(|e| e.ours == new.ours) {
            return (known.clone(), false);
        }
        entries.push(new.clone());
        (new, true)
    }

    /// Writes a refund down unless it was before.
    pub fn give_back(&self, reference: &str, refund: Refund) -> Option<Refund> {
        self.with(reference, |entry| {
            let known = entry
                .refunds
                .iter()
                .find(|r| r.ours == refund.ours)
                .cloned();
            known.unwrap_or_else(|| {
                entry.refunds.push(refund.clone());
                refund
            })
        })
    }

    /// What the plan does to the answer of the call that takes the money: nothing, or the webhook
    /// comes first, or the answer never does.
    pub async fn before_the_answer<D: Dialect>(&self, entry: &Entry) {
        match entry.plan {
            Plan::WebhookFirst => {
                let message = D::message(self, entry);
                let url = self.server.get().cloned().unwrap_or_default();
                let mut request = reqwest::Client::new().post(url);
                for (name, value) in message.headers {
                    request = request.header(name, value);
                }
                let _ = request.body(message.body).send().await;
            }
            Plan::LoseAnswer => tokio::time::sleep(FOREVER).await,
            Plan::Approve | Plan::Verify | Plan::Decline | Plan::Fail(_) | Plan::Busy(_) => {}
        }
    }
}

/// A running system of one dialect.
pub struct Mocked<D> {
    /// Its books.
    pub mock: Arc<Mock>,
    dialect: std::marker::PhantomData<D>,
}

impl<D: Dialect> PaymentSystem for Mocked<D> {
    const KIND: &'static str = D::KIND;

    async fn start() -> Result<Self> {
        crate::client::install_crypto_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mock = Arc::new(Mock {
            base: format!("http://{}", listener.local_addr()?),
            plan: Mutex::new(Plan::Approve),
            entries: Mutex::default(),
            keys: Mutex::default(),
            server: OnceLock::new(),
        });
        let router = D::router(mock.clone()).merge(forms::<D>(mock.clone()));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let dialect = std::marker::PhantomData;
        Ok(Self { mock, dialect })
    }

    fn credentials(&self) -> Value {
        D::credentials(&self.mock.base)
    }

    fn report_to(&self, url: String) {
        let _ = self.mock.server.set(url);
    }

    fn pay(&self, plan: Plan) -> Value {
        *lock(&self.mock.plan) = plan;
        D::pay(plan)
    }

    async fn confirm(&self, form: &str) -> Result<String> {
        let form = Url::parse(form)?;
        let reference = form.path_segments().and_then(|mut s| s.next_back());
        let reference = reference.context("no form")?;
        self.mock.answered::<D>(reference, true)
    }

    async fn taken(&self) -> Result<i64> {
        let entries = self.mock.entries();
        let paid = entries.iter().filter(|e| e.state == State::Paid);
        let kept = |e: &Entry| e.amount - e.refunds.iter().map(|r| r.amount).sum::<i64>();
        Ok(paid.map(kept).sum())
    }

    async fn payments(&self) -> Result<usize> {
        Ok(self.mock.entries().len())
    }

    fn take(&self, payment: &str, amount: i64, currency: &str) -> Result<()> {
        let done = self.mock.with(payment, |entry| {
            entry.state = State::Paid;
            entry.amount = amount;
            entry.currency = currency.to_owned();
        });
        done.context("no such payment")
    }

    fn message(&self, payment: &str) -> Result<Message> {
        let entry = self.mock.entry(payment).context("no such payment")?;
        Ok(D::message(&self.mock, &entry))
    }

    fn refunded(&self, refund: &str) -> Result<Option<Message>> {
        let entries = self.mock.entries().clone();
        for entry in &entries {
            if let Some(found) = entry.refunds.iter().find(|r| r.ours == refund) {
                return Ok(D::refunded(&self.mock, entry, found));
            }
        }
        anyhow::bail!("no refund {refund}")
    }

    fn forgeries(&self, payment: &str) -> Result<Vec<Message>> {
        let entry = self.mock.entry(payment).context("no such payment")?;
        Ok(D::forgeries(&self.mock, &entry))
    }

    fn decline(&self) -> &'static str {
        D::DECLINE
    }

    fn keys_seen(&self) -> Vec<String> {
        lock(&self.mock.keys).clone()
    }
}

/// The page on which a buyer says yes or no. It refuses frames, as the real ones do.
fn forms<D: Dialect>(mock: Arc<Mock>) -> Router {
    const PAGE: &str = "<!doctype html><title>Bank</title><form method=post>\
        <button id=confirm name=answer value=yes>Confirm</button>\
        <button id=cancel name=answer value=no>Cancel</button></form>";
    let shown = async || ([("x-frame-options", "DENY")], Html(PAGE));
    let answered = async |Shared(mock): Shared<Arc<Mock>>,
                          Path(reference): Path<String>,
                          Form(said): Form<Value>| {
        match mock.answered::<D>(&reference, said["answer"] == "yes") {
            Ok(back) => Redirect::to(&back).into_response(),
            Err(_) => StatusCode::NOT_FOUND.into_response(),
        }
    };
    let form = get(shown).post(answered);
    Router::new().route("/form/{id}", form).with_state(mock)
}

/// A header's value.
pub fn header(headers: &axum::http::HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|v| v.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// A card that may be typed into our form.
pub fn card() -> Value {
    crate::client::card("4242424242424242")
}

/// A method without fields.
pub fn method(name: &str) -> Value {
    json!({ "method": name })
}
