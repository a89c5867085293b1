//! The work that is not finished, counted with indexes made for it: every scrape reads it.

use super::{Result, Store};

/// Payments of one connector whose outcome is unknown.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct UnknownPayments {
    /// The connector's kind.
    pub connector: String,
    /// The number of payments.
    pub count: i64,
    /// When the oldest one was created (milliseconds).
    pub oldest: i64,
}

/// Payments or refunds of one connector that an operator has to look at.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct ToReview {
    /// The connector's kind.
    pub connector: String,
    /// Their number.
    pub count: i64,
}

/// Callbacks that are not delivered yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct PendingCallbacks {
    /// The number of callbacks.
    pub count: i64,
    /// When the oldest one was created (milliseconds).
    pub oldest: Option<i64>,
}

impl Store {
    /// Counts the payments that were submitted and whose outcome is unknown. Those that wait for
    /// the buyer's verification are not among them.
    pub async fn unknown_payments(&self) -> Result<Vec<UnknownPayments>> {
        Ok(sqlx::query_as(
            "select connector, count(*) as count, min(created_at) as oldest from payments
             where status in ('created', 'processing') group by connector",
        )
        .fetch_all(self.pool())
        .await?)
    }

    /// Counts the live payments that an operator has to look at.
    pub async fn payments_to_review(&self) -> Result<Vec<ToReview>> {
        Ok(sqlx::query_as(
            "select connector, count(*) as count from payments
             where review is not null group by connector",
        )
        .fetch_all(self.pool())
        .await?)
    }

    /// Counts the pending refunds that an operator has to look at.
    pub async fn refunds_to_review(&self) -> Result<Vec<ToReview>> {
        Ok(sqlx::query_as(
            "select p.connector as connector, count(*) as count
             from refunds r join payments p on p.id = r.payment
             where r.refused_at is not null and r.status = 'pending' group by p.connector",
        )
        .fetch_all(self.pool())
        .await?)
    }

    /// Counts the callbacks that are not delivered yet.
    pub async fn pending_callbacks(&self) -> Result<PendingCallbacks> {
        Ok(sqlx::query_as(
            "select count(*) as count, min(created_at) as oldest from events
             where state = 'pending'",
        )
        .fetch_one(self.pool())
        .await?)
    }
}
