//! How the work stands that all servers on a database share: read at every scrape, from indexes of
//! its own.

use super::{Result, Store};

/// Payments of one connector whose fate is open.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Unknown {
    /// The connector's kind.
    pub connector: String,
    /// How many.
    pub count: i64,
    /// When the oldest was made (milliseconds).
    pub oldest: i64,
}

/// Callbacks that are not delivered yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Waiting {
    /// How many.
    pub count: i64,
    /// When the oldest was written (milliseconds).
    pub oldest: Option<i64>,
}

impl Store {
    /// Payments that were asked for and are not known to have ended, but for those that wait for
    /// the buyer.
    pub async fn unknown_payments(&self) -> Result<Vec<Unknown>> {
        Ok(sqlx::query_as(
            "select connector, count(*) as count, min(created_at) as oldest from payments
             where status in ('created', 'processing') group by connector",
        )
        .fetch_all(self.pool())
        .await?)
    }

    /// The outbox.
    pub async fn waiting_events(&self) -> Result<Waiting> {
        Ok(sqlx::query_as(
            "select count(*) as count, min(created_at) as oldest from events
             where state = 'pending'",
        )
        .fetch_one(self.pool())
        .await?)
    }
}
