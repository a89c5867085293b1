//! Events and their webhook deliveries, written in the transaction of the change they report.

use serde_json::{Value, json};
use sqlx::{Sqlite, Transaction};

use super::payment::{Payment, rfc3339};
use crate::clock::now_ms;
use crate::new_id;

/// Records an event with one webhook delivery for each of `delays_ms`. Without a delay or a
/// webhook URL nothing is written.
pub(super) async fn record(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    kind: &str,
    data: Value,
    delays_ms: &[i64],
) -> sqlx::Result<()> {
    let Some(url) = &payment.webhook_url else {
        return Ok(());
    };
    if delays_ms.is_empty() {
        return Ok(());
    }
    let now = now_ms();
    let id = format!("sbe_{}", new_id::unique());
    let body = json!({"id": id, "type": kind, "created_at": rfc3339(now), "data": data});
    sqlx::query("insert into events (id, account, body, created_at) values ($1, $2, $3, $4)")
        .bind(&id)
        .bind(&payment.account)
        .bind(body.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    for delay in delays_ms {
        sqlx::query("insert into deliveries (event, url, due_at) values ($1, $2, $3)")
            .bind(&id)
            .bind(url)
            .bind(now + delay)
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// Records that a payment was created or changed.
pub(super) async fn record_payment(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    public_url: &str,
    delays_ms: &[i64],
) -> sqlx::Result<()> {
    let data = json!({"payment": payment.to_json(public_url)});
    record(tx, payment, "payment.updated", data, delays_ms).await
}

/// Records that a payment succeeded after it had ended otherwise: merchants no longer ask for it.
pub(super) async fn record_late_success(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    public_url: &str,
) -> sqlx::Result<()> {
    let data = json!({"payment": payment.to_json(public_url)});
    record(tx, payment, "payment.succeeded_late", data, &[0]).await
}
