//! Refunds. Their sum never exceeds the captured amount, and a reference is used once.

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::accounts::Account;
use super::app::App;
use super::error::{ApiError, ApiResult};
use super::payment::rfc3339;
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

#[derive(sqlx::FromRow)]
struct Refund {
    id: String,
    payment: String,
    reference: String,
    fingerprint: String,
    amount: i64,
    currency: String,
    created_at: i64,
}

impl Refund {
    fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "refund",
            "payment": self.payment,
            "reference": self.reference,
            "status": "succeeded",
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
    check_amount(body.amount)?;
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
    if body.amount > payment.captured - payment.refunded {
        let message = "The amount exceeds what is left to refund.";
        return Err(ApiError::unprocessable("amount_too_large", message));
    }
    let refund: Option<Refund> = sqlx::query_as(
        "insert into refunds (id, account, payment, reference, idempotency_key, fingerprint,
            amount, currency, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (account, reference) do nothing returning *",
    )
    .bind(format!("sbr_{}", new_id::unique()))
    .bind(&account.id)
    .bind(&payment.id)
    .bind(&body.reference)
    .bind(&key)
    .bind(&fingerprint)
    .bind(body.amount)
    .bind(&payment.currency)
    .bind(now_ms())
    .fetch_optional(&mut *tx)
    .await?;
    let refund = refund.ok_or_else(ApiError::reference_exists)?;
    sqlx::query("update payments set refunded = refunded + $2 where id = $1")
        .bind(&payment.id)
        .bind(refund.amount)
        .execute(&mut *tx)
        .await?;
    let payment = ledger::find(&mut *tx, &account.id, &id).await?;
    let data = json!({"payment": payment.to_json(&app.public_url), "refund": refund.to_json()});
    outbox::record(&mut tx, &payment, "refund.updated", data, &[0]).await?;
    tx.commit().await?;
    app.wake.notify_one();
    Ok(Json(refund.to_json()).into_response())
}

/// `GET /v1/payments/{id}/refunds`: lists a payment's refunds, oldest first.
async fn list(
    State(app): State<App>,
    account: Account,
    Path(id): Path<String>,
    Query(filter): Query<ReferenceFilter>,
) -> ApiResult<Json<Value>> {
    let payment = ledger::find(&app.pool, &account.id, &id).await?;
    let refunds: Vec<Refund> = sqlx::query_as(
        "select * from refunds where payment = $1 and ($2 is null or reference = $2)
         order by created_at, id",
    )
    .bind(&payment.id)
    .bind(filter.reference.as_deref())
    .fetch_all(&app.pool)
    .await?;
    let data: Vec<Value> = refunds.iter().map(Refund::to_json).collect();
    Ok(Json(json!({ "data": data })))
}
