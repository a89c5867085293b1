//! Reversals: the payment system takes a payment back without a dispute.

use serde_json::json;
use sqlx::{Sqlite, Transaction};

use super::outbox;
use super::payment::{Payment, rfc3339};
use crate::clock::now_ms;
use crate::new_id;

/// Takes back what is left of a payment.
pub(super) async fn reverse(
    tx: &mut Transaction<'_, Sqlite>,
    payment: &Payment,
    public_url: &str,
) -> sqlx::Result<()> {
    let amount = payment.refundable();
    if amount <= 0 {
        return Ok(());
    }
    let (id, now) = (format!("sbv_{}", new_id::unique()), now_ms());
    sqlx::query(
        "insert into reversals (id, payment, amount, currency, created_at)
         values ($1, $2, $3, $4, $5)",
    )
    .bind(&id)
    .bind(&payment.id)
    .bind(amount)
    .bind(&payment.currency)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    let payment: Payment =
        sqlx::query_as("update payments set reversed = reversed + $2 where id = $1 returning *")
            .bind(&payment.id)
            .bind(amount)
            .fetch_one(&mut **tx)
            .await?;
    let reversal = json!({
        "id": id,
        "object": "reversal",
        "payment": payment.id,
        "amount": amount,
        "currency": payment.currency,
        "created_at": rfc3339(now),
    });
    let data = json!({"payment": payment.to_json(public_url), "reversal": reversal});
    outbox::record(tx, &payment, "payment.reversed", data, &[0]).await
}
