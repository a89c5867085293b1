//! The composition root: everything a running server holds, made once at startup.

mod key_check;
mod keyed_limit;
mod subscriptions;

pub(crate) use keyed_limit::{KeyedLimit, KeyedPermit};
pub(crate) use subscriptions::{Subscription, Subscriptions};

use crate::callbacks::deliver::Deliverer;
use crate::callbacks::outbox::Outbox;
use crate::config::Config;
use crate::connectors::{
    self, Account, Carrier, Ctx, KnownPayments, PaymentKey, Postponed, Subject,
};
use crate::crypto::Keys;
use crate::store::connector_webhooks::Webhooks;
use crate::store::events::NewEvents;
use crate::store::invoices::NewInvoices;
use crate::store::payments::PaymentToChange;
use crate::store::project_cache::Projects;
use crate::store::secret_keys::SecretKeys;
use crate::store::{self, Store};
use crate::telemetry::Metrics;
use async_trait::async_trait;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use key_check::check_keys;
use moka::future::Cache;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;
use till_shared::card_data::CardEncryptionKey;
use till_shared::id::InvoiceId;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How much longer a lease lasts than the call it covers may take, in milliseconds.
const LEASE_MARGIN_MS: i64 = 10_000;

/// How many calls to a payment system are made for webhooks about one payment that nothing proves: ten at
/// once, and then one every ten seconds. Webhooks beyond them are sent again.
const UNPROVEN_CALLS: Quota = Quota::per_minute(NonZeroU32::MIN.saturating_add(5))
    .allow_burst(NonZeroU32::MIN.saturating_add(9));

/// How often a server records that a credential was used.
const RECORDED_USES: Quota = Quota::per_minute(NonZeroU32::MIN);

/// For how long a public key for cards is used without being read again.
const CARD_KEY_KEPT: Duration = Duration::from_secs(60);

/// The number of payments from which those without recent calls are forgotten.
const MANY_SUBJECTS: usize = 10_000;

/// The parts of a running server.
pub struct App {
    /// The database.
    pub store: Store,
    /// The projects.
    pub projects: Projects,
    /// The projects' secret keys.
    pub secret_keys: SecretKeys,
    /// Inserts invoices.
    pub new_invoices: NewInvoices,
    /// Inserts callbacks that belong to no other change.
    pub new_events: NewEvents,
    /// Records webhooks of payment systems.
    pub webhooks: Webhooks,
    /// The public keys to which browsers encrypt cards, each with its day.
    pub card_keys: Cache<i64, CardEncryptionKey>,
    /// The server's own keys.
    pub keys: Arc<Keys>,
    /// The settings.
    pub config: Config,
    /// The server's public URL, without a trailing slash.
    pub base_url: String,
    /// The origin of the captchas' pages, if there is one.
    pub captcha_origin: Option<String>,
    /// The HTTP client for payment systems.
    pub http: reqwest::Client,
    /// What connectors keep between calls.
    pub connector_cache: connectors::Cache,
    /// Sends callbacks to projects.
    pub outbox: Arc<Outbox>,
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
    /// The subscriptions to changes of invoices.
    pub(crate) subscriptions: Subscriptions,
    /// The buyers' concurrent calls to each account of a payment system.
    account_calls: KeyedLimit<(String, String)>,
    /// The calls that were made for webhooks that nothing proved, by what they are about.
    unproven_calls: DefaultKeyedRateLimiter<Subject>,
    /// The uses of credentials that were recorded, by the credential's id.
    recorded_uses: DefaultKeyedRateLimiter<String>,
    /// Permits for subscribers of live events.
    pub subscribers: Arc<Semaphore>,
    /// The streams of live events of each invoice.
    pub(crate) streams_of_invoice: KeyedLimit<InvoiceId>,
    /// Wakes the background jobs.
    pub background_wake: Notify,
    /// Cancelled when the server shuts down.
    pub shutdown: CancellationToken,
    /// Work that runs to completion even if its request is gone.
    pub tasks: TaskTracker,
}

