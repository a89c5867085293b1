//! What happens by itself: payments that move on, and webhooks sent from the outbox.

use std::time::Duration;

use anyhow::Context as _;
use hmac::{Hmac, Mac as _};
use reqwest::redirect;
use sha2::Sha256;
use tokio::task::JoinSet;

use super::ledger::{self, Payment};
use super::{App, now_ms};

/// Waits before the second, third and fourth attempt, in milliseconds.
const RETRIES: &[i64] = &[1000, 5000, 30_000];
/// How long a claimed delivery is nobody else's. Longer than the client's time limit.
const LEASE: i64 = 20_000;
/// How many deliveries run at once.
const AT_ONCE: usize = 32;
/// The longest the worker sleeps.
const NAP: i64 = 1000;

/// Moves payments on and sends webhooks until the sandbox stops.
pub(super) struct Worker {
    app: App,
    client: reqwest::Client,
    sending: JoinSet<()>,
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
            .timeout(Duration::from_secs(10))
            .redirect(redirect::Policy::none())
            .build()
            .context("the webhook client")?;
        Ok(Self {
            app,
            client,
            sending: JoinSet::new(),
        })
    }

    pub async fn run(mut self) {
        // A delivery cut off by the end is sent again after the next start: its lease runs out.
        let stop = self.app.stop.clone();
        stop.run_until_cancelled(async {
            loop {
                let nap = match self.turn().await {
                    Ok(nap) => nap,
                    Err(error) => {
                        tracing::error!(%error, "sandbox worker");
                        Duration::from_secs(1)
                    }
                };
                tokio::select! {
                    () = self.app.wake.notified() => {}
                    () = tokio::time::sleep(nap) => {}
                }
            }
        })
        .await;
        self.sending.shutdown().await;
    }

    /// Does all that is due; answers how long until more is.
    async fn turn(&mut self) -> sqlx::Result<Duration> {
        while self.sending.try_join_next().is_some() {}
        move_payments_on(&self.app).await?;
        for delivery in self.claim().await? {
            self.sending
                .spawn(deliver(self.app.clone(), self.client.clone(), delivery));
        }
        let next: Option<i64> = sqlx::query_scalar(
            "select min(due) from (
                select min(later_at) as due from payments where later_at is not null
                union all
                select min(due_at) from deliveries where state = 'pending')",
        )
        .fetch_one(&self.app.pool)
        .await?;
        let wait = next.map_or(NAP, |due| (due - now_ms()).clamp(10, NAP));
        Ok(Duration::from_millis(wait.unsigned_abs()))
    }

    async fn claim(&self) -> sqlx::Result<Vec<Delivery>> {
        let room = i64::try_from(AT_ONCE.saturating_sub(self.sending.len())).unwrap_or_default();
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
        .bind(now + LEASE)
        .bind(room)
        .fetch_all(&self.app.pool)
        .await
    }
}

async fn move_payments_on(app: &App) -> sqlx::Result<()> {
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
    let sent = send(&client, &delivery).await;
    let retry = usize::try_from(delivery.attempts - 1)
        .ok()
        .and_then(|n| RETRIES.get(n));
    let (state, due_at) = match (sent, retry) {
        (true, _) => ("delivered", now_ms()),
        (false, Some(wait)) => ("pending", now_ms() + wait),
        (false, None) => ("failed", now_ms()),
    };
    let noted = sqlx::query("update deliveries set state = $2, due_at = $3 where id = $1")
        .bind(delivery.id)
        .bind(state)
        .bind(due_at)
        .execute(&app.pool)
        .await;
    if let Err(error) = noted {
        tracing::error!(%error, "sandbox delivery");
    }
    app.wake.notify_one();
}

async fn send(client: &reqwest::Client, delivery: &Delivery) -> bool {
    let time = crate::clock::now().as_second();
    let Some(signature) = signature(&delivery.webhook_secret, time, &delivery.body) else {
        return false;
    };
    let answer = client
        .post(&delivery.url)
        .header("content-type", "application/json")
        .header("sandbox-signature", signature)
        .body(delivery.body.clone())
        .send()
        .await;
    match answer {
        Ok(answer) if answer.status().is_success() => true,
        Ok(answer) => {
            tracing::warn!(status = answer.status().as_u16(), "sandbox webhook refused");
            false
        }
        Err(error) => {
            tracing::warn!(error = %error.without_url(), "sandbox webhook not delivered");
            false
        }
    }
}

/// The header that proves a webhook is ours.
fn signature(secret: &str, time: i64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("{time}.{body}").as_bytes());
    Some(format!(
        "t={time},v1={}",
        hex::encode(mac.finalize().into_bytes())
    ))
}
