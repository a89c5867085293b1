//! Concurrent requests: the buyer is charged once.

use anyhow::{Context, Result, ensure};
use futures::future::{join_all, try_join_all};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use till_server::store::event_attempts::{Attempt, Attempted, Next};
use till_server::store::{Store, projects};
use till_shared::id::ProjectId;
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::{APPROVED, VERIFIED};
use till_tests::client::{Answer, Api, Opened, card, events, send, text};
use till_tests::database::on_postgres;
use till_tests::faults::relay::Relay;
use till_tests::ledger::{Summary, assert_consistent, until_settled};
use till_tests::project::ReceivedCallback;
use till_tests::wait::until;

const CLIENTS: usize = 64;
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
/// How long a statement may take that waits for nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// Repeats a request while its idempotency key is in use.
async fn retry_while_in_use(ask: impl AsyncFn() -> Result<Answer>) -> Result<Answer> {
    loop {
        let answer = ask().await?;
        if !answer.text.contains("/problems/idempotency-key-in-use") {
            return Ok(answer);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn pay(api: &Api, opened: &Opened, key: &str) -> Result<Answer> {
    let request = api.widget(Method::POST, opened, "/payments");
    send(request.header("idempotency-key", key).json(&card(APPROVED))).await
}

async fn settled(app: &TestApp) -> Result<Summary> {
    until_settled(app, SETTLE_LIMIT).await?;
    assert_consistent(app).await
}

async fn paid_once(app: &TestApp) -> Result<()> {
    let summary = settled(app).await?;
    ensure!(summary.payments == 1 && summary.paid == 1, "{summary:?}");
    Ok(())
}

#[tokio::test]
async fn the_same_key_pays_once() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let all =
        (0..CLIENTS).map(|_| retry_while_in_use(async || pay(&app.api, &opened, "one").await));
    let answers = try_join_all(all).await?;
    let first = answers
        .iter()
        .filter(|a| a.header("idempotent-replayed") != "true");
    ensure!(first.count() == 1);
    for answer in &answers {
        ensure!(
            answer.status == 201 && answer.text == answers[0].text,
            "{answer:?}"
        );
    }
    paid_once(&app).await
}

#[tokio::test]
async fn different_keys_on_one_invoice_pay_once() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let keys: Vec<_> = (0..CLIENTS).map(|n| format!("press-{n}")).collect();
    let answers = try_join_all(keys.iter().map(|key| pay(&app.api, &opened, key))).await?;
    for answer in &answers {
        ensure!(matches!(answer.status, 201 | 409), "{answer:?}");
    }
    ensure!(answers.iter().filter(|a| a.status == 201).count() == 1);
    paid_once(&app).await
}

#[tokio::test]
async fn the_same_order_creates_one_invoice() -> Result<()> {
    let app = TestApp::start().await?;
    let order = Api::order("1");
    let make = || send(app.api.secret(Method::POST, "/v1/invoices").json(&order));
    let answers = try_join_all((0..CLIENTS).map(|_| make())).await?;
    let id = &answers[0].json()["id"];
    for answer in &answers {
        ensure!(
            matches!(answer.status, 200 | 201) && answer.json()["id"] == *id,
            "{answer:?}"
        );
    }
    ensure!(answers.iter().filter(|a| a.status == 201).count() == 1);
    Ok(())
}

/// An invoice whose payment requires verification. Webhooks are held.
struct PendingPayment {
    app: TestApp,
    webhooks: Relay,
    opened: Opened,
    payment: String,
    form: String,
    back: String,
}

impl PendingPayment {
    async fn start() -> Result<Self> {
        let webhooks = Relay::holding_webhooks().await?;
        let setup = Setup {
            server_relay: Some(&webhooks),
            // The reconciler runs during the test.
            settings: &["--speedup", "500"],
            ..Setup::default()
        };
        let app = TestApp::set_up(setup).await?;
        let opened = app.api.invoice("1").await?;
        let fixed = app.api.paid_with(&opened, VERIFIED).await?;
        let payment = text(&fixed["payment"]["id"])?;
        Ok(Self {
            form: text(&fixed["verification"]["url"])?,
            back: app.return_url(&payment).await?,
            app,
            webhooks,
            opened,
            payment,
        })
    }

    async fn submit_form(&self, action: &str) -> Result<Answer> {
        let request = self.app.api.request(Method::POST, &self.form);
        send(request.form(&[("action", action)])).await
    }

    /// Sends webhooks, returns and cancellations concurrently.
    async fn send_concurrent_updates(&self, cancels: bool) -> Result<()> {
        let rest = format!("/payments/{}/cancel", self.payment);
        let one = async |number: usize| match number % 3 {
            0 => {
                let kept = self.webhooks.held();
                if kept > 0 {
                    self.webhooks.release(number % kept).await?;
                }
                anyhow::Ok(())
            }
            1 => {
                send(self.app.api.request(Method::GET, &self.back)).await?;
                Ok(())
            }
            _ if cancels => {
                let request = self.app.api.widget(Method::POST, &self.opened, &rest);
                let answer = send(request).await?;
                ensure!(matches!(answer.status, 200 | 409), "{answer:?}");
                Ok(())
            }
            _ => Ok(()),
        };
        for done in join_all((0..CLIENTS).map(one)).await {
            done?;
        }
        Ok(())
    }

    fn types(&self) -> Vec<String> {
        let callbacks = self.app.project.callbacks();
        let types = callbacks.iter().filter_map(|a| a.body["type"].as_str());
        types.map(str::to_owned).collect()
    }
}

#[tokio::test]
async fn concurrent_updates_after_confirmation() -> Result<()> {
    let pending = PendingPayment::start().await?;
    pending.submit_form("confirm").await?;
    pending.send_concurrent_updates(true).await?;
    let summary = settled(&pending.app).await?;
    ensure!(summary.paid == 1 && summary.events == 2, "{summary:?}");
    ensure!(pending.types() == ["invoice.paid", "payment.succeeded"]);
    Ok(())
}

#[tokio::test]
async fn concurrent_updates_during_confirmation() -> Result<()> {
    let pending = PendingPayment::start().await?;
    let (confirmed, met) = futures::future::join(
        pending.submit_form("confirm"),
        pending.send_concurrent_updates(true),
    )
    .await;
    confirmed?;
    met?;
    let invoice = pending.app.api.read(&pending.opened.id).await?;
    let summary = settled(&pending.app).await?;
    // If the cancellation came first, the invoice can be paid again.
    if summary.paid == 0 {
        ensure!(invoice["status"] == "open", "{invoice}");
        pending.app.api.paid_with(&pending.opened, APPROVED).await?;
    }
    ensure!(settled(&pending.app).await?.paid == 1);
    Ok(())
}

#[tokio::test]
async fn concurrent_refunds_do_not_exceed_the_payment() -> Result<()> {
    let app = TestApp::start().await?;
    let opened = app.api.invoice("1").await?;
    let fixed = app.api.paid_with(&opened, APPROVED).await?;
    let path = format!("/v1/payments/{}/refunds", text(&fixed["payment"]["id"])?);
    let refund = async |key: String| {
        retry_while_in_use(async || {
            let request = app.api.secret(Method::POST, &path);
            let request = request.header("idempotency-key", &key);
            send(request.json(&json!({ "amount": 300 }))).await
        })
        .await
    };
    // Half of the requests share a key.
    let keys = (0..CLIENTS).map(|n| match n % 2 {
        0 => "the-same".to_owned(),
        _ => format!("own-{n}"),
    });
    let answers = try_join_all(keys.map(refund)).await?;
    let ids: std::collections::BTreeSet<_> = answers
        .iter()
        .filter(|a| a.status == 201)
        .map(|a| a.json()["id"].to_string())
        .collect();
    ensure!(ids.len() == 6, "{} of 300 out of 1999", ids.len());
    let summary = settled(&app).await?;
    ensure!(summary.refunds == 6, "{summary:?}");
    ensure!(app.net_captured().await? == 199);
    Ok(())
}

/// Pays an invoice and returns the deliveries of its two callbacks.
async fn delivered(app: &TestApp) -> Result<Vec<Attempted>> {
    let opened = app.api.invoice("1").await?;
    app.api.paid_with(&opened, APPROVED).await?;
    until("the callbacks to be recorded", async || {
        Ok(events(&app.api, "?state=delivered").await?.len() == 2)
    })
    .await?;
    let attempted = |callback: ReceivedCallback| {
        Ok(Attempted {
            event: callback.id.parse()?,
            invoice: Some(opened.id.parse()?),
            sequence: callback.body["sequence"].as_i64().context("no sequence")?,
            attempt: Attempt {
                at: 1,
                duration_ms: 1,
                status: Some(204),
                error: None,
                answer: None,
            },
            next: Next::Delivered,
        })
    };
    app.project.callbacks().into_iter().map(attempted).collect()
}

/// Resending locks the project and then its callbacks, and a delivery that is recorded holds its callback:
/// if it waited for the project, PostgreSQL would end one of the two. SQLite has one writer at a time.
#[tokio::test]
async fn a_delivery_is_recorded_while_its_project_is_locked() -> Result<()> {
    if !on_postgres() {
        return Ok(());
    }
    let app = TestApp::start().await?;
    let attempted = delivered(&app).await?;
    let project: ProjectId = app.keys.id.parse()?;
    let store = Store::open(app.database_url(), None, 2).await?;
    let mut locked = store.begin().await?;
    let found = projects::lock(&mut locked, &project).await?;
    ensure!(found.is_some(), "there is no {project}");
    let recorded = store.record_attempt(&attempted[0], 1, None);
    let recorded = tokio::time::timeout(PATIENCE, recorded).await;
    recorded.context("the delivery waits for the lock of the project")??;
    locked.commit().await?;
    Ok(())
}

/// Deliveries that are recorded together hold their callbacks: if they waited for one that another transaction
/// holds, PostgreSQL would end one of the two. That one is recorded afterwards.
#[tokio::test]
async fn deliveries_that_are_recorded_together_wait_for_no_lock() -> Result<()> {
    if !on_postgres() {
        return Ok(());
    }
    let app = TestApp::start().await?;
    let attempted = delivered(&app).await?;
    let held = &attempted[0].event;
    let mut holder = app.store().await?.begin().await?;
    sqlx::query("select id from events where id = $1 for update")
        .bind(held.as_str())
        .execute(&mut *holder)
        .await?;
    let store = Store::open(app.database_url(), None, 2).await?;
    let recorded = store.record_attempts(&attempted, 1, None);
    let recorded = tokio::time::timeout(PATIENCE, recorded).await;
    let recorded = recorded.context("the deliveries wait for the lock of one callback")??;
    let remaining: Vec<_> = recorded.skipped.iter().map(|one| &one.event).collect();
    ensure!(remaining == [held], "{remaining:?}");
    Ok(())
}
