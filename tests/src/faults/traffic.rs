//! Simulated buyers and projects that retry requests with the same idempotency key.

use crate::cards::{
    ANSWER_LOST, ANSWER_LOST_WEBHOOK, APPROVED, DECLINED_AFTER_VERIFICATION, DISPUTE_LOST,
    DISPUTE_WON, INSUFFICIENT_FUNDS, REFUND_FAILS, REFUND_PENDING, REVERSED, SERVER_ERROR,
    SUCCEEDS_LATE, UNAVAILABLE, VERIFICATION_EXPIRES, VERIFIED, WEBHOOK_NEVER, WEBHOOK_TWICE,
};
use crate::client::{Answer, Api, Opened, card, send, text};
use anyhow::{Context, Result, bail, ensure};
use backon::{ConstantBuilder, Retryable};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::time::Duration;

/// The number of attempts with [`PAUSE`] between them. Together they take longer than the longest
/// interval between status polls.
const TRIES: usize = 3000;
const PAUSE: Duration = Duration::from_millis(100);
/// The number of cards that a buyer tries.
const CARDS: u32 = 3;

/// The cards. One order after the other begins with the next card, so that every card is used. Second
/// attempts choose at random, and the last one uses [`APPROVED`].
const TEST_CARDS: [&str; 20] = [
    APPROVED,
    APPROVED,
    INSUFFICIENT_FUNDS,
    VERIFIED,
    DECLINED_AFTER_VERIFICATION,
    VERIFICATION_EXPIRES,
    ANSWER_LOST,
    ANSWER_LOST_WEBHOOK,
    SERVER_ERROR,
    UNAVAILABLE,
    WEBHOOK_TWICE,
    WEBHOOK_NEVER,
    DISPUTE_WON,
    DISPUTE_LOST,
    REVERSED,
    REVERSED,
    REFUND_FAILS,
    REFUND_FAILS,
    REFUND_PENDING,
    SUCCEEDS_LATE,
];

/// A buyer with one order.
pub struct Customer {
    api: Api,
    sandbox: String,
    order: String,
    first_card: &'static str,
    rng: StdRng,
    /// The payments that were reported as succeeded.
    pub reported_paid: Vec<String>,
}

impl Customer {
    /// Creates a buyer. Random decisions derive from `seed` and `order`.
    pub fn new(api: &Api, sandbox: &str, seed: u64, order: usize) -> Self {
        let seed_of_order = seed.wrapping_add(order as u64);
        Self {
            api: api.clone(),
            sandbox: sandbox.to_owned(),
            order: format!("{seed}-{order}"),
            first_card: TEST_CARDS[(seed_of_order % TEST_CARDS.len() as u64) as usize],
            rng: StdRng::seed_from_u64(seed_of_order),
            reported_paid: vec![],
        }
    }

    /// Creates an order, pays with one card after the other, and sometimes refunds, through Till, in
    /// the payment system's dashboard, or both.
    ///
    /// # Errors
    /// When a response is not expected, or when no attempt succeeds.
    pub async fn run(&mut self) -> Result<()> {
        let opened = self.create_order().await?;
        let mut invoice = Value::Null;
        for attempt in 0..CARDS {
            self.pay(&opened, attempt).await?;
            invoice = self.outcome(&opened).await?;
            if invoice["status"] != "open" {
                break;
            }
        }
        if invoice["status"] == "open" {
            if self.rng.random_bool(0.5) {
                let path = format!("/v1/invoices/{}/cancel", opened.id);
                send_with_retry(|| self.api.secret(Method::POST, &path)).await?;
            }
            return Ok(());
        }
        let paid = invoice["payments"].as_array().into_iter().flatten();
        let paid: Vec<_> = paid.filter(|p| p["status"] == "succeeded").collect();
        for (number, payment) in paid.iter().enumerate() {
            self.reported_paid.push(text(&payment["id"])?);
            if self.rng.random_bool(0.4) {
                self.refund(payment, number).await?;
            }
            if self.rng.random_bool(0.3) {
                self.refund_in_dashboard(payment).await?;
            }
        }
        Ok(())
    }

    async fn create_order(&mut self) -> Result<Opened> {
        let order = json!({
            "order_id": self.order, "amount": self.rng.random_range(100..50_000),
            "currency": "EUR", "description": "A print",
        });
        let key = format!("order {}", self.order).replace(' ', "-");
        let answer = send_with_retry(|| {
            let request = self.api.secret(Method::POST, "/v1/invoices");
            request.header("idempotency-key", &key).json(&order)
        });
        let answer = answer.await?;
        ensure!(matches!(answer.status, 200 | 201), "{answer:?}");
        Ok(Opened {
            id: text(&answer.json()["id"])?,
            token: text(&answer.json()["client_token"])?,
        })
    }

