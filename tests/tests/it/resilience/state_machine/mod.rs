//! A state machine test of payments. Random steps of the buyer, the project and the provider, crashes
//! and expiry lead the server to the model's state, and the ledgers are consistent.

#![allow(
    clippy::unwrap_used,
    reason = "the trait returns no errors; a panic fails the test"
)]

mod model;

use anyhow::{Result, ensure};
use model::{AMOUNT, DISPUTE, Model, ModelPayment, ModelState, Notifier, PaymentState, Step};
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
use till_tests::ledger::{assert_consistent, until_settled_except};
use till_tests::wait::until;
use tokio::runtime::Runtime;
use tokio::sync::Mutex;

const SETTLE_LIMIT: Duration = Duration::from_secs(60);

/// The app of one test case.
struct Fixture {
    app: TestApp,
    webhooks: Relay,
}

impl Fixture {
    async fn start() -> Result<Self> {
        let webhooks = Relay::holding_webhooks().await?;
        let setup = Setup {
            server_relay: Some(&webhooks),
            settings: &["--speedup", "100", "--connector-timeout-ms", "500"],
            ..Setup::default()
        };
        let app = TestApp::set_up(setup).await?;
        Ok(Self { app, webhooks })
    }
}

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// The payment that paid the invoice.
fn paid<'a>(state: &ModelState, payments: &'a [Value]) -> Option<&'a Value> {
    state.paid_payment().and_then(|at| payments.get(at))
}

/// The amount of a payment that can still be refunded.
fn rest(payment: &Value) -> i64 {
    let amount = |name: &str| payment[name].as_i64().unwrap_or(0);
    amount("amount") - amount("amount_refunded") - amount("amount_reversed")
}

/// The number of requests, and the last accepted request.
type Last<T> = Mutex<(usize, Option<T>)>;

/// One test case.
struct TestCase {
    fixture: Mutex<Fixture>,
    opened: Opened,
    /// The last verification form.
    form: Mutex<String>,
    payments_sent: Last<(Value, Answer)>,
    refunds: Last<(String, Value, Answer)>,
}

impl TestCase {
    async fn start() -> Result<Self> {
        let fixture = Fixture::start().await?;
        let order = json!({ "order_id": "1", "amount": AMOUNT, "currency": "EUR" });
        Ok(Self {
            opened: fixture.app.api.invoice_of(&order).await?,
            fixture: Mutex::new(fixture),
            form: Mutex::default(),
            payments_sent: Last::default(),
            refunds: Last::default(),
        })
    }

