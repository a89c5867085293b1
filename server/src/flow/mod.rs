//! The algorithms, step by step. `http` extracts, calls one function here, and maps its outcome.

pub mod accounts;
pub mod apply;
mod bulkhead;
pub mod check_order;
pub mod create_invoice;
mod detached;
pub mod end_invoice;
pub mod error;
pub mod events;
pub mod fix_payment;
pub mod form;
pub mod give_up;
pub mod housekeeping;
mod order_fields;
pub mod projects;
pub mod refund;
pub mod standing;
pub mod view;

pub use detached::Detached;
pub use error::{Error, Result};

use crate::callbacks::deliver::Deliverer;
use crate::callbacks::worker::Outbox;
use crate::config::Config;
use crate::connectors::{self, Account, Connector, Ctx, Known, Observed};
use crate::crypto::Keys;
use crate::store::Store;
use crate::store::accounts::AccountRow;
use crate::store::payments::PaymentRow;
use crate::telemetry::Metrics;
use bulkhead::Bulkhead;
use std::sync::Arc;
use till_shared::id::InvoiceId;
use tokio::sync::{Notify, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A payment as a connector is asked after it.
pub(crate) fn known(payment: &PaymentRow) -> Known<'_> {
    Known {
        id: &payment.id,
        reference: payment.reference.as_deref(),
        created_at: payment.created_at,
    }
}

/// A running server's parts.
pub struct App {
    /// The database.
    pub store: Store,
    /// The server's own keys.
    pub keys: Arc<Keys>,
    /// Its settings.
    pub config: Config,
    /// Its public URL, without a slash at the end.
    pub base_url: String,
    /// For calls to payment systems.
    pub http: reqwest::Client,
    /// For calls to projects.
    pub outbox: Arc<Outbox>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Invoices that have just changed, for whoever watches.
    pub live: broadcast::Sender<InvoiceId>,
    /// Buyers' calls to payment systems.
    pub(crate) bulkhead: Bulkhead,
    /// Permits for subscribers of live events.
    pub subscribers: Arc<Semaphore>,
    /// Something is due for [`housekeeping`].
    pub chores_wake: Notify,
    /// Cancelled when the server shuts down.
    pub shutdown: CancellationToken,
    /// Work that must be finished though its request is gone.
    pub tasks: TaskTracker,
}

impl App {
    /// Opens the store and sets up the clients.
    ///
    /// # Errors
    /// When a setting won't do or the database can't be opened.
    pub async fn new(config: Config) -> anyhow::Result<Arc<Self>> {
        let base_url = config.base_url()?;
        let keys = Arc::new(Keys::from_base64(&config.key()?)?);
        let store = Store::open(&config.database_url, config.database_connections).await?;
        let metrics = Arc::new(Metrics::new(
            connectors::REGISTRY.iter().map(|(kind, _)| *kind),
        ));
        let shutdown = CancellationToken::new();
        let outbox = Outbox {
            store: store.clone(),
            keys: keys.clone(),
            deliverer: Deliverer::new(config.dev)?,
            metrics: metrics.clone(),
            wake: Notify::new(),
            shutdown: shutdown.clone(),
            speedup: config.speedup,
        };
        Ok(Arc::new(Self {
            store,
            keys,
            base_url,
            http: connectors::http_client(config.connector_timeout())?,
            outbox: Arc::new(outbox),
            metrics,
            live: broadcast::channel(1024).0,
            bulkhead: Bulkhead::new(config.max_account_calls),
            subscribers: Arc::new(Semaphore::new(config.max_watchers)),
            chores_wake: Notify::new(),
            shutdown,
            tasks: TaskTracker::new(),
            config,
        }))
    }

    /// The connector of an account, and the account with its credentials opened.
    pub(crate) fn open_account(&self, row: &AccountRow) -> Result<(Arc<dyn Connector>, Account)> {
        let connector = connectors::by_kind(&row.kind)
            .ok_or_else(|| anyhow::anyhow!("there is no connector of the kind {}", row.kind))?;
        let place = accounts::credentials_place(&row.kind, &row.account);
        let account = Account {
            kind: row.kind.clone(),
            id: row.account.clone(),
            credentials: self.keys.open(&place, &row.credentials)?,
        };
        let observed = Observed {
            inner: connector,
            kind: row.kind.clone(),
            metrics: self.metrics.clone(),
        };
        Ok((Arc::new(observed), account))
    }

    /// The connector and account that carry a payment.
    pub(crate) async fn account_of(
        &self,
        payment: &PaymentRow,
    ) -> Result<(Arc<dyn Connector>, Account)> {
        let row = self
            .store
            .account(&payment.connector, &payment.account)
            .await?;
        let row = row.ok_or_else(|| anyhow::anyhow!("the account of {} is gone", payment.id))?;
        self.open_account(&row)
    }

    /// How long a call to a payment system may be under way, in milliseconds: for that long nobody
    /// else takes the same work up.
    pub(crate) fn call_lease_ms(&self) -> i64 {
        i64::try_from(self.config.connector_timeout_ms).map_or(i64::MAX / 2, |ms| ms + 10_000)
    }

    /// What a connector needs for a call.
    pub(crate) fn ctx<'a>(&'a self, account: &'a Account) -> Ctx<'a> {
        Ctx {
            http: &self.http,
            account,
        }
    }

    /// Tells whoever watches that an invoice changed, and the workers that there is work.
    pub(crate) fn changed(&self, invoice: &InvoiceId) {
        // An error means that nobody watches.
        let _ = self.live.send(invoice.clone());
        self.outbox.wake.notify_one();
        self.chores_wake.notify_one();
    }
}