    /// Pays once, or twice concurrently.
    async fn pay(&mut self, opened: &Opened, attempt: u32) -> Result<()> {
        let number = match attempt {
            0 => self.first_card,
            _ if attempt + 1 == CARDS => APPROVED,
            _ => TEST_CARDS.choose(&mut self.rng).unwrap_or(&APPROVED),
        };
        let body = card(number);
        let pay_once = async |attempt_number: u32| {
            let key = format!("{}-{attempt}-{attempt_number}", self.order);
            send_with_retry(|| {
                let request = self.api.widget(Method::POST, opened, "/payments");
                request.header("idempotency-key", &key).json(&body)
            })
            .await
        };
        let twice = attempt == 0 && self.order.ends_with('7');
        let answers = if twice {
            let (one, other) = futures::future::join(pay_once(1), pay_once(2)).await;
            vec![one?, other?]
        } else {
            vec![pay_once(1).await?]
        };
        for answer in answers {
            match answer.status {
                201 => {
                    let fixed = answer.json();
                    if fixed["payment"]["status"] == "succeeded" {
                        self.reported_paid.push(text(&fixed["payment"]["id"])?);
                    }
                }
                // The other request was first, or the invoice is paid.
                409 => {}
                _ => bail!("{answer:?}"),
            }
        }
        Ok(())
    }

    /// Confirms, declines or cancels the verification, and sometimes does not return.
    async fn verify(&mut self, opened: &Opened, payment: &str, form: &str) -> Result<()> {
        if self.rng.random_bool(0.2) {
            let path = format!("/payments/{payment}/cancel");
            send_with_retry(|| self.api.widget(Method::POST, opened, &path)).await?;
            return Ok(());
        }
        let action = if self.rng.random_bool(0.8) {
            "confirm"
        } else {
            "cancel"
        };
        let answer = send_with_retry(|| {
            let request = self.api.request(Method::POST, form);
            request.form(&[("action", action)])
        });
        let answer = answer.await?;
        // Otherwise the buyer closes the window and does not return.
        if answer.status == 303 && self.rng.random_bool(0.7) {
            let back = answer.header("location").to_owned();
            send_with_retry(|| self.api.request(Method::GET, &back)).await?;
        }
        Ok(())
    }

    /// Waits until no payment is pending and returns the invoice. Completes a verification.
    async fn outcome(&mut self, opened: &Opened) -> Result<Value> {
        let path = format!("/v1/invoices/{}", opened.id);
        let mut verified = None;
        let mut invoice = Value::Null;
        for _ in 0..TRIES {
            let answer = send_with_retry(|| self.api.secret(Method::GET, &path)).await?;
            ensure!(answer.status == 200, "{answer:?}");
            invoice = answer.json();
            if invoice["status"] != "processing" {
                return Ok(invoice);
            }
            let mut payments = invoice["payments"].as_array().into_iter().flatten();
            let waits = payments.find(|p| p["status"] == "requires_verification");
            let waits = waits.and_then(|p| p["id"].as_str()).map(str::to_owned);
            if let (Some(id), Some(form)) = (&waits, invoice["confirmation_url"].as_str())
                && verified != waits
            {
                self.verify(opened, id, form).await?;
                verified = waits;
            } else {
                tokio::time::sleep(PAUSE).await;
            }
        }
        bail!("the payment is still pending: {invoice}")
    }

    /// Refunds a part in the dashboard. More than what is left is refused there (422).
    async fn refund_in_dashboard(&mut self, payment: &Value) -> Result<()> {
        let amount = payment["amount"].as_i64().context("no amount")?;
        let amount = decimal(self.rng.random_range(1..=amount));
        let path = format!("/sandbox/payments/{}", text(&payment["reference"])?);
        let url = format!("{}{path}", self.sandbox);
        let answer = send_with_retry(|| {
            let request = self.api.request(Method::POST, &url);
            request.form(&[("amount", &amount)])
        });
        let answer = answer.await?;
        ensure!(matches!(answer.status, 303 | 422), "{answer:?}");
        Ok(())
    }

    async fn refund(&mut self, payment: &Value, number: usize) -> Result<()> {
        let amount = payment["amount"].as_i64().context("no amount")?;
        let path = format!("/v1/payments/{}/refunds", text(&payment["id"])?);
        for part in 0..self.rng.random_range(1..=2) {
            let body = json!({ "amount": self.rng.random_range(1..=amount) });
            let key = format!("back-{}-{number}-{part}", self.order);
            let answer = send_with_retry(|| {
                let request = self.api.secret(Method::POST, &path);
                request.header("idempotency-key", &key).json(&body)
            });
            let answer = answer.await?;
            // An amount that is too large gets 422, and a duplicate payment is already being refunded.
            ensure!(matches!(answer.status, 201 | 409 | 422), "{answer:?}");
        }
        Ok(())
    }
}

/// An amount as the dashboard's form takes it.
fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

fn pace() -> ConstantBuilder {
    ConstantBuilder::new()
        .with_delay(PAUSE)
        .with_max_times(TRIES)
}

/// Sends a request until the response is not a transient error.
async fn send_with_retry(request: impl Fn() -> RequestBuilder) -> Result<Answer> {
    let ask = || async {
        let answer = send(request().timeout(Duration::from_secs(10))).await?;
        let later = answer.status >= 500
            || answer.status == 429
            || answer.text.contains("/problems/idempotency-key-in-use");
        ensure!(!later, "{answer:?}");
        Ok(answer)
    };
    ask.retry(pace()).await
}
