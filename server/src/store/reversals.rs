//! The table `reversals`: money that a payment system took back without a dispute.

use super::{Result, Tx};
use till_shared::id::PaymentId;

/// Inserts a reversal, of `amount` minor units of the payment's currency. Returns `false` if it is
/// known.
pub async fn insert(
    tx: &mut Tx,
    payment: &PaymentId,
    reference: &str,
    amount: i64,
    now: i64,
) -> Result<bool> {
    let done = sqlx::query(
        "insert into reversals (payment, reference, amount, created_at) values ($1, $2, $3, $4)
         on conflict (payment, reference) do nothing",
    )
    .bind(payment.as_str())
    .bind(reference)
    .bind(amount)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
