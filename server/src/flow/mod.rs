//! The algorithms, step by step. `http` extracts, calls one function here, and maps its outcome.

pub mod apply;
pub mod check_order;
pub mod create_invoice;
pub mod error;
pub mod fix_payment;
pub mod give_up;
pub mod housekeeping;
pub mod projects;
pub mod view;

pub use error::{Error, Result};

use crate::callbacks::deliver::Deliverer;
use crate::config::Config;
use crate::connectors::{self, Account, Connector, Ctx};
use crate::crypto::Keys;
use crate::store::Store;
use crate::store::payments::PaymentRow;
use crate::store::projects::{AccountRow, Project};
use secrecy::SecretString;
use std::sync::Arc;
use till_shared::id::InvoiceId;
use tokio::sync::{Notify, broadcast};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A running server's parts.
pub struct App {
    /// The database.
    pub store: Store,
    /// The server's own keys.
    pub keys: Keys,
    /// Its settings.
    pub config: Config,
    /// Its public URL, without a slash at the end.
    pub base_url: String,
    /// For calls to payment systems.
    pub http: reqwest::Client,
    /// For calls to projects.
    pub deliverer: Deliverer,
    /// Invoices that have just changed, for whoever watches.
    pub live: broadcast::Sender<InvoiceId>,
    /// Something was put into the outbox.
    pub outbox_wake: Notify,
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
        let keys = Keys::from_base64(&config.key()?)?;
        Ok(Arc::new(Self {
            store: Store::open(&config.database_url).await?,
            keys,
            base_url,
            http: connectors::http_client(config.connector_timeout())?,
            deliverer: Deliverer::new(config.dev)?,
            live: broadcast::channel(1024).0,
            outbox_wake: Notify::new(),
            chores_wake: Notify::new(),
            shutdown: CancellationToken::new(),
            tasks: TaskTracker::new(),
            config,
        }))
    }

    /// A project's signing secrets that are valid now, the newest first.
    ///
    /// # Errors
    /// When one does not open with the server's key.
    pub fn signing_secrets(&self, project: &Project) -> anyhow::Result<Vec<SecretString>> {
        let place = projects::signing_secret_place(&project.id);
        let mut secrets = vec![self.keys.open(&place, &project.signing_secret)?];
        if let Some((old, until)) = &project.old_secret
            && *until > crate::clock::now_ms()
        {
            secrets.push(self.keys.open(&place, old)?);
        }
        Ok(secrets)
    }

    /// The connector of an account, and the account with its credentials opened.
    pub(crate) fn open_account(&self, row: &AccountRow) -> Result<(Arc<dyn Connector>, Account)> {
        let connector = connectors::by_kind(&row.kind)
            .ok_or_else(|| anyhow::anyhow!("there is no connector of the kind {}", row.kind))?;
        let place = projects::credentials_place(&row.kind, &row.account);
        let account = Account {
            kind: row.kind.clone(),
            id: row.account.clone(),
            credentials: self.keys.open(&place, &row.credentials)?,
        };
        Ok((connector, account))
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
        self.outbox_wake.notify_one();
        self.chores_wake.notify_one();
    }
}
