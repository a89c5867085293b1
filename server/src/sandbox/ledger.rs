//! The payments' rows. Each change of one is a single transaction with the event that tells of it.

use serde_json::{Value, json};
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::cards::Plan;
use super::error::{ApiError, ApiResult};
use super::{new_id, new_secret, now_ms};

/// A payment as the ledger has it.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Payment {
    pub id: String,
    pub account: String,
    pub reference: String,
    pub idempotency_key: String,
    pub fingerprint: String,
    /// The first answer, to give again under the same key.
    pub answer: String,
    pub amount: i64,
    pub currency: String,
    pub status: String,
    pub decline_code: Option<String>,
    pub captured: i64,
    pub refunded: i64,
    pub outcome: String,
    pub brand: Option<String>,
    pub last4: Option<String>,
    pub exp_month: Option<i64>,
    pub exp_year: Option<i64>,
    pub verify_token: Option<String>,
    pub framable: Option<bool>,
    pub confirm_declines: Option<String>,
    pub return_url: String,
    pub webhook_url: Option<String>,
    pub later_at: Option<i64>,
    pub later_status: Option<String>,
    pub later_decline: Option<String>,
    pub later_webhook: Option<i64>,
    pub created_at: i64,
}

/// What of a card may be kept.
#[derive(Clone, Debug)]
pub(super) struct CardTrace {
    pub brand: &'static str,
    pub last4: String,
    pub exp_month: i64,
    pub exp_year: i64,
}

/// A payment about to be written.
pub(super) struct NewPayment<'a> {
    pub account: &'a str,
    pub reference: &'a str,
    pub idempotency_key: &'a str,
    pub fingerprint: String,
    pub amount: i64,
    pub currency: &'a str,
    pub outcome: &'static str,
    pub plan: Plan,
    pub card: Option<CardTrace>,
    pub return_url: &'a str,
    pub webhook_url: Option<&'a str>,
}

/// The payment made by a call, or by an earlier one with the same key.
pub(super) enum Created {
    Now(Payment),
    Before(Payment),
}

impl Payment {
    /// The payment as clients see it.
    pub fn to_json(&self, public_url: &str) -> Value {
        let mut object = json!({
            "id": self.id,
            "object": "payment",
            "reference": self.reference,
            "amount": self.amount,
            "currency": self.currency,
            "status": self.status,
            "captured": self.captured,
            "refunded": self.refunded,
            "created_at": rfc3339(self.created_at),
        });
        if let Some(code) = &self.decline_code {
            object["decline_code"] = json!(code);
        }
        if let (true, Some(token)) = (self.awaits_verification(), &self.verify_token) {
            let url = format!("{public_url}/verify/{token}");
            object["verification"] = json!({"url": url, "framable": self.framable});
        }
        if let Some(brand) = &self.brand {
            object["card"] = json!({
                "brand": brand,
                "last4": self.last4,
                "exp_month": self.exp_month,
                "exp_year": self.exp_year,
            });
        }
        object
    }

    pub fn awaits_verification(&self) -> bool {
        self.status == "requires_verification"
    }
}

/// A moment as RFC 3339.
pub(super) fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| at.to_string())
}

/// Opens a transaction that may write: SQLite has one writer, and waiting in line for it here
/// makes read-then-write safe below.
pub(super) async fn begin(pool: &SqlitePool) -> sqlx::Result<Transaction<'static, Sqlite>> {
    pool.begin_with("begin immediate").await
}

/// Writes a new payment with its first event, or finds the one this key made before.
pub(super) async fn create(
    pool: &SqlitePool,
    public_url: &str,
    new: NewPayment<'_>,
) -> ApiResult<Created> {
    let mut tx = begin(pool).await?;
    if let Some(before) = by_key(&mut tx, new.account, new.idempotency_key).await? {
        return match before.fingerprint == new.fingerprint {
            true => Ok(Created::Before(before)),
            false => Err(ApiError::same_key_other_body()),
        };
    }
    let payment = new.to_payment(public_url);
    if insert(&mut tx, &payment).await?.is_none() {
        return Err(ApiError::reference_exists());
    }
    let plan = new.plan;
    record(
        &mut tx,
        &payment,
        &payment_event(&payment, public_url),
        plan.webhooks,
    )
    .await?;
    tx.commit().await?;
    Ok(Created::Now(payment))
}

impl NewPayment<'_> {
    fn to_payment(&self, public_url: &str) -> Payment {
        let plan = &self.plan;
        let now = now_ms();
        let card = self.card.as_ref();
        let mut payment = Payment {
            id: new_id("sbp_"),
            account: self.account.to_owned(),
            reference: self.reference.to_owned(),
            idempotency_key: self.idempotency_key.to_owned(),
            fingerprint: self.fingerprint.clone(),
            answer: String::new(),
            amount: self.amount,
            currency: self.currency.to_owned(),
            status: plan.status.to_owned(),
            decline_code: plan.decline.map(str::to_owned),
            captured: if plan.status == "succeeded" {
                self.amount
            } else {
                0
            },
            refunded: 0,
            outcome: self.outcome.to_owned(),
            brand: card.map(|card| card.brand.to_owned()),
            last4: card.map(|card| card.last4.clone()),
            exp_month: card.map(|card| card.exp_month),
            exp_year: card.map(|card| card.exp_year),
            verify_token: plan.framable.map(|_| new_secret("")),
            framable: plan.framable,
            confirm_declines: plan.confirm_declines.map(str::to_owned),
            return_url: self.return_url.to_owned(),
            webhook_url: self.webhook_url.map(str::to_owned),
            later_at: plan.later.map(|later| now + later.after),
            later_status: plan.later.map(|later| later.status.to_owned()),
            later_decline: plan
                .later
                .and_then(|later| later.decline)
                .map(str::to_owned),
            later_webhook: plan.later.and_then(|later| later.webhook),
            created_at: now,
        };
        payment.answer = payment.to_json(public_url).to_string();
        payment
    }
}