impl App {
    /// Migrates and opens the database and sets up the clients, for a server.
    ///
    /// # Errors
    /// When a setting is invalid or the database can't be migrated or opened.
    pub async fn new(config: Config) -> anyhow::Result<Arc<Self>> {
        // Invalid settings must not change the database.
        let config = config.with_files()?;
        let base_url = config.base_url()?;
        config.captcha_origin()?;
        let keys = config.keys()?;
        store::migrate(&config.database_url).await?;
        let store = open_store(&config).await?;
        store.log_sessions();
        check_keys(&store, &keys).await?;
        Self::with(config, store, base_url, keys)
    }

    /// Migrates and opens the database, for commands that may be the first to use it.
    ///
    /// # Errors
    /// When a setting is invalid or the database can't be migrated or opened.
    pub async fn migrated(config: Config) -> anyhow::Result<Arc<Self>> {
        let config = config.with_files()?;
        let keys = config.command_keys()?;
        store::migrate(&config.database_url).await?;
        Self::open_with(config, keys).await
    }

    /// Opens the database without migrating it, for commands.
    ///
    /// # Errors
    /// When a setting is invalid, the database can't be opened, or its schema is older.
    pub async fn open(config: Config) -> anyhow::Result<Arc<Self>> {
        let config = config.with_files()?;
        let keys = config.command_keys()?;
        Self::open_with(config, keys).await
    }

    async fn open_with(config: Config, keys: Keys) -> anyhow::Result<Arc<Self>> {
        let app = Self::for_command(config, keys).await?;
        check_keys(&app.store, &app.keys).await?;
        Ok(app)
    }

    /// Opens the database without migrating it, for commands that only read. They need no encryption key:
    /// nothing that they print depends on it.
    ///
    /// # Errors
    /// When a setting is invalid, the database can't be opened, or its schema is older.
    pub async fn reader(config: Config) -> anyhow::Result<Arc<Self>> {
        Self::for_command(config, Keys::random()?).await
    }

    /// A command acts as the servers that use the same database: at their public URL, and in development
    /// mode if they do.
    async fn for_command(config: Config, keys: Keys) -> anyhow::Result<Arc<Self>> {
        let mut config = config.with_files()?;
        let store = open_store(&config).await?;
        let recorded = store.public_url().await?;
        // A server without development mode has no such URL.
        let http = |url: &String| url.starts_with("http://");
        config.dev |= recorded.as_ref().is_some_and(http);
        let base_url = match (&config.public_url, recorded) {
            (None, Some(recorded)) => recorded,
            _ => config.any_base_url(),
        };
        Self::with(config, store, base_url, keys)
    }

    fn with(
        config: Config,
        store: Store,
        base_url: String,
        keys: Keys,
    ) -> anyhow::Result<Arc<Self>> {
        let captcha_origin = config.captcha_origin()?;
        let keys = Arc::new(keys);
        let metrics = Arc::new(Metrics::new(
            connectors::REGISTRY.iter().map(|(kind, _)| *kind),
        ));
        let shutdown = CancellationToken::new();
        let projects = Projects::new(store.clone());
        let outbox = Outbox {
            store: store.clone(),
            projects: projects.clone(),
            keys: keys.clone(),
            deliverer: Deliverer::new(config.dev)?,
            metrics: metrics.clone(),
            wake: Notify::new(),
            shutdown: shutdown.clone(),
            speedup: config.speedup,
        };
        Ok(Arc::new(Self {
            secret_keys: SecretKeys::new(store.clone()),
            new_invoices: NewInvoices::new(store.clone()),
            new_events: NewEvents::new(store.clone()),
            webhooks: Webhooks::new(store.clone()),
            card_keys: Cache::builder()
                .max_capacity(2)
                .time_to_live(CARD_KEY_KEPT)
                .build(),
            store,
            projects,
            keys,
            base_url,
            captcha_origin,
            http: connectors::http_client(config.connector_timeout())?,
            connector_cache: connectors::Cache::default(),
            outbox: Arc::new(outbox),
            metrics,
            subscriptions: Subscriptions::default(),
            account_calls: KeyedLimit::default(),
            unproven_calls: RateLimiter::keyed(UNPROVEN_CALLS),
            recorded_uses: RateLimiter::keyed(RECORDED_USES),
            subscribers: Arc::new(Semaphore::new(config.max_watchers)),
            streams_of_invoice: KeyedLimit::default(),
            background_wake: Notify::new(),
            shutdown,
            tasks: TaskTracker::new(),
            config,
        }))
    }

