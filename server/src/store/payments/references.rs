//! The table `payment_references`: which payment has which id of a payment system.

use super::PaymentRow;
use crate::store::{Result, Tx};

/// Makes an id of the payment system this payment's, and no other's from then on. Returns `false` if it
/// is another payment's.
pub async fn claim(tx: &mut Tx, row: &PaymentRow, reference: &str) -> Result<bool> {
    // A server of before the table has written to `payments` only.
    let inserted = sqlx::query(
        "insert into payment_references (connector, reference, payment)
         select $1, $2, $3 where not exists
         (select 1 from payments where connector = $1 and reference = $2 and id <> $3)
         on conflict (connector, reference) do nothing",
    )
    .bind(&row.connector)
    .bind(reference)
    .bind(row.id.as_str())
    .execute(tx.conn())
    .await?;
    if inserted.rows_affected() == 1 {
        return Ok(true);
    }
    let owners: Vec<String> = sqlx::query_scalar(
        "select payment from payment_references where connector = $1 and reference = $2
         union all select id from payments where connector = $1 and reference = $2",
    )
    .bind(&row.connector)
    .bind(reference)
    .fetch_all(tx.conn())
    .await?;
    Ok(owners.iter().all(|owner| owner == row.id.as_str()))
}
