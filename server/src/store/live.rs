//! Telling other servers on the same PostgreSQL that an invoice changed (LISTEN and NOTIFY). A
//! database of its kind that can't do that is asked from time to time instead.

use super::{Result, Store, Tx};
use sqlx::AnyPool;
use sqlx::postgres::{PgConnectOptions, PgListener};
use std::str::FromStr;
use till_shared::id::InvoiceId;

const CHANNEL: &str = "till_invoice";

/// How to listen at this database, if it can notify at all.
pub(super) async fn options(pool: &AnyPool, url: &str) -> Result<Option<PgConnectOptions>> {
    let tried = sqlx::query("select pg_notify($1, '')")
        .bind(CHANNEL)
        .execute(pool)
        .await;
    Ok(match tried {
        Ok(_) => Some(PgConnectOptions::from_str(url)?),
        Err(_) => None,
    })
}

/// Tells, once the transaction is through, that an invoice changed.
pub(super) async fn notify(tx: &mut Tx, invoice: &InvoiceId) -> Result<()> {
    if tx.notifies {
        sqlx::query("select pg_notify($1, $2)")
            .bind(CHANNEL)
            .bind(invoice.as_str())
            .execute(tx.conn())
            .await?;
    }
    Ok(())
}

/// Hears of invoices that any server on the database changed.
pub struct Changes(PgListener);

impl Changes {
    /// The next one; `None` where the connection was lost meanwhile and some were missed.
    ///
    /// # Errors
    /// When the connection can't be had again.
    pub async fn next(&mut self) -> Result<Option<InvoiceId>> {
        let heard = self.0.try_recv().await?;
        Ok(heard.and_then(|heard| heard.payload().parse().ok()))
    }
}

impl Store {
    /// Listens. `None` where this database has only one server, or can't notify.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn changes(&self) -> Result<Option<Changes>> {
        let Some(options) = &self.notifies else {
            return Ok(None);
        };
        let pool = sqlx::postgres::PgPoolOptions::new().max_connections(1);
        let mut listener =
            PgListener::connect_with(&pool.connect_with(options.clone()).await?).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Changes(listener)))
    }
}
