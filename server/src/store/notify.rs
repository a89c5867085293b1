//! Notifications between servers on the same PostgreSQL that an invoice changed (LISTEN and
//! NOTIFY). Where the database has none, servers read the invoice every few seconds instead.

use super::error::is_unsupported;
use super::{Engine, Result, Store, Tx};
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use sqlx::{AnyPool, Executor};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use till_shared::id::InvoiceId;

const CHANNEL: &str = "till_invoice";

/// The notifications of a database.
#[derive(Clone)]
pub(super) struct Notifications {
    connection: PgConnectOptions,
    /// Whether `pg_notify` works. A transaction that calls it where it doesn't is aborted.
    enabled: Arc<AtomicBool>,
}

impl Notifications {
    /// Checks whether the database has notifications; `None` if it never will.
    pub(super) async fn new(engine: Engine, pool: &AnyPool, url: &str) -> Result<Option<Self>> {
        if engine == Engine::Sqlite {
            return Ok(None);
        }
        let probed = pool.execute(PROBE).await;
        let enabled = match probed {
            Ok(_) => true,
            Err(error) if is_unsupported(&error) => {
                tracing::warn!(%error, "the database has no notifications");
                return Ok(None);
            }
            Err(error) => {
                tracing::warn!(%error, "the database refuses notifications; trying again");
                false
            }
        };
        Ok(Some(Self {
            connection: PgConnectOptions::from_str(url)?,
            enabled: Arc::new(AtomicBool::new(enabled)),
        }))
    }

    pub(super) fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }
}

/// Checks that `pg_notify` works. An empty payload names no invoice.
const PROBE: &str = "select pg_notify('till_invoice', '')";

/// Tells other servers that an invoice changed, once the transaction is committed.
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

/// The changes of invoices that any server on the database makes.
pub struct Changes(PgListener);

impl Changes {
    /// Waits for the next one. `None` when the connection was lost and some may have been missed.
    ///
    /// # Errors
    /// When the connection can't be restored.
    pub async fn next(&mut self) -> Result<Option<InvoiceId>> {
        let received = self.0.try_recv().await?;
        Ok(received.and_then(|received| received.payload().parse().ok()))
    }
}

impl Store {
    /// Subscribes to the changes that other servers make. `None` when the database has no
    /// notifications.
    ///
    /// # Errors
    /// When the database can't be reached or refuses: a later call may succeed.
    pub async fn subscribe(&self) -> Result<Option<Changes>> {
        let Some(notifications) = &self.notifications else {
            return Ok(None);
        };
        let options = PgPoolOptions::new().max_connections(1);
        let pool = options
            .connect_with(notifications.connection.clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen(CHANNEL).await?;
        if !notifications.enabled() {
            self.pool.execute(PROBE).await?;
            notifications.enabled.store(true, Ordering::Relaxed);
        }
        Ok(Some(Changes(listener)))
    }
}
