//! A mock provider: its ledger and plan, shared by the APIs of the different providers.

pub use super::entry::{Entry, Refund, State};
use super::{Dispute, Message, PaymentSystem, Plan};
use crate::cards::APPROVED;
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

/// Longer than the server's time limit.
const NO_RESPONSE: Duration = Duration::from_secs(60);

/// The API of one provider.
pub trait ProviderApi: Send + Sync + 'static {
    /// The connector's kind.
    const KIND: &'static str;
    /// The decline code for insufficient funds.
    const DECLINE: &'static str = "insufficient_funds";

    /// See [`PaymentSystem::reports_lost_disputes`].
    const REPORTS_LOST_DISPUTES: bool = true;

    /// Returns the API's routes.
    fn router(mock: Arc<Mock>) -> Router;
    /// Returns the account's credentials.
    fn credentials(base: &str) -> Value;
    /// Returns the payment request for a plan.
    fn pay(plan: Plan) -> Value;
    /// Returns a webhook with a payment's status.
    fn message(mock: &Mock, entry: &Entry) -> Message;
    /// See [`PaymentSystem::refunded`].
    fn refunded(mock: &Mock, entry: &Entry, refund: &Refund) -> Option<Message>;
    /// See [`PaymentSystem::refund_failed`].
    fn refund_failed(mock: &Mock, entry: &Entry, refund: &Refund) -> Message;
    /// Returns the webhook of a refund made in the dashboard, which is among the entry's refunds and
    /// whose `ours` is empty.
    fn dashboard_refund(mock: &Mock, entry: &Entry, refund: &Refund) -> Message;
    /// See [`PaymentSystem::dispute`].
    fn dispute(mock: &Mock, entry: &Entry, stage: Dispute) -> Message;
    /// See [`PaymentSystem::reversal`].
    fn reversal(mock: &Mock, entry: &Entry) -> Option<Message>;
    /// See [`PaymentSystem::forged_webhooks`].
    fn forged_webhooks(mock: &Mock, entry: &Entry) -> Vec<Message>;
    /// Confirms a payment.
    fn confirmed(entry: &mut Entry);
    /// Returns the parameters that the provider adds to the return URL.
    fn returned(entry: &Entry) -> Vec<(&'static str, String)>;
}

/// The ledger of a mock provider.
pub struct Mock {
    /// The base URL.
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

    /// Calls `look` with a payment, found by Till's or the provider's id.
    pub fn with<T>(&self, id: &str, look: impl FnOnce(&mut Entry) -> T) -> Option<T> {
        let mut entries = self.entries();
        let entry = entries
            .iter_mut()
            .find(|e| e.ours == id || e.reference == id)?;
        Some(look(entry))
    }

    /// Returns a payment.
    pub fn entry(&self, id: &str) -> Option<Entry> {
        self.with(id, |e| e.clone())
    }

    /// Returns the URL of a payment's form, which is on its own site.
    pub fn form(&self, reference: &str) -> String {
        let bank = self.base.replace("127.0.0.1", "bank.localhost");
        format!("{bank}/form/{reference}")
    }

    /// Submits the form and returns the URL to which the buyer is redirected.
    fn submit_form<D: ProviderApi>(&self, reference: &str, yes: bool) -> Result<String> {
        let entry = self.with(reference, |entry| {
            if yes {
                D::confirmed(entry)
            } else {
                entry.state = State::Canceled
            }
            entry.clone()
        });
        let entry = entry.with_context(|| format!("no payment {reference}"))?;
        let mut back = Url::parse(&entry.return_url)?;
        back.query_pairs_mut().extend_pairs(D::returned(&entry));
        Ok(back.into())
    }

    /// Returns the plan of the next payment.
    pub fn plan(&self) -> Plan {
        *lock(&self.plan)
    }

    /// Returns the error response that the plan requires, if any.
    pub fn error_response(&self, error: impl FnOnce(u16) -> Value) -> Option<Response> {
        let mut plan = lock(&self.plan);
        let status = match *plan {
            Plan::RateLimit(0) => {
                *plan = Plan::Approve;
                return None;
            }
            Plan::RateLimit(left) => {
                *plan = Plan::RateLimit(left - 1);
                429
            }
            Plan::Fail(status) => status,
            _ => return None,
        };
        let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Some((code, axum::Json(error(status))).into_response())
    }

    /// Stores a payment unless it exists. Returns it and whether it is new.
    pub fn insert(&self, key: &str, new: Entry) -> (Entry, bool) {
        lock(&self.keys).push(key.to_owned());
        let mut entries = self.entries();
        if let Some(known) = entries.iter().find(|e| e.ours == new.ours) {
            return (known.clone(), false);
        }
        entries.push(new.clone());
        (new, true)
    }

