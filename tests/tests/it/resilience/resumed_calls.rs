//! A call interrupted by a crash is resumed when it is repeated with its idempotency key.

use anyhow::{Result, ensure};
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::cards::APPROVED;
use till_tests::client::{Answer, Opened, card, send, text};
use till_tests::faults::relay::{Fault, Relay};
use till_tests::ledger::{assert_consistent, until_settled};
use till_tests::wait::{until, until_within};

const SETTLE_LIMIT: Duration = Duration::from_secs(60);

/// An app whose provider does not respond while `silent` is set.
struct Fixture {
    app: TestApp,
    silent: Arc<AtomicBool>,
}

impl Fixture {
    async fn start() -> Result<Self> {
        let relay = Relay::start().await?;
        let silent = Arc::new(AtomicBool::new(false));
        let drops = silent.clone();
        relay.inject(move |method, _| {
            if *method == Method::POST && drops.load(Ordering::Relaxed) {
                Fault::DropRequest
            } else {
                Fault::None
            }
        });
        let setup = Setup {
            sandbox_relay: Some(&relay),
            // Longer than the test, so that the call is pending when the server crashes.
            settings: &["--connector-timeout-ms", "5000"],
            ..Setup::default()
        };
        let app = TestApp::set_up(setup).await?;
        Ok(Self { app, silent })
    }

    /// Starts a call, kills the server during it, and repeats the call until it is completed.
    async fn interrupt_and_retry(
        &mut self,
        call: impl Fn(&TestApp) -> reqwest::RequestBuilder,
        begun: &str,
    ) -> Result<Answer> {
        self.silent.store(true, Ordering::Relaxed);
        let first = tokio::spawn(send(call(&self.app)));
        let store = self.app.store().await?;
        until("the call to start", async || {
            let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(begun.to_owned()))
                .fetch_one(&store)
                .await?;
            Ok(count == 1)
        })
        .await?;
        self.app.crash_and_restart().await?;
        ensure!(first.await?.is_err(), "the call got a response");
        self.silent.store(false, Ordering::Relaxed);
        let running = send(call(&self.app)).await?;
        running.problem(409, "idempotency-key-in-use")?;
        let mut answer = running;
        until_within(SETTLE_LIMIT, "the call to be resumed", async || {
            answer = send(call(&self.app)).await?;
            Ok(!answer.text.contains("/problems/idempotency-key-in-use"))
        })
        .await?;
        let again = send(call(&self.app)).await?;
        ensure!(again.header("idempotent-replayed") == "true" && again.text == answer.text);
        Ok(answer)
    }
}

#[tokio::test]
async fn a_refund_is_created_once() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    let opened = fixture.app.api.invoice("1").await?;
    let fixed = fixture.app.api.paid_with(&opened, APPROVED).await?;
    let path = format!("/v1/payments/{}/refunds", text(&fixed["payment"]["id"])?);
    let call = |app: &TestApp| {
        let request = app.api.secret(Method::POST, &path);
        let request = request.header("idempotency-key", "r-1");
        request.json(&json!({ "amount": 500 }))
    };
    let answer = fixture
        .interrupt_and_retry(call, "select count(*) from refunds")
        .await?;
    ensure!(answer.status == 201, "{answer:?}");
    until_settled(&fixture.app, SETTLE_LIMIT).await?;
    let summary = assert_consistent(&fixture.app).await?;
    ensure!(summary.refunds == 1, "{summary:?}");
    ensure!(fixture.app.net_captured().await? == 1499);
    Ok(())
}

#[tokio::test]
async fn a_payment_is_created_once() -> Result<()> {
    let mut fixture = Fixture::start().await?;
    let opened: Opened = fixture.app.api.invoice("1").await?;
    let call = |app: &TestApp| {
        let request = app.api.widget(Method::POST, &opened, "/payments");
        request
            .header("idempotency-key", "press-1")
            .json(&card(APPROVED))
    };
    let answer = fixture
        .interrupt_and_retry(call, "select count(*) from payments")
        .await?;
    ensure!(answer.status == 201, "{answer:?}");
    until_settled(&fixture.app, SETTLE_LIMIT).await?;
    let summary = assert_consistent(&fixture.app).await?;
    ensure!(summary.payments == 1, "{summary:?}");
    Ok(())
}
