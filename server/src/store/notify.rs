//! Notifications between servers on the same PostgreSQL that an invoice changed (LISTEN and
//! NOTIFY). Where there are none, servers read the invoice every few seconds instead, and so they do after
//! one that was lost.

use super::connections::{Connections, Kind};
use super::error::{Result, is_unsupported};
use super::executor::Pool;
use super::sessions::Sessions;
use sqlx::Executor;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::str::FromStr;
use std::time::Duration;
use till_shared::id::InvoiceId;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

const CHANNEL: &str = "till_invoice";

/// How long changes are collected after a statement that told of others.
const PAUSE: Duration = Duration::from_millis(5);
/// The most invoices that one statement tells of.
const BATCH: usize = 500;

/// The notifications of a database.
#[derive(Clone)]
pub(super) struct Notifications {
    listener: PgConnectOptions,
    changed: UnboundedSender<InvoiceId>,
}

impl Notifications {
    /// Checks whether the database has notifications, which arrive at `listen_url`; `None` if it never will.
    pub(super) async fn new(
        connections: &Connections,
        sessions: Sessions,
        listen_url: &str,
    ) -> Result<Option<Self>> {
        // Another failure may be over by the next change.
        if let Err(error) = (Pool {
            connections,
            sessions,
            turns: None,
            kind: Kind::Any,
        })
        .execute(PROBE)
        .await
            && is_unsupported(&error)
        {
            tracing::warn!(%error, "the database has no notifications");
            return Ok(None);
        }
        let (changed, receiver) = unbounded_channel();
        tokio::spawn(tell_others(connections.clone(), sessions, receiver));
        Ok(Some(Self {
            listener: PgConnectOptions::from_str(listen_url)?,
            changed,
        }))
    }

    /// Tells other servers soon that an invoice changed.
    pub(super) fn changed(&self, invoice: InvoiceId) {
        // The receiver ends with the process.
        let _ = self.changed.send(invoice);
    }

    /// Starts to listen.
    pub(super) async fn subscribe(&self) -> Result<Changes> {
        let options = PgPoolOptions::new().max_connections(1);
        let own_pool = options.connect_with(self.listener.clone()).await?;
        let mut listener = PgListener::connect_with(&own_pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Changes(listener))
    }
}

/// Checks that `pg_notify` works. An empty payload names no invoice.
const PROBE: &str = "select pg_notify('till_invoice', '')";

/// Sends a notification for each invoice that changed, many in one statement. PostgreSQL commits the
/// transactions that notify one after the other, for which those that change invoices do not wait.
async fn tell_others(
    connections: Connections,
    sessions: Sessions,
    mut changed: UnboundedReceiver<InvoiceId>,
) {
    let mut invoices = vec![];
    let mut failing = false;
    while changed.recv_many(&mut invoices, BATCH).await > 0 {
        invoices.sort_unstable();
        invoices.dedup();
        let ids: Vec<_> = invoices.iter().map(InvoiceId::as_str).collect();
        let told = sqlx::query(
            "select pg_notify($1, invoice) from unnest(string_to_array($2, ' ')) as changed (invoice)",
        )
        .bind(CHANNEL)
        .bind(ids.join(" "))
        .execute(Pool { connections: &connections, sessions, turns: None, kind: Kind::Any })
        .await;
        if let Err(error) = &told
            && !failing
        {
            tracing::warn!(%error, "other servers are not told of changes: they read them later");
        }
        failing = told.is_err();
        invoices.clear();
        tokio::time::sleep(PAUSE).await;
    }
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
