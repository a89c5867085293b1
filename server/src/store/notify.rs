//! Notifications between servers on the same PostgreSQL that an invoice changed (LISTEN and
//! NOTIFY). Where the database has none, servers read the invoice every few seconds instead.

use super::error::{Result, is_unsupported};
use super::pooler::{Connection, Pool};
use sqlx::Executor;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
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
    /// Checks whether the database has notifications, which arrive at `listen_url`; `None` if it never will.
    pub(super) async fn new(pool: Pool<'_>, listen_url: Option<&str>) -> Result<Option<Self>> {
        let Some(listen_url) = listen_url else {
            return Ok(None);
        };
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
            connection: PgConnectOptions::from_str(listen_url)?,
            enabled: Arc::new(AtomicBool::new(enabled)),
        }))
    }

    pub(super) fn enabled(&self) -> bool {
        self.enabled.load(Ordering::Relaxed)
    }

    /// Starts to listen, and checks `pg_notify` again if it was refused before.
    pub(super) async fn subscribe(&self, pool: Pool<'_>) -> Result<Changes> {
        let options = PgPoolOptions::new().max_connections(1);
        let own_pool = options.connect_with(self.connection.clone()).await?;
        let mut listener = PgListener::connect_with(&own_pool).await?;
        listener.listen(CHANNEL).await?;
        if !self.enabled() {
            pool.execute(PROBE).await?;
            self.enabled.store(true, Ordering::Relaxed);
        }
        Ok(Changes(listener))
    }
}

/// Checks that `pg_notify` works. An empty payload names no invoice.
const PROBE: &str = "select pg_notify('till_invoice', '')";

/// Sends a notification that an invoice changed.
pub(super) async fn send(connection: Connection<'_>, invoice: &InvoiceId) -> Result<()> {
    sqlx::query("select pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(invoice.as_str())
        .execute(connection)
        .await?;
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
