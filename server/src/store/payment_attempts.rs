//! The table `payment_attempts`: attempts to pay from a payment form, against the testing of stolen cards.

use super::{Result, Store, Tx};
use crate::domain::attempts::{ATTEMPT_POINTS, Counted, DECLINE_POINTS, Room, Scope};
use till_shared::id::{InvoiceId, PaymentId, ProjectId};

/// An attempt to pay.
pub struct Attempt<'a> {
    /// The payment's id; the first one's, where several accounts are tried.
    pub payment: &'a PaymentId,
    /// The project.
    pub project: &'a ProjectId,
    /// The invoice.
    pub invoice: &'a InvoiceId,
    /// A keyed hash of the client's address.
    pub address: String,
    /// A keyed hash of the card's number, if this server has it.
    pub card: Option<String>,
}

/// Counts an attempt in full, as its payment was declined.
pub async fn decline(tx: &mut Tx, payment: &PaymentId, now: i64) -> Result<()> {
    sqlx::query("update payment_attempts set points = $1, at = $2 where payment = $3")
        .bind(DECLINE_POINTS)
        .bind(now)
        .bind(payment.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Takes an attempt back, as its payment succeeded.
pub async fn delete(tx: &mut Tx, payment: &PaymentId) -> Result<()> {
    sqlx::query("delete from payment_attempts where payment = $1")
        .bind(payment.as_str())
        .execute(tx.conn())
        .await?;
    Ok(())
}

impl Store {
    /// Counts the other attempts of each scope within its window, in the order of [`Scope::ALL`].
    pub async fn count_payment_attempts(
        &self,
        attempt: &Attempt<'_>,
        now: i64,
    ) -> Result<[Counted; 4]> {
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(
            "select scope, cast(sum(points) as bigint), max(at) from (
                 select 'invoice' as scope, points, at from payment_attempts
                 where invoice = $1 and at > $2 and payment <> $9
                 union all
                 select 'address' as scope, points, at from payment_attempts
                 where address = $3 and at > $4 and payment <> $9
                 union all
                 select 'card' as scope, points, at from payment_attempts
                 where card = $5 and at > $6 and payment <> $9
                 union all
                 select 'project' as scope, points, at from payment_attempts
                 where project = $7 and at > $8 and points > 1 and payment <> $9
             ) as counted group by scope",
        )
        .bind(attempt.invoice.as_str())
        .bind(now - Scope::Invoice.window())
        .bind(&attempt.address)
        .bind(now - Scope::Address.window())
        .bind(attempt.card.as_deref())
        .bind(now - Scope::Card.window())
        .bind(attempt.project.as_str())
        .bind(now - Scope::Project.window())
        .bind(attempt.payment.as_str())
        .fetch_all(self.pool())
        .await?;
        let counted = |name: &str| {
            let row = rows.iter().find(|(scope, ..)| scope == name);
            row.map_or_else(Counted::default, |(_, points, newest)| Counted {
                points: *points,
                newest: Some(*newest),
            })
        };
        Ok(["invoice", "address", "card", "project"].map(counted))
    }

    /// Records an attempt, if each scope has room for it. Returns whether it was recorded. On PostgreSQL,
    /// attempts that are recorded at the very same time do not find each other: as many as there are
    /// connections may pass.
    pub async fn record_payment_attempt(
        &self,
        attempt: &Attempt<'_>,
        [invoice, address, card, project]: [Room; 4],
        now: i64,
    ) -> Result<bool> {
        let done = sqlx::query(
            "insert into payment_attempts (payment, project, invoice, address, card, points, at)
             select $1, $2, $3, $4, $5, $6, $7
             where (select coalesce(sum(points), 0) from payment_attempts
                    where invoice = $3 and at > $8 and payment <> $1) < $9
             and (select coalesce(sum(points), 0) from payment_attempts
                  where address = $4 and at > $10 and payment <> $1) < $11
             and (select coalesce(sum(points), 0) from payment_attempts
                  where card = $5 and at > $12 and payment <> $1) < $13
             and (select coalesce(sum(points), 0) from payment_attempts
                  where project = $2 and at > $14 and points > 1 and payment <> $1) < $15
             on conflict (payment) do update set at = excluded.at",
        )
        .bind(attempt.payment.as_str())
        .bind(attempt.project.as_str())
        .bind(attempt.invoice.as_str())
        .bind(&attempt.address)
        .bind(attempt.card.as_deref())
        .bind(ATTEMPT_POINTS)
        .bind(now);
        let rooms = [invoice, address, card, project];
        let done = rooms
            .iter()
            .fold(done, |query, room| query.bind(room.since).bind(room.points));
        Ok(done.execute(self.pool()).await?.rows_affected() == 1)
    }

    /// Deletes an attempt that came to nothing: no payment system was called.
    pub async fn delete_payment_attempt(&self, payment: &PaymentId) -> Result<()> {
        sqlx::query("delete from payment_attempts where payment = $1")
            .bind(payment.as_str())
            .execute(self.pool())
            .await?;
        Ok(())
    }

    /// Deletes up to `limit` attempts that last changed before `before` (milliseconds).
    pub async fn prune_payment_attempts(&self, before: i64, limit: i64) -> Result<()> {
        sqlx::query(
            "delete from payment_attempts where payment in
             (select payment from payment_attempts where at < $1 order by at limit $2)",
        )
        .bind(before)
        .bind(limit)
        .execute(self.pool())
        .await?;
        Ok(())
    }
}
