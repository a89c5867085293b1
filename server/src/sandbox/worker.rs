//! The background worker. It applies scheduled changes of payments and delivers webhooks.

use std::time::Duration;

use anyhow::Context as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::redirect;
use sha2::Sha256;
use tokio::task::JoinSet;

use super::app::App;
use super::payment::Payment;
use super::{follow_ups, ledger};
use crate::clock::{now, now_ms};

/// The delays before the second and each later attempt, in milliseconds. A merchant's server may be
/// unavailable for minutes.
const RETRY_DELAYS_MS: &[i64] = &[
    1000, 5000, 30_000, 60_000, 60_000, 60_000, 60_000, 60_000, 60_000, 60_000, 60_000, 60_000,
];
/// How long a claimed delivery is not claimed again, in milliseconds. Longer than [`TIMEOUT`].
const LEASE_MS: i64 = 20_000;
/// The time limit of one attempt.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The number of deliveries that run concurrently.
const MAX_DELIVERIES: usize = 32;
/// The longest time between two polls, in milliseconds.
const MAX_POLL_INTERVAL_MS: i64 = 1000;

/// Applies scheduled changes and delivers webhooks until the sandbox stops.
pub(super) struct Worker {
    app: App,
    client: reqwest::Client,
    deliveries: JoinSet<()>,
}

#[derive(sqlx::FromRow)]
struct Delivery {
    id: i64,
    url: String,
    attempts: i64,
    body: String,
    webhook_secret: String,
}

impl Worker {
    pub fn new(app: App) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build()
            .context("the webhook client")?;
        Ok(Self {
            app,
            client,
            deliveries: JoinSet::new(),
        })
    }

    pub async fn run(mut self) {
        // A delivery that the shutdown interrupts is claimed again after its lease expires.
        let stop = self.app.stop.clone();
        stop.run_until_cancelled(async {
            loop {
                let delay = match self.run_due().await {
                    Ok(delay) => delay,
                    Err(error) => {
                        tracing::error!(%error, "sandbox worker failed");
                        Duration::from_secs(1)
                    }
                };
                tokio::select! {
                    () = self.app.wake.notified() => {}
                    () = tokio::time::sleep(delay) => {}
                    Some(_) = self.deliveries.join_next(), if self.deliveries.len() >= MAX_DELIVERIES => {}
                }
            }
        })
        .await;
        self.deliveries.shutdown().await;
    }

    /// Runs all due work. Returns the time until the next poll.
    async fn run_due(&mut self) -> sqlx::Result<Duration> {
        while self.deliveries.try_join_next().is_some() {}
        apply_scheduled_changes(&self.app).await?;
        follow_ups::apply_due(&self.app).await?;
        for delivery in self.claim().await? {
            self.deliveries
                .spawn(deliver(self.app.clone(), self.client.clone(), delivery));
        }
        let next: Option<i64> = sqlx::query_scalar(
            "select min(due) from (
                select min(later_at) as due from payments where later_at is not null
                union all
                select min(due_at) from follow_ups
                union all
                select min(due_at) from deliveries where state = 'pending')",
        )
        .fetch_one(&self.app.pool)
        .await?;
        let delay = next.map_or(MAX_POLL_INTERVAL_MS, |due| {
            (due - now_ms()).clamp(10, MAX_POLL_INTERVAL_MS)
        });
        Ok(Duration::from_millis(delay.unsigned_abs()))
    }

    /// Claims due deliveries for [`LEASE_MS`].
    async fn claim(&self) -> sqlx::Result<Vec<Delivery>> {
        let free = MAX_DELIVERIES.saturating_sub(self.deliveries.len());
        let now = now_ms();
        sqlx::query_as(
            "update deliveries set due_at = $2, attempts = attempts + 1
             where id in (
                select id from deliveries where state = 'pending' and due_at <= $1
                order by due_at limit $3)
             returning id, url, attempts,
                (select body from events where events.id = event) as body,
                (select webhook_secret from events join accounts on accounts.id = account
                 where events.id = event) as webhook_secret",
        )
        .bind(now)
        .bind(now + LEASE_MS)
        .bind(i64::try_from(free).unwrap_or_default())
        .fetch_all(&self.app.pool)
        .await
    }
}

async fn apply_scheduled_changes(app: &App) -> sqlx::Result<()> {
    let due: Vec<Payment> =
        sqlx::query_as("select * from payments where later_at <= $1 order by later_at limit 100")
            .bind(now_ms())
            .fetch_all(&app.pool)
            .await?;
    for payment in due {
        let Some(status) = &payment.later_status else {
            continue;
        };
        let mut tx = ledger::begin(&app.pool).await?;
        let decline = payment.later_decline.as_deref();
        let webhook = payment.later_webhook;
        ledger::settle(&mut tx, &payment, &app.public_url, status, decline, webhook).await?;
        tx.commit().await?;
    }
    Ok(())
}

async fn deliver(app: App, client: reqwest::Client, delivery: Delivery) {
    let delivered = send(&client, &delivery).await;
    let retry = usize::try_from(delivery.attempts - 1)
        .ok()
        .and_then(|n| RETRY_DELAYS_MS.get(n));
    let (state, due_at) = match (delivered, retry) {
        (true, _) => ("delivered", now_ms()),
        (false, Some(delay)) => ("pending", now_ms() + delay),
        (false, None) => ("failed", now_ms()),
    };
    let updated = sqlx::query("update deliveries set state = $2, due_at = $3 where id = $1")
        .bind(delivery.id)
        .bind(state)
        .bind(due_at)
        .execute(&app.pool)
        .await;
    if let Err(error) = updated {
        tracing::error!(%error, "sandbox delivery not recorded");
    }
    if state == "pending" {
        app.wake.notify_one();
    }
}

/// Sends a webhook. Returns whether the merchant responded with success.
async fn send(client: &reqwest::Client, delivery: &Delivery) -> bool {
    let time = now().as_second();
    let Some(signature) = signature(&delivery.webhook_secret, time, &delivery.body) else {
        return false;
    };
    let response = client
        .post(&delivery.url)
        .header("content-type", "application/json")
        .header("sandbox-signature", signature)
        .body(delivery.body.clone())
        .send()
        .await;
    match response {
        Ok(response) if response.status().is_success() => true,
        Ok(response) => {
            tracing::warn!(
                status = response.status().as_u16(),
                "sandbox webhook rejected"
            );
            false
        }
        Err(error) => {
            tracing::warn!(error = %error.without_url(), "sandbox webhook not delivered");
            false
        }
    }
}

/// Returns the `Sandbox-Signature` header: `t=<seconds>,v1=<HMAC-SHA256 of "<seconds>.<body>" in hex>`.
fn signature(secret: &str, time: i64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("{time}.{body}").as_bytes());
    Some(format!(
        "t={time},v1={}",
        hex::encode(mac.finalize().into_bytes())
    ))
}