    /// Stores a refund unless it exists.
    pub fn create_refund(&self, reference: &str, refund: Refund) -> Option<Refund> {
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

    /// Sends a webhook to the server. Returns whether the server accepts it.
    pub async fn deliver(&self, message: &Message) -> bool {
        let url = self.server.get().cloned().unwrap_or_default();
        let mut request = reqwest::Client::new().post(url);
        for (name, value) in &message.headers {
            request = request.header(*name, value);
        }
        let response = request.body(message.body.clone()).send().await;
        response.is_ok_and(|response| response.status().is_success())
    }

    /// Applies the plan before the response of the capturing call: sends the webhook, or delays the
    /// response beyond the time limit.
    pub async fn before_response<D: ProviderApi>(&self, entry: &Entry) {
        match entry.plan {
            Plan::WebhookFirst => {
                self.deliver(&D::message(self, entry)).await;
            }
            Plan::LoseResponse => tokio::time::sleep(NO_RESPONSE).await,
            Plan::Approve | Plan::Verify | Plan::Decline | Plan::Fail(_) | Plan::RateLimit(_) => {}
        }
    }
}

/// A running mock provider.
pub struct MockProvider<D> {
    /// The ledger.
    pub mock: Arc<Mock>,
    api: std::marker::PhantomData<D>,
}

impl<D> MockProvider<D> {
    /// Returns a refund by Till's id, and its payment.
    fn refund(&self, ours: &str) -> Result<(Entry, Refund)> {
        let entries = self.mock.entries();
        let found = entries.iter().find_map(|entry| {
            let refund = entry.refunds.iter().find(|r| r.ours == ours)?;
            Some((entry.clone(), refund.clone()))
        });
        found.with_context(|| format!("no refund {ours}"))
    }
}

impl<D: ProviderApi> PaymentSystem for MockProvider<D> {
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
        let api = std::marker::PhantomData;
        Ok(Self { mock, api })
    }

    fn credentials(&self) -> Value {
        D::credentials(&self.mock.base)
    }

    fn set_webhook_url(&self, url: String) {
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
        self.mock.submit_form::<D>(reference, true)
    }

    async fn net_captured(&self) -> Result<i64> {
        let entries = self.mock.entries();
        let paid = entries.iter().filter(|e| e.state == State::Paid);
        let refunded = |e: &Entry| {
            let refunds = e.refunds.iter().filter(|r| !r.failed);
            refunds.map(|r| r.amount).sum::<i64>()
        };
        let kept = |e: &Entry| e.amount - refunded(e);
        Ok(paid.map(kept).sum())
    }

    async fn payments(&self) -> Result<usize> {
        Ok(self.mock.entries().len())
    }

    fn capture(&self, payment: &str, amount: i64, currency: &str) -> Result<()> {
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
        let (entry, refund) = self.refund(refund)?;
        Ok(D::refunded(&self.mock, &entry, &refund))
    }

    fn refund_failed(&self, refund: &str) -> Result<Message> {
        let (entry, refund) = self.refund(refund)?;
        self.mock.with(&entry.ours, |entry| {
            let failed = entry.refunds.iter_mut().find(|r| r.id == refund.id);
            if let Some(failed) = failed {
                failed.failed = true;
            }
        });
        let (entry, refund) = self.refund(&refund.ours)?;
        Ok(D::refund_failed(&self.mock, &entry, &refund))
    }

    fn dashboard_refund(&self, payment: &str, amount: i64) -> Result<Message> {
        let refund = self.mock.with(payment, |entry| {
            let refund = Refund {
                ours: String::new(),
                id: format!("dash{}{}", entry.refunds.len(), Entry::unique(&entry.ours)),
                amount,
                failed: false,
            };
            entry.refunds.push(refund.clone());
            refund
        });
        let refund = refund.context("no such payment")?;
        let entry = self.mock.entry(payment).context("no such payment")?;
        Ok(D::dashboard_refund(&self.mock, &entry, &refund))
    }

    fn dispute(&self, payment: &str, stage: Dispute) -> Result<Message> {
        let disputed = self.mock.with(payment, |entry| {
            entry.dispute = Some(stage);
            entry.clone()
        });
        let entry = disputed.context("no such payment")?;
        Ok(D::dispute(&self.mock, &entry, stage))
    }

    fn reports_lost_disputes(&self) -> bool {
        D::REPORTS_LOST_DISPUTES
    }

    fn reversal(&self, payment: &str) -> Result<Option<Message>> {
        let reversed = self.mock.with(payment, |entry| {
            entry.reversed = true;
            entry.clone()
        });
        let entry = reversed.context("no such payment")?;
        Ok(D::reversal(&self.mock, &entry))
    }

    fn forged_webhooks(&self, payment: &str) -> Result<Vec<Message>> {
        let entry = self.mock.entry(payment).context("no such payment")?;
        Ok(D::forged_webhooks(&self.mock, &entry))
    }

    fn decline(&self) -> &'static str {
        D::DECLINE
    }

    fn idempotency_keys(&self) -> Vec<String> {
        lock(&self.mock.keys).clone()
    }
}

/// The page where a buyer confirms or cancels. It forbids frames.
fn forms<D: ProviderApi>(mock: Arc<Mock>) -> Router {
    const PAGE: &str = "<!doctype html><title>Bank</title><form method=post>\
        <button id=confirm name=answer value=yes>Confirm</button>\
        <button id=cancel name=answer value=no>Cancel</button></form>";
    let shown = async || ([("x-frame-options", "DENY")], Html(PAGE));
    let submitted = async |Shared(mock): Shared<Arc<Mock>>,
                           Path(reference): Path<String>,
                           Form(form): Form<Value>| {
        match mock.submit_form::<D>(&reference, form["answer"] == "yes") {
            Ok(back) => Redirect::to(&back).into_response(),
            Err(_) => StatusCode::NOT_FOUND.into_response(),
        }
    };
    let form = get(shown).post(submitted);
    Router::new().route("/form/{id}", form).with_state(mock)
}

/// Returns a header; empty if absent.
pub fn header(headers: &axum::http::HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|v| v.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// Returns a card payment.
pub fn card() -> Value {
    crate::client::card(APPROVED)
}

/// Returns a payment with a method that has no fields.
pub fn method(name: &str) -> Value {
    json!({ "method": name })
}