    /// Waits until all that has been read from the database is durable.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn durable(&self) -> store::Result<()> {
        self.store.durable().await
    }

    /// How long work that calls a payment system is leased to one server, in milliseconds.
    pub fn call_lease_ms(&self) -> i64 {
        i64::try_from(self.config.connector_timeout_ms)
            .map_or(i64::MAX / 2, |ms| ms + LEASE_MARGIN_MS)
    }

    /// The payment that a webhook of a connector of this kind is about, regardless of its account.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn payment_of(
        &self,
        kind: &str,
        subject: &Subject,
    ) -> store::Result<Option<PaymentToChange>> {
        Ok(match subject {
            Subject::Payment(PaymentKey::Ours(id)) => self.store.payment_to_change(id).await?,
            Subject::Payment(PaymentKey::Theirs(reference)) => {
                let store = &self.store;
                store
                    .payment_to_change_by_reference(kind, reference)
                    .await?
            }
            Subject::Refund(id) => match self.store.refund(id).await? {
                Some(refund) => self.store.payment_to_change(&refund.payment).await?,
                None => None,
            },
        })
    }

    /// Acquires a permit for a buyer's call to an account. `None` if the account is at its limit.
    pub(crate) fn call_permit(
        &self,
        kind: &str,
        account: &str,
    ) -> Option<KeyedPermit<(String, String)>> {
        let account = (kind.to_owned(), account.to_owned());
        let limit = self.config.max_account_calls;
        self.account_calls.try_acquire(account, limit)
    }

    /// Whether this server records a use of the credential with this id now: once a minute.
    pub(crate) fn may_record_use(&self, credential: &str) -> bool {
        self.recorded_uses.check_key(&credential.to_owned()).is_ok()
    }

    /// What a connector needs for a call.
    pub(crate) fn ctx<'a>(&'a self, account: &'a Account) -> Ctx<'a> {
        Ctx {
            http: &self.http,
            cache: &self.connector_cache,
            account,
            known: Some(self),
        }
    }

    /// The URL of an invoice's payment page. The client token is in the fragment, which browsers
    /// send to no server.
    pub fn payment_page_url(&self, invoice: &InvoiceId) -> String {
        let token = self.keys.client_token(invoice);
        format!("{}/pay/{invoice}#token={token}", self.base_url)
    }

    /// Publishes that an invoice changed.
    pub(crate) fn invoice_changed(&self, invoice: &InvoiceId) {
        self.subscriptions.changed(invoice);
    }
}

async fn open_store(config: &Config) -> store::Result<Store> {
    let listen_url = config.database_listen_url.as_deref();
    Store::open(
        &config.database_url,
        listen_url,
        config.database_connections,
    )
    .await
}

#[async_trait]
impl KnownPayments for App {
    async fn carrier(&self, account: &Account, subject: &Subject) -> Result<Carrier, Postponed> {
        let found = self.payment_of(&account.kind, subject);
        let found = found.await.map_err(|error| {
            tracing::error!(%error, "looking up the payment of a webhook failed");
            Postponed::Lookup
        })?;
        Ok(match found {
            Some(known) if known.payment.is_carried_by(&account.kind, &account.id) => {
                Carrier::ThisAccount
            }
            Some(_) => Carrier::AnotherAccount,
            None => Carrier::Unknown,
        })
    }

    fn may_call(&self, subject: &Subject) -> bool {
        if self.unproven_calls.len() > MANY_SUBJECTS {
            self.unproven_calls.retain_recent();
        }
        self.unproven_calls.check_key(subject).is_ok()
    }
}