    async fn act(&self, step: Step, state: &ModelState) -> Result<()> {
        let mut fixture = self.fixture.lock().await;
        let Fixture { app, webhooks } = &mut *fixture;
        let before = app.api.read(&self.opened.id).await?;
        let payments = before["payments"].as_array().cloned().unwrap_or_default();
        let pending = payments
            .iter()
            .find(|p| p["status"] == "requires_verification");
        match step {
            Step::Pay(chosen) => {
                let mut payments_sent = self.payments_sent.lock().await;
                payments_sent.0 += 1;
                let body = card(chosen.number());
                let answer = self.pay(app, payments_sent.0, &body).await?;
                let open = before["status"] == "open";
                ensure!(answer.status == if open { 201 } else { 409 }, "{answer:?}");
                if let Some(url) = answer.json()["verification"]["url"].as_str() {
                    *self.form.lock().await = url.to_owned();
                }
                payments_sent.1 = open.then_some((body, answer));
            }
            Step::ReplayPayment => {
                let payments_sent = self.payments_sent.lock().await;
                if let (number, Some((body, first))) = &*payments_sent {
                    let answer = self.pay(app, *number, body).await?;
                    ensure!(answer.text == first.text, "{answer:?} {first:?}");
                }
            }
            Step::Confirm(notifier) => {
                self.submit_bank_form(app, webhooks, "confirm", notifier, pending)
                    .await?
            }
            Step::Reject(notifier) => {
                self.submit_bank_form(app, webhooks, "cancel", notifier, pending)
                    .await?
            }
            Step::CancelPayment => {
                let id = text(&pending.unwrap_or(&Value::Null)["id"])?;
                let path = format!("/payments/{id}/cancel");
                let answer = send(app.api.widget(Method::POST, &self.opened, &path)).await?;
                ensure!(answer.status == 200, "{answer:?}");
            }
            Step::Webhook(which) => {
                if webhooks.held() > 0 {
                    let status = webhooks.release(which.index(webhooks.held())).await?;
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
            Step::LateSuccess => {
                // The first failed payment: the model has already marked it as paid.
                let failed =
                    |p: &&Value| matches!(p["status"].as_str(), Some("declined" | "canceled"));
                let payment = payments.iter().find(failed);
                let answer = app.succeed_late(payment.unwrap_or(&Value::Null)).await?;
                ensure!(answer.status == 200, "{answer:?}");
            }
            Step::Refund(amount) => self.refund(app, state, &payments, amount).await?,
            Step::ReplayRefund => {
                let refunds = self.refunds.lock().await;
                if let (number, Some((path, body, first))) = &*refunds {
                    let answer = self.send_refund(app, path, *number, body).await?;
                    ensure!(answer.text == first.text, "{answer:?} {first:?}");
                }
            }
            Step::DashboardRefund(amount) => {
                if let Some(paid) = paid(state, &payments)
                    && amount <= rest(paid)
                {
                    let kept = webhooks.held();
                    app.refund_in_dashboard(paid, amount).await?;
                    until("the webhook", async || Ok(webhooks.held() > kept)).await?;
                    let status = webhooks.release(kept).await?;
                    ensure!(status == 200, "{status}");
                }
            }
            Step::RefundComesBack => {
                let paid = paid(state, &payments).unwrap_or(&Value::Null);
                let path = format!(
                    "/v1/refunds?status=succeeded&payment={}",
                    text(&paid["id"])?
                );
                let refunds = send(app.api.secret(Method::GET, &path)).await?.json();
                if let Some(last) = refunds["data"].get(0) {
                    let answer = app.refund_comes_back(paid, last).await?;
                    ensure!(answer.status == 200, "{answer:?}");
                }
            }
            Step::Dispute(status) => {
                let paid = paid(state, &payments).unwrap_or(&Value::Null);
                let answer = app.dispute(paid, DISPUTE[status]).await?;
                ensure!(answer.status == 200, "{answer:?}");
            }
            Step::Reverse => {
                let paid = paid(state, &payments).unwrap_or(&Value::Null);
                if rest(paid) > 0 {
                    let answer = app.reverse(paid, rest(paid)).await?;
                    ensure!(answer.status == 200, "{answer:?}");
                }
            }
            Step::CancelInvoice => {
                let path = format!("/v1/invoices/{}/cancel", self.opened.id);
                let answer = send(app.api.secret(Method::POST, &path)).await?;
                let can = matches!(before["status"].as_str(), Some("open" | "canceled"));
                ensure!(answer.status == if can { 200 } else { 409 }, "{answer:?}");
            }
            Step::Expire => app.expire(&self.opened.id).await?,
            Step::Crash => app.crash_and_restart().await?,
        }
        self.assert_state(app, state).await
    }

    async fn pay(&self, app: &TestApp, number: usize, body: &Value) -> Result<Answer> {
        let request = app.api.widget(Method::POST, &self.opened, "/payments");
        let key = format!("pay-{number}");
        send(request.header("idempotency-key", key).json(body)).await
    }

    async fn submit_bank_form(
        &self,
        app: &TestApp,
        webhooks: &Relay,
        action: &str,
        notifier: Notifier,
        pending: Option<&Value>,
    ) -> Result<()> {
        let payment = text(&pending.unwrap_or(&Value::Null)["id"])?;
        // The last form that the buyer saw.
        let form = self.form.lock().await.clone();
        let kept = webhooks.held();
        let request = app.api.request(Method::POST, &form);
        let answer = send(request.form(&[("action", action)])).await?;
        ensure!(answer.status == 303, "{answer:?}");
        match notifier {
            Notifier::None => {}
            Notifier::Webhook => {
                until("the webhook", async || Ok(webhooks.held() > kept)).await?;
                let status = webhooks.release(kept).await?;
                ensure!(status == 200, "{status}");
            }
            Notifier::Return => {
                let back = app.return_url(&payment).await?;
                send(app.api.request(Method::GET, &back)).await?;
            }
        }
        Ok(())
    }

    async fn refund(
        &self,
        app: &TestApp,
        state: &ModelState,
        payments: &[Value],
        amount: i64,
    ) -> Result<()> {
        let Some(paid) = paid(state, payments) else {
            return Ok(());
        };
        let mut refunds = self.refunds.lock().await;
        refunds.0 += 1;
        let path = format!("/v1/payments/{}/refunds", text(&paid["id"])?);
        let body = json!({ "amount": amount });
        let answer = self.send_refund(app, &path, refunds.0, &body).await?;
        ensure!(matches!(answer.status, 201 | 409 | 422), "{answer:?}");
        let taken = answer.status == 201;
        refunds.1 = taken.then_some((path, body, answer));
        Ok(())
    }

    async fn send_refund(
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
    async fn assert_state(&self, app: &TestApp, state: &ModelState) -> Result<()> {
        let matches = |payment: &Value, expected: &ModelPayment| match expected.state {
            PaymentState::Pending => payment["status"] == "requires_verification",
            PaymentState::Paid => payment["status"] == "succeeded",
            PaymentState::Failed => {
                matches!(payment["status"].as_str(), Some("declined" | "canceled"))
            }
        };
        let mut now = Value::Null;
        let reached = until("the model's state", async || {
            now = app.api.read(&self.opened.id).await?;
            let payments = now["payments"].as_array().cloned().unwrap_or_default();
            Ok(now["status"] == state.status
                && now["amount_refunded"] == state.refunded()
                && payments.len() == state.payments.len()
                && payments
                    .iter()
                    .zip(&state.payments)
                    .all(|(a, b)| matches(a, b)))
        });
        reached
            .await
            .map_err(|_| anyhow::anyhow!("the model: {state:?}, the server: {now}"))?;
        self.assert_dispute(app, state, &now).await?;
        let waiting = now["payments"].as_array().into_iter().flatten();
        let waiting = waiting.filter(|p| p["status"] == "requires_verification");
        let waiting = waiting.filter_map(|p| p["id"].as_str().map(str::to_owned));
        until_settled_except(app, SETTLE_LIMIT, &waiting.collect::<Vec<_>>()).await?;
        assert_consistent(app).await?;
        Ok(())
    }
}

impl TestCase {
    /// Checks the dispute and the reversed amount of the payment that paid the invoice.
    async fn assert_dispute(&self, app: &TestApp, state: &ModelState, now: &Value) -> Result<()> {
        let Some(at) = state.paid_payment() else {
            return Ok(());
        };
        let (expected, payment) = (&state.payments[at], &now["payments"][at]);
        ensure!(payment["amount_reversed"] == expected.reversed, "{payment}");
        let path = format!("/v1/disputes?payment={}", text(&payment["id"])?);
        let disputes = send(app.api.secret(Method::GET, &path)).await?.json();
        let status = disputes["data"][0]["status"].as_str();
        ensure!(
            status == expected.dispute.map(|at| DISPUTE[at]),
            "{disputes}"
        );
        Ok(())
    }
}

impl StateMachineTest for TestCase {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(_: &ModelState) -> Self {
        RUNTIME.block_on(Self::start()).unwrap()
    }

    fn apply(case: Self, state: &ModelState, step: Step) -> Self {
        RUNTIME.block_on(case.act(step, state)).unwrap();
        case
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
    fn payment_state_machine(sequential 1..16 => TestCase);
}
