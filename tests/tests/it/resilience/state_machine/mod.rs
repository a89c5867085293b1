//! A state machine test of payments. Random steps of the buyer, the project and the provider, crashes
//! and expiry lead the server to the model's state, and the ledgers are consistent.

#![allow(
    clippy::unwrap_used,
    reason = "the trait returns no errors; a panic fails the test"
)]

mod model;

use anyhow::{Result, ensure};
use model::{AMOUNT, Herald, Life, Model, Paying, Standing, Step};
use proptest::test_runner::Config;
use proptest_state_machine::{StateMachineTest, prop_state_machine};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::LazyLock;
use std::time::Duration;
use till_tests::TestApp;
use till_tests::app::Setup;
use till_tests::client::{Answer, Opened, card, send, text};
use till_tests::faults::relay::Relay;
use till_tests::ledger::{agree, until_all_but};
use till_tests::wait::until;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

const LIMIT: Duration = Duration::from_secs(60);

/// The app of one test case.
struct Stage {
    app: TestApp,
    webhooks: Relay,
}

impl Stage {
    async fn start() -> Result<Self> {
        let webhooks = Relay::keeping_webhooks().await?;
        let setup = Setup {
            to_server: Some(&webhooks),
            settings: &["--speedup", "100", "--connector-timeout-ms", "500"],
            ..Setup::default()
        };
        let app = TestApp::set_up(setup).await?;
        Ok(Self { app, webhooks })
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// The number of requests, and the last accepted request.
type Last<T> = Mutex<(usize, Option<T>)>;

/// One test case.
struct Play {
    stage: Mutex<Stage>,
    opened: Opened,
    /// The last verification form.
    form: Mutex<String>,
    presses: Last<(Value, Answer)>,
    refunds: Last<(String, Value, Answer)>,
}

impl Play {
    async fn start() -> Result<Self> {
        let stage = Stage::start().await?;
        let order = json!({ "order_id": "1", "amount": AMOUNT, "currency": "EUR" });
        Ok(Self {
            opened: stage.app.api.invoice_of(&order).await?,
            stage: Mutex::new(stage),
            form: Mutex::default(),
            presses: Last::default(),
            refunds: Last::default(),
        })
    }

    async fn act(&self, step: Step, life: &Life) -> Result<()> {
        let mut stage = self.stage.lock().await;
        let Stage { app, webhooks } = &mut *stage;
        let before = app.api.read(&self.opened.id).await?;
        let payments = before["payments"].as_array().cloned().unwrap_or_default();
        let live = payments
            .iter()
            .find(|p| p["status"] == "requires_verification");
        match step {
            Step::Pay(chosen) => {
                let mut presses = self.presses.lock().await;
                presses.0 += 1;
                let body = card(chosen.number());
                let answer = self.press(app, presses.0, &body).await?;
                let open = before["status"] == "open";
                ensure!(answer.status == if open { 201 } else { 409 }, "{answer:?}");
                if let Some(url) = answer.json()["verification"]["url"].as_str() {
                    *self.form.lock().await = url.to_owned();
                }
                presses.1 = open.then_some((body, answer));
            }
            Step::PayAgain => {
                let presses = self.presses.lock().await;
                if let (number, Some((body, first))) = &*presses {
                    let answer = self.press(app, *number, body).await?;
                    ensure!(answer.text == first.text, "{answer:?} {first:?}");
                }
            }
            Step::Confirm(herald) => self.at_bank(app, webhooks, "confirm", herald, live).await?,
            Step::Refuse(herald) => self.at_bank(app, webhooks, "cancel", herald, live).await?,
            Step::GiveUp => {
                let id = text(&live.unwrap_or(&Value::Null)["id"])?;
                let path = format!("/payments/{id}/cancel");
                let answer = send(app.api.widget(Method::POST, &self.opened, &path)).await?;
                ensure!(answer.status == 200, "{answer:?}");
            }
            Step::Webhook(which) => {
                if webhooks.kept() > 0 {
                    let status = webhooks.release(which.index(webhooks.kept())).await?;
                    ensure!(status == 200, "{status}");
                }
            }
            Step::Return(which) => {
                if !payments.is_empty() {
                    let payment = &payments[which.index(payments.len())];
                    let back = app.return_url(&text(&payment["id"])?).await?;
                    let answer = send(app.api.request(Method::GET, &back)).await?;
                    ensure!(answer.status < 400, "{answer:?}");
                }
            }
            Step::TakesAfterAll => {
                // The first failed payment: the model has already marked it as paid.
                let dead =
                    |p: &&Value| matches!(p["status"].as_str(), Some("declined" | "canceled"));
                let payment = payments.iter().find(dead);
                let answer = app.takes_after_all(payment.unwrap_or(&Value::Null)).await?;
                ensure!(answer.status == 200, "{answer:?}");
            }
            Step::Refund(amount) => self.refund(app, life, &payments, amount).await?,
            Step::RefundAgain => {
                let refunds = self.refunds.lock().await;
                if let (number, Some((path, body, first))) = &*refunds {
                    let answer = self.give_back(app, path, *number, body).await?;
                    ensure!(answer.text == first.text, "{answer:?} {first:?}");
                }
            }
            Step::CancelInvoice => {
                let path = format!("/v1/invoices/{}/cancel", self.opened.id);
                let answer = send(app.api.secret(Method::POST, &path)).await?;
                let can = matches!(before["status"].as_str(), Some("open" | "canceled"));
                ensure!(answer.status == if can { 200 } else { 409 }, "{answer:?}");
            }
            Step::Expire => app.let_expire(&self.opened.id).await?,
            Step::Crash => app.crash_and_restart().await?,
        }
        self.stands(app, life).await
    }

    async fn press(&self, app: &TestApp, number: usize, body: &Value) -> Result<Answer> {
        let request = app.api.widget(Method::POST, &self.opened, "/payments");
        let key = format!("press-{number}");
        send(request.header("idempotency-key", key).json(body)).await
    }

    async fn at_bank(
        &self,
        app: &TestApp,
        webhooks: &Relay,
        action: &str,
        herald: Herald,
        live: Option<&Value>,
    ) -> Result<()> {
        let payment = text(&live.unwrap_or(&Value::Null)["id"])?;
        // The last form that the buyer saw.
        let form = self.form.lock().await.clone();
        let kept = webhooks.kept();
        let request = app.api.request(Method::POST, &form);
        let answer = send(request.form(&[("action", action)])).await?;
        ensure!(answer.status == 303, "{answer:?}");
        match herald {
            Herald::Nobody => {}
            Herald::Webhook => {
                until("the webhook", async || Ok(webhooks.kept() > kept)).await?;
                let status = webhooks.release(kept).await?;
                ensure!(status == 200, "{status}");
            }
            Herald::Buyer => {
                let back = app.return_url(&payment).await?;
                send(app.api.request(Method::GET, &back)).await?;
            }
        }
        Ok(())
    }

    async fn refund(
        &self,
        app: &TestApp,
        life: &Life,
        payments: &[Value],
        amount: i64,
    ) -> Result<()> {
        let paid = life.payer().and_then(|at| payments.get(at));
        let Some(paid) = paid else {
            return Ok(());
        };
        let mut refunds = self.refunds.lock().await;
        refunds.0 += 1;
        let path = format!("/v1/payments/{}/refunds", text(&paid["id"])?);
        let body = json!({ "amount": amount });
        let answer = self.give_back(app, &path, refunds.0, &body).await?;
        ensure!(matches!(answer.status, 201 | 409 | 422), "{answer:?}");
        let taken = answer.status == 201;
        refunds.1 = taken.then_some((path, body, answer));
        Ok(())
    }

    async fn give_back(
        &self,
        app: &TestApp,
        path: &str,
        number: usize,
        body: &Value,
    ) -> Result<Answer> {
        let request = app.api.secret(Method::POST, path);
        let key = format!("{}-{number}", self.opened.id);
        send(request.header("idempotency-key", key).json(body)).await
    }

    /// Waits for the model's state and checks that the ledgers are consistent.
    async fn stands(&self, app: &TestApp, life: &Life) -> Result<()> {
        let fits = |payment: &Value, paying: &Paying| match paying.standing {
            Standing::Waiting => payment["status"] == "requires_verification",
            Standing::Taken => payment["status"] == "succeeded",
            Standing::Dead => matches!(payment["status"].as_str(), Some("declined" | "canceled")),
        };
        let mut now = Value::Null;
        let reached = until("the model's state", async || {
            now = app.api.read(&self.opened.id).await?;
            let payments = now["payments"].as_array().cloned().unwrap_or_default();
            Ok(now["status"] == life.status
                && now["amount_refunded"] == life.back()
                && payments.len() == life.payments.len()
                && payments.iter().zip(&life.payments).all(|(a, b)| fits(a, b)))
        });
        reached
            .await
            .map_err(|_| anyhow::anyhow!("the model: {life:?}, the server: {now}"))?;
        let waiting = now["payments"].as_array().into_iter().flatten();
        let waiting = waiting.filter(|p| p["status"] == "requires_verification");
        let waiting = waiting.filter_map(|p| p["id"].as_str().map(str::to_owned));
        until_all_but(app, LIMIT, &waiting.collect::<Vec<_>>()).await?;
        agree(app).await?;
        Ok(())
    }
}

impl StateMachineTest for Play {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &Life) -> Self {
        RUNTIME.block_on(Self::start()).unwrap()
    }

    fn apply(play: Self, life: &Life, step: Step) -> Self {
        RUNTIME.block_on(play.act(step, life)).unwrap();
        play
    }
}

prop_state_machine! {
    #![proptest_config(Config {
        cases: 24,
        // A failing case takes long.
        max_shrink_time: 120_000,
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn payment_state_machine(sequential 1..16 => Play);
}
