//! Payments whose status is to be polled, or that an operator has to look at.

use super::PaymentRow;
use crate::domain::payment::Review;
use crate::store::{Result, Store};
use sqlx::AssertSqlSafe;
use till_shared::id::PaymentId;

impl Store {
    /// Marks a live payment as one that an operator has to look at. Returns whether it was not
    /// marked before.
    pub async fn mark_for_review(&self, id: &PaymentId, review: Review) -> Result<bool> {
        let done = sqlx::query(
            "update payments set review = $1 where id = $2 and review is null
             and status in ('created', 'requires_verification', 'processing')",
        )
        .bind(<&str>::from(review))
        .bind(id.as_str())
        .execute(self.writer())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Returns the accounts, each with its connector, that have a payment whose status is due to be polled. It
    /// reads one row of the index for each account with such a payment, due or not.
    pub async fn accounts_with_due_payments(&self, now: i64) -> Result<Vec<(String, String)>> {
        Ok(sqlx::query_as(
            "with recursive polled (connector, account) as (
                 select connector, account from payments where id =
                     (select id from payments where next_check_at is not null
                      order by connector, account limit 1)
                 union all
                 select p.connector, p.account from polled join payments p on p.id =
                     (select n.id from payments n where n.next_check_at is not null
                      and (n.connector, n.account) > (polled.connector, polled.account)
                      order by n.connector, n.account limit 1))
             select connector, account from polled where exists (select 1 from payments d
                 where d.connector = polled.connector and d.account = polled.account
                 and d.next_check_at <= $1)",
        )
        .bind(now)
        .fetch_all(self.pool())
        .await?)
    }

    /// Claims an account's payments whose status is due to be polled: until `lease_until` (milliseconds) no
    /// other call claims them.
    pub async fn claim_due_payments(
        &self,
        (connector, account): &(String, String),
        now: i64,
        lease_until: i64,
        limit: i64,
    ) -> Result<Vec<PaymentRow>> {
        Ok(sqlx::query_as(AssertSqlSafe(format!(
            concat!(
                "update payments set next_check_at = $2, checks = checks + 1 where id in
                 (select id from payments where connector = $4 and account = $5
                  and next_check_at <= $1 order by next_check_at limit $3{}) returning ",
                columns!()
            ),
            self.engine.skip_locked()
        )))
        .bind(now)
        .bind(lease_until)
        .bind(limit)
        .bind(connector)
        .bind(account)
        .fetch_all(self.writer())
        .await?)
    }

    /// Sets when a payment's status is polled next, unless it is final.
    pub async fn schedule_check(&self, id: &PaymentId, at: i64) -> Result<()> {
        sqlx::query(
            "update payments set next_check_at = $1 where id = $2 and next_check_at is not null",
        )
        .bind(at)
        .bind(id.as_str())
        .execute(self.writer())
        .await?;
        Ok(())
    }
}
