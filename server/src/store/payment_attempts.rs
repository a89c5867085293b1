//! The table `payment_attempts`: attempts to pay from a payment form, against the testing of stolen cards.

use super::column::placeholders;
use super::{Result, Store, Tx};
use crate::domain::attempts::{ATTEMPT_POINTS, Counted, DECLINE_POINTS, Room, Scope};
use sqlx::AssertSqlSafe;
use till_shared::id::{InvoiceId, PaymentId, ProjectId};

/// An attempt to pay.
pub struct Attempt<'a> {
    /// The payment's id; the first one's, where several accounts are tried.
    pub payment: &'a PaymentId,
    /// The project.
    pub project: &'a ProjectId,
    /// The invoice.
    pub invoice: &'a InvoiceId,
    /// Keyed hashes of the client's address, one for each of the server's keys. The first is recorded; an
    /// attempt with any of them is from the same client.
    pub addresses: Vec<String>,
    /// Keyed hashes of the card's number in the same way; none if this server does not have it.
    pub cards: Vec<String>,
}

impl Attempt<'_> {
    /// The lists of the addresses' and of the cards' placeholders, of which `first` is the first. The values
    /// are [`Self::hashes`].
    fn lists(&self, first: usize) -> (String, String) {
        let cards = first + self.addresses.len();
        (
            placeholders(first, self.addresses.len()),
            placeholders(cards, self.cards.len()),
        )
    }

    fn hashes(&self) -> impl Iterator<Item = &String> {
        self.addresses.iter().chain(&self.cards)
    }
}

/// How an attempt counts once its payment has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// In full, as its payment was declined.
    Declined,
    /// Not at all, as its payment succeeded.
    TakenBack,
}

/// Has an attempt count otherwise from `now` on (milliseconds).
pub async fn count(tx: &mut Tx, payment: &PaymentId, counting: Counting, now: i64) -> Result<()> {
    let query = match counting {
        Counting::Declined => {
            sqlx::query("update payment_attempts set points = $2, at = $3 where payment = $1")
                .bind(payment.as_str())
                .bind(DECLINE_POINTS)
                .bind(now)
        }
        Counting::TakenBack => {
            sqlx::query("delete from payment_attempts where payment = $1").bind(payment.as_str())
        }
    };
    query.execute(tx.conn()).await?;
    Ok(())
}

impl Store {
    /// Counts the other attempts of each scope within its window, in the order of [`Scope::ALL`].
    pub async fn count_payment_attempts(
        &self,
        attempt: &Attempt<'_>,
        now: i64,
    ) -> Result<[Counted; 4]> {
        let (addresses, cards) = attempt.lists(8);
        let sql = format!(
            "select scope, cast(sum(points) as bigint), max(at) from (
                 select 'invoice' as scope, points, at from payment_attempts
                 where invoice = $1 and at > $2 and payment <> $7
                 union all
                 select 'address' as scope, points, at from payment_attempts
                 where address in {addresses} and at > $3 and payment <> $7
                 union all
                 select 'card' as scope, points, at from payment_attempts
                 where card in {cards} and at > $4 and payment <> $7
                 union all
                 select 'project' as scope, points, at from payment_attempts
                 where project = $5 and at > $6 and points > 1 and payment <> $7
             ) as counted group by scope"
        );
        let query = sqlx::query_as(AssertSqlSafe(sql))
            .bind(attempt.invoice.as_str())
            .bind(now - Scope::Invoice.window())
            .bind(now - Scope::Address.window())
            .bind(now - Scope::Card.window())
            .bind(attempt.project.as_str())
            .bind(now - Scope::Project.window())
            .bind(attempt.payment.as_str());
        let query = attempt.hashes().fold(query, |query, hash| query.bind(hash));
        let rows: Vec<(String, i64, i64)> = query.fetch_all(self.pool()).await?;
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
        let (addresses, cards) = attempt.lists(16);
        let sql = format!(
            "insert into payment_attempts (payment, project, invoice, address, card, points, at)
             select $1, $2, $3, $4, $5, $6, $7
             where (select coalesce(sum(points), 0) from payment_attempts
                    where invoice = $3 and at > $8 and payment <> $1) < $9
             and (select coalesce(sum(points), 0) from payment_attempts
                  where address in {addresses} and at > $10 and payment <> $1) < $11
             and (select coalesce(sum(points), 0) from payment_attempts
                  where card in {cards} and at > $12 and payment <> $1) < $13
             and (select coalesce(sum(points), 0) from payment_attempts
                  where project = $2 and at > $14 and points > 1 and payment <> $1) < $15
             on conflict (payment) do update set at = excluded.at"
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(attempt.payment.as_str())
            .bind(attempt.project.as_str())
            .bind(attempt.invoice.as_str())
            .bind(attempt.addresses.first())
            .bind(attempt.cards.first())
            .bind(ATTEMPT_POINTS)
            .bind(now);
        let rooms = [invoice, address, card, project];
        let query = rooms.iter().fold(query, |query, room| {
            query.bind(room.since).bind(room.points)
        });
        let query = attempt.hashes().fold(query, |query, hash| query.bind(hash));
        Ok(query.execute(self.writer()).await?.rows_affected() == 1)
    }

    /// Deletes an attempt that came to nothing: no payment system was called.
    pub async fn delete_payment_attempt(&self, payment: &PaymentId) -> Result<()> {
        sqlx::query("delete from payment_attempts where payment = $1")
            .bind(payment.as_str())
            .execute(self.writer())
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
        .execute(self.writer())
        .await?;
        Ok(())
    }
}
