//! Disputes: the buyer's bank takes a payment back, and decides who keeps the money.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::accounts::Account;
use super::app::App;
use super::error::ApiResult;
use super::payment::{Payment, rfc3339};
use super::{ledger, outbox};
use crate::clock::now_ms;
use crate::new_id;

/// How long a merchant can respond, in milliseconds.
const RESPONSE_TIME_MS: i64 = 7 * 24 * 60 * 60 * 1000;

pub(super) fn router() -> Router<App> {
    Router::new().route("/v1/payments/{id}/disputes", get(list))
}

/// A dispute, as the ledger stores it.
#[derive(sqlx::FromRow)]
pub(super) struct Dispute {
    id: String,
    payment: String,
    pub amount: i64,
    currency: String,
    reason: String,
    /// `needs_response`, `under_review`, `won` or `lost`.
    pub status: String,
    respond_by: i64,
    created_at: i64,
}

impl Dispute {
    fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "dispute",
            "payment": self.payment,
            "amount": self.amount,
            "currency": self.currency,
            "reason": self.reason,
            "status": self.status,
            "respond_by": rfc3339(self.respond_by),
            "created_at": rfc3339(self.created_at),
        })
    }
}

/// Opens a dispute of what is left of a payment. A payment without money has none.
pub(super) async fn open(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    public_url: &str,
) -> sqlx::Result<()> {
    if payment.refundable() <= 0 {
        return Ok(());
    }
    let now = now_ms();
    let dispute: Option<Dispute> = sqlx::query_as(
        "insert into disputes (id, payment, amount, currency, reason, status, respond_by, created_at)
         values ($1, $2, $3, $4, 'fraudulent', 'needs_response', $5, $6)
         on conflict (payment) do nothing returning *",
    )
    .bind(format!("sbd_{}", new_id::unique()))
    .bind(&payment.id)
    .bind(payment.refundable())
    .bind(&payment.currency)
    .bind(now + RESPONSE_TIME_MS)
    .bind(now)
    .fetch_optional(&mut **tx)
    .await?;
    record(tx, payment, public_url, dispute).await
}

/// Changes a payment's open dispute. `status` is `under_review`, `won` or `lost`.
pub(super) async fn update(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    public_url: &str,
    status: &str,
) -> sqlx::Result<()> {
    let dispute: Option<Dispute> = sqlx::query_as(
        "update disputes set status = $2 where payment = $1 and status not in ('won', 'lost')
         returning *",
    )
    .bind(&payment.id)
    .bind(status)
    .fetch_optional(&mut **tx)
    .await?;
    record(tx, payment, public_url, dispute).await
}

async fn record(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    public_url: &str,
    dispute: Option<Dispute>,
) -> sqlx::Result<()> {
    let Some(dispute) = dispute else {
        return Ok(());
    };
    let data = json!({"payment": payment.to_json(public_url), "dispute": dispute.to_json()});
    outbox::record(tx, payment, "dispute.updated", data, &[0]).await
}

/// The disputes of a payment, oldest first.
pub(super) async fn of_payment(pool: &SqlitePool, payment: &str) -> sqlx::Result<Vec<Dispute>> {
    sqlx::query_as("select * from disputes where payment = $1 order by created_at, id")
        .bind(payment)
        .fetch_all(pool)
        .await
}

/// `GET /v1/payments/{id}/disputes`: lists a payment's disputes, oldest first.
async fn list(
    State(app): State<App>,
    account: Account,
    Path(id): Path<String>,
) -> ApiResult<Json<Value>> {
    let payment = ledger::find(&app.pool, &account.id, &id).await?;
    let disputes = of_payment(&app.pool, &payment.id).await?;
    let data: Vec<Value> = disputes.iter().map(Dispute::to_json).collect();
    Ok(Json(json!({ "data": data })))
}
