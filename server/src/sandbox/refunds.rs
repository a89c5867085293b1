//! Refunds. Their sum never exceeds the captured amount, and a reference is used once.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{Sqlite, SqlitePool, Transaction};

use super::accounts::Account;
use super::app::App;
use super::cards;
use super::error::{ApiError, ApiResult};
use super::payment::{Payment, rfc3339};
use super::requests::{
    IdempotencyKey, JsonBody, REPLAYED, ReferenceFilter, check_amount, check_reference, fingerprint,
};
use super::{ledger, outbox};
use crate::clock::now_ms;
use crate::new_id;

pub(super) fn router() -> Router<App> {
    Router::new().route("/v1/payments/{id}/refunds", post(create).get(list))
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct RefundBody {
    amount: i64,
    reference: String,
}

/// A refund, as the ledger stores it.
#[derive(sqlx::FromRow)]
pub(super) struct Refund {
    pub id: String,
    payment: String,
    reference: String,
    fingerprint: String,
    pub amount: i64,
    currency: String,
    /// `pending`, `succeeded` or `failed`.
    pub status: String,
    /// Whether it was made in the dashboard. Such a refund has no reference of the merchant's.
    pub dashboard: bool,
    created_at: i64,
}

/// A refund to create.
struct NewRefund<'a> {
    reference: &'a str,
    idempotency_key: &'a str,
    fingerprint: &'a str,
    amount: i64,
    dashboard: bool,
}

impl Refund {
    /// Returns the refund as the API shows it.
    pub fn to_json(&self) -> Value {
        let reference = (!self.dashboard).then_some(&self.reference);
        json!({
            "id": self.id,
            "object": "refund",
            "payment": self.payment,
            "reference": reference,
            "status": self.status,
            "amount": self.amount,
            "currency": self.currency,
            "created_at": rfc3339(self.created_at),
        })
    }
}

/// `POST /v1/payments/{id}/refunds`: refunds a payment, in full or in part.
async fn create(
    State(app): State<App>,
    account: Account,
    Path(id): Path<String>,
    IdempotencyKey(key): IdempotencyKey,
    JsonBody(body): JsonBody<RefundBody>,
) -> ApiResult<Response> {
    check_reference(&body.reference)?;
    let fingerprint = fingerprint(&(&id, &body))?;

    let mut tx = ledger::begin(&app.pool).await?;
    let existing: Option<Refund> =
        sqlx::query_as("select * from refunds where account = $1 and idempotency_key = $2")
            .bind(&account.id)
            .bind(&key)
            .fetch_optional(&mut *tx)
            .await?;
    if let Some(existing) = existing {
        return if existing.fingerprint == fingerprint {
            Ok((REPLAYED, Json(existing.to_json())).into_response())
        } else {
            Err(ApiError::idempotency_key_reused())
        };
    }
    let payment = ledger::find(&mut *tx, &account.id, &id).await?;
    let new = NewRefund {
        reference: &body.reference,
        idempotency_key: &key,
        fingerprint: &fingerprint,
        amount: body.amount,
        dashboard: false,
    };
    let refund = insert(&mut tx, &app, &payment, &new).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(refund.to_json()).into_response())
}

/// Refunds a payment without a request of the merchant's server.
pub(super) async fn refund_in_dashboard(
    app: &App,
    payment: &str,
    amount: Option<i64>,
) -> ApiResult<Refund> {
    let mut tx = ledger::begin(&app.pool).await?;
    let payment = ledger::find_any(&mut *tx, payment).await?;
    let payment = payment.ok_or_else(ApiError::not_found)?;
    let unique = format!("dashboard_{}", new_id::unique());
    let new = NewRefund {
        reference: &unique,
        idempotency_key: &unique,
        fingerprint: "",
        amount: amount.unwrap_or(payment.refundable()),
        dashboard: true,
    };
    let refund = insert(&mut tx, app, &payment, &new).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(refund)
}