async fn insert(tx: &mut Transaction<'_, Sqlite>, payment: &Payment) -> sqlx::Result<Option<()>> {
    let done = sqlx::query(
        "insert into payments (id, account, reference, idempotency_key, fingerprint, answer,
            amount, currency, status, decline_code, captured, refunded, outcome, brand, last4,
            exp_month, exp_year, verify_token, framable, confirm_declines, return_url,
            webhook_url, later_at, later_status, later_decline, later_webhook, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24, $25, $26, $27)
         on conflict (account, reference) do nothing",
    )
    .bind(&payment.id)
    .bind(&payment.account)
    .bind(&payment.reference)
    .bind(&payment.idempotency_key)
    .bind(&payment.fingerprint)
    .bind(&payment.answer)
    .bind(payment.amount)
    .bind(&payment.currency)
    .bind(&payment.status)
    .bind(&payment.decline_code)
    .bind(payment.captured)
    .bind(payment.refunded)
    .bind(&payment.outcome)
    .bind(&payment.brand)
    .bind(&payment.last4)
    .bind(payment.exp_month)
    .bind(payment.exp_year)
    .bind(&payment.verify_token)
    .bind(payment.framable)
    .bind(&payment.confirm_declines)
    .bind(&payment.return_url)
    .bind(&payment.webhook_url)
    .bind(payment.later_at)
    .bind(&payment.later_status)
    .bind(&payment.later_decline)
    .bind(payment.later_webhook)
    .bind(payment.created_at)
    .execute(&mut **tx)
    .await?;
    Ok((done.rows_affected() == 1).then_some(()))
}

async fn by_key(
    tx: &mut Transaction<'_, Sqlite>,
    account: &str,
    key: &str,
) -> sqlx::Result<Option<Payment>> {
    sqlx::query_as("select * from payments where account = $1 and idempotency_key = $2")
        .bind(account)
        .bind(key)
        .fetch_optional(&mut **tx)
        .await
}

/// One payment of an account.
pub(super) async fn find<'e>(
    db: impl sqlx::Executor<'e, Database = Sqlite>,
    account: &str,
    id: &str,
) -> ApiResult<Payment> {
    sqlx::query_as("select * from payments where account = $1 and id = $2")
        .bind(account)
        .bind(id)
        .fetch_optional(db)
        .await?
        .ok_or_else(ApiError::not_found)
}

/// The payment whose verification form has this token.
pub(super) async fn by_token<'e>(
    db: impl sqlx::Executor<'e, Database = Sqlite>,
    token: &str,
) -> sqlx::Result<Option<Payment>> {
    sqlx::query_as("select * from payments where verify_token = $1")
        .bind(token)
        .fetch_optional(db)
        .await
}

/// An account's payments, oldest first; those with this reference, if one is given.
pub(super) async fn list(
    pool: &SqlitePool,
    account: &str,
    reference: Option<&str>,
) -> sqlx::Result<Vec<Payment>> {
    sqlx::query_as(
        "select * from payments where account = $1 and ($2 is null or reference = $2)
         order by created_at, id",
    )
    .bind(account)
    .bind(reference)
    .fetch_all(pool)
    .await
}

/// Ends a payment that is still under way, with its event. `webhook`: how long the event waits
/// before it is sent; `None` sends nothing. A payment that has ended stays as it is.
pub(super) async fn settle(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    public_url: &str,
    status: &str,
    decline: Option<&str>,
    webhook: Option<i64>,
) -> sqlx::Result<Payment> {
    let settled: Option<Payment> = sqlx::query_as(
        "update payments set status = $2, decline_code = $3,
            captured = case when $2 = 'succeeded' then amount else 0 end, later_at = null
         where id = $1 and status in ('requires_verification', 'processing') returning *",
    )
    .bind(&payment.id)
    .bind(status)
    .bind(decline)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(settled) = settled else {
        return Ok(payment.clone());
    };
    let event = payment_event(&settled, public_url);
    record(tx, &settled, &event, webhook.as_slice()).await?;
    Ok(settled)
}

fn payment_event(payment: &Payment, public_url: &str) -> Value {
    event(
        "payment.updated",
        json!({"payment": payment.to_json(public_url)}),
    )
}

/// The body of a new event.
pub(super) fn event(kind: &str, data: Value) -> Value {
    let created_at = rfc3339(now_ms());
    json!({"id": new_id("sbe_"), "type": kind, "created_at": created_at, "data": data})
}

/// Puts an event in the outbox, to be sent once for each of `delays`.
pub(super) async fn record(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    event: &Value,
    delays: &[i64],
) -> sqlx::Result<()> {
    let (Some(url), false) = (&payment.webhook_url, delays.is_empty()) else {
        return Ok(());
    };
    let now = now_ms();
    let id = event["id"].as_str().unwrap_or_default();
    sqlx::query("insert into events (id, account, body, created_at) values ($1, $2, $3, $4)")
        .bind(id)
        .bind(&payment.account)
        .bind(event.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    for delay in delays {
        sqlx::query("insert into deliveries (event, url, due_at) values ($1, $2, $3)")
            .bind(id)
            .bind(url)
            .bind(now + delay)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}