/// Inserts a refund with its first event, and schedules what the test card has planned for it.
async fn insert(
    tx: &mut Transaction<'_, Sqlite>,
    app: &App,
    payment: &Payment,
    new: &NewRefund<'_>,
) -> ApiResult<Refund> {
    check_amount(new.amount)?;
    if new.amount > payment.refundable() {
        return Err(ApiError::amount_too_large());
    }
    let plan = cards::outcome(&payment.outcome).refund_plan();
    let refund: Option<Refund> = sqlx::query_as(
        "insert into refunds (id, account, payment, reference, idempotency_key, fingerprint,
            amount, currency, status, dashboard, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
         on conflict (account, reference) do nothing returning *",
    )
    .bind(format!("sbr_{}", new_id::unique()))
    .bind(&payment.account)
    .bind(&payment.id)
    .bind(new.reference)
    .bind(new.idempotency_key)
    .bind(new.fingerprint)
    .bind(new.amount)
    .bind(&payment.currency)
    .bind(plan.status)
    .bind(new.dashboard)
    .bind(now_ms())
    .fetch_optional(&mut **tx)
    .await?;
    let refund = refund.ok_or_else(ApiError::reference_exists)?;
    let payment = add_refunded(tx, payment, refund.amount).await?;
    let delay = [plan.webhook_delay_ms];
    record(tx, &payment, &app.public_url, &refund, &delay).await?;
    ledger::schedule(tx, &payment.id, Some(&refund.id), plan.follow_ups).await?;
    Ok(refund)
}

async fn add_refunded(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    amount: i64,
) -> sqlx::Result<Payment> {
    sqlx::query_as("update payments set refunded = refunded + $2 where id = $1 returning *")
        .bind(&payment.id)
        .bind(amount)
        .fetch_one(&mut **tx)
        .await
}

async fn record(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    public_url: &str,
    refund: &Refund,
    delays_ms: &[i64],
) -> sqlx::Result<()> {
    let data = json!({"payment": payment.to_json(public_url), "refund": refund.to_json()});
    outbox::record(tx, payment, "refund.updated", data, delays_ms).await
}

/// Ends a refund of a payment. If it failed, the merchant has the money again.
pub(super) async fn change_status(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    public_url: &str,
    id: &str,
    status: &str,
) -> sqlx::Result<()> {
    let refund: Option<Refund> = sqlx::query_as(
        "update refunds set status = $2 where id = $1 and status not in ('failed', $2)
         returning *",
    )
    .bind(id)
    .bind(status)
    .fetch_optional(&mut **tx)
    .await?;
    let Some(refund) = refund else {
        return Ok(());
    };
    let back = if status == "failed" {
        -refund.amount
    } else {
        0
    };
    let payment = add_refunded(tx, payment, back).await?;
    record(tx, &payment, public_url, &refund, &[0]).await
}

/// The refunds of a payment, oldest first, optionally only those with a reference.
pub(super) async fn of_payment(
    pool: &SqlitePool,
    payment: &str,
    reference: Option<&str>,
) -> sqlx::Result<Vec<Refund>> {
    sqlx::query_as(
        "select * from refunds where payment = $1 and ($2 is null or reference = $2)
         order by created_at, id",
    )
    .bind(payment)
    .bind(reference)
    .fetch_all(pool)
    .await
}

/// `GET /v1/payments/{id}/refunds`: lists a payment's refunds, oldest first.
async fn list(
    State(app): State<App>,
    account: Account,
    Path(id): Path<String>,
    Query(filter): Query<ReferenceFilter>,
) -> ApiResult<Json<Value>> {
    let payment = ledger::find(&app.pool, &account.id, &id).await?;
    let refunds = of_payment(&app.pool, &payment.id, filter.reference.as_deref()).await?;
    let data: Vec<Value> = refunds.iter().map(Refund::to_json).collect();
    Ok(Json(json!({ "data": data })))
}
