//! The pool of connections and its transactions.

use super::due::{Due, Reservation};
use super::durability::Log;
use super::engine::Engine;
use super::error::Result;
use super::notify::{Changes, Notifications};
use super::pending_event::PendingEvent;
use super::pooler::{self, Connection, Pool, Sessions};
use super::schema;
use super::turns::{ACQUIRE_LIMIT, Turn, Turns};
use sqlx::any::AnyPoolOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Any, AnyConnection, AnyPool, Connection as _, Executor, Row, Transaction};
use std::str::FromStr;
use std::time::Duration;
use till_shared::id::{InvoiceId, ProjectId};

/// A transaction that can write.
pub struct Tx {
    inner: Transaction<'static, Any>,
    /// Held until the transaction has ended; `None` for PostgreSQL.
    turn: Option<Turn>,
    pub(super) engine: Engine,
    sessions: Sessions,
    notifications: Option<Notifications>,
    changed: Vec<InvoiceId>,
    due: Due,
    made_due: Vec<ProjectId>,
    claimed: Vec<(Reservation, PendingEvent)>,
    audited: Vec<Audited>,
}

/// An entry that a transaction appended to the audit log.
pub(super) struct Audited {
    pub seq: i64,
    pub hash: String,
    pub action: String,
    pub subject: String,
}

impl Tx {
    /// The connection, for statements in the transaction.
    pub(super) fn conn(&mut self) -> Connection<'_> {
        Connection {
            connection: &mut self.inner,
            sessions: self.sessions,
        }
    }

    /// Tells other servers, after the transaction is committed, that an invoice changed.
    pub(super) fn changed(&mut self, invoice: &InvoiceId) {
        self.changed.push(invoice.clone());
    }

    /// Tells the worker that delivers callbacks, after the transaction is committed, that some of a project are
    /// due.
    pub(super) fn made_due(&mut self, project: &ProjectId) {
        self.made_due.push(project.clone());
    }

    /// Reserves a delivery for a callback that this transaction inserts ([`Due::reserve`]).
    pub(super) fn reserve(&self, project: &ProjectId) -> Option<Reservation> {
        self.due.reserve(project)
    }

    /// Hands a callback to the worker, after the transaction is committed.
    pub(super) fn claimed(&mut self, reservation: Reservation, event: PendingEvent) {
        self.claimed.push((reservation, event));
    }

    /// Has an entry of the audit log written to the log once the transaction is committed.
    pub(super) fn audited(&mut self, entry: Audited) {
        self.audited.push(entry);
    }

    /// Commits the transaction. A collected log then has the hashes of its entries of the audit log, which
    /// nobody who changes the database can change.
    ///
    /// # Errors
    /// When the database fails. The transaction may have been committed or not.
    pub async fn commit(self) -> sqlx::Result<()> {
        match self.turn {
            Some(turn) => turn.commit(self.inner.commit(), |()| true).await?,
            None => self.inner.commit().await?,
        }
        self.due.add(self.made_due);
        for (reservation, event) in self.claimed {
            reservation.deliver(event);
        }
        if let Some(notifications) = self.notifications {
            for invoice in self.changed {
                notifications.changed(invoice);
            }
        }
        for Audited {
            seq,
            hash,
            action,
            subject,
        } in self.audited
        {
            tracing::info!(seq, hash, action, subject, "audit log entry");
        }
        Ok(())
    }
}

/// The database.
#[derive(Clone)]
pub struct Store {
    pool: AnyPool,
    pub(super) engine: Engine,
    sessions: Sessions,
    /// `None` when the database has none.
    notifications: Option<Notifications>,
    /// `None` for PostgreSQL.
    turns: Option<Turns>,
    due: Due,
}

impl Store {
    /// Opens a database whose schema is up to date. Servers that reach PostgreSQL through a pooler receive
    /// notifications at `listen_url`, which leads to PostgreSQL itself.
    ///
    /// # Errors
    /// When a URL has another scheme than a database that is supported, the database can't be opened, or it
    /// lacks migrations ([`migrate`](super::migrate)).
    pub async fn open(url: &str, listen_url: Option<&str>, connections: u32) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let engine = Engine::of(url)?;
        let sessions = schema::check(engine, url).await?;
        let pool = AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_LIMIT)
            .after_connect(move |conn, _| {
                Box::pin(async move {
                    match (engine, sessions) {
                        (Engine::Sqlite, _) => set_up_sqlite(conn).await,
                        (Engine::Postgres, Sessions::Own) => {
                            conn.execute(POSTGRES_SETTINGS).await.map(drop)
                        }
                        // Each transaction has them.
                        (Engine::Postgres, Sessions::Shared) => Ok(()),
                    }
                })
            })
            // The pool has asked each connection when it was returned.
            .test_before_acquire(false)
            .before_acquire(move |conn, used| {
                Box::pin(async move {
                    match engine {
                        // After a failure such as a full disk SQLite rolls the transaction back by
                        // itself. The driver's rollback then fails, and the driver considers the
                        // transaction open forever: such a connection is closed.
                        Engine::Sqlite => Ok(!conn.is_in_transaction()),
                        Engine::Postgres => {
                            if used.idle_for > TRUSTED {
                                conn.ping().await?;
                            }
                            Ok(true)
                        }
                    }
                })
            })
            .connect(url)
            .await?;
        let turns = match engine {
            Engine::Sqlite => Some(Turns::new(log_of(url)?)),
            Engine::Postgres => None,
        };
        let listen_url = match (engine, sessions) {
            (Engine::Sqlite, _) => None,
            (Engine::Postgres, Sessions::Own) => Some(listen_url.unwrap_or(url)),
            (Engine::Postgres, Sessions::Shared) => listen_url,
        };
        let notifications = match listen_url {
            Some(listen_url) => Notifications::new(&pool, sessions, listen_url).await?,
            None => None,
        };
        Ok(Self {
            pool,
            engine,
            sessions,
            notifications,
            turns,
            due: Due::default(),
        })
    }

    /// Logs whether servers reach the database through a pooler, and how they learn of changes by others.
    pub fn log_sessions(&self) {
        match (self.engine, self.sessions, &self.notifications) {
            (Engine::Sqlite, ..) => {}
            (Engine::Postgres, Sessions::Own, _) => {
                tracing::info!("each connection has its own session of PostgreSQL");
            }
            (Engine::Postgres, Sessions::Shared, Some(_)) => tracing::info!(
                "PostgreSQL is reached through a pooler that shares sessions between transactions; changes by \
                 other servers arrive at TILL_DATABASE_LISTEN_URL"
            ),
            (Engine::Postgres, Sessions::Shared, None) => tracing::info!(
                "PostgreSQL is reached through a pooler that shares sessions between transactions; without \
                 TILL_DATABASE_LISTEN_URL, changes by other servers are read every few seconds"
            ),
        }
    }

    /// Begins a transaction that can write.
    ///
    /// # Errors
    /// When no connection becomes free in time, or the database fails.
    pub async fn begin(&self) -> Result<Tx> {
        let turn = match &self.turns {
            Some(turns) => Some(turns.take().await?),
            None => None,
        };
        let inner = match (self.engine, self.sessions) {
            // A deferred transaction fails if another one writes between its read and its write.
            (Engine::Sqlite, _) => self.pool.begin_with("begin immediate").await?,
            (Engine::Postgres, Sessions::Own) => self.pool.begin().await?,
            (Engine::Postgres, Sessions::Shared) => pooler::begin(&self.pool).await?,
        };
        Ok(Tx {
            inner,
            turn,
            engine: self.engine,
            sessions: self.sessions,
            notifications: self.notifications.clone(),
            changed: vec![],
            due: self.due.clone(),
            made_due: vec![],
            claimed: vec![],
            audited: vec![],
        })
    }

    /// Subscribes to the changes that other servers make. `None` when the database has no
    /// notifications.
    ///
    /// # Errors
    /// When the database can't be reached or refuses: a later call may succeed.
    pub async fn subscribe(&self) -> Result<Option<Changes>> {
        match &self.notifications {
            Some(notifications) => Ok(Some(notifications.subscribe().await?)),
            None => Ok(None),
        }
    }

    /// Waits until all that has been read is durable, as PostgreSQL's commits are before others read them.
    ///
    /// # Errors
    /// When the disk fails.
    pub async fn durable(&self) -> Result<()> {
        match &self.turns {
            Some(turns) => Ok(turns.durable().await?),
            None => Ok(()),
        }
    }

    /// Returns what there is to do for the worker that delivers callbacks.
    pub fn due(&self) -> &Due {
        &self.due
    }

    /// The pool, for single statements outside a transaction that only read.
    pub fn pool(&self) -> Pool<'_> {
        Pool {
            pool: &self.pool,
            sessions: self.sessions,
            turns: None,
        }
    }

    /// The pool, for single statements outside a transaction that write.
    pub(super) fn writer(&self) -> Pool<'_> {
        Pool {
            turns: self.turns.as_ref(),
            ..self.pool()
        }
    }

    /// Returns the number of open connections, and how many of them are idle.
    pub fn connections(&self) -> (u32, u32) {
        let idle = u32::try_from(self.pool.num_idle()).unwrap_or(u32::MAX);
        (self.pool.size(), idle)
    }
}

/// For how long an idle connection of PostgreSQL is used without asking whether it still works.
const TRUSTED: Duration = Duration::from_millis(100);

/// `secure_delete`: what is removed is overwritten, and does not stay in unused parts of the file.
const SQLITE_SETTINGS: &str = "pragma synchronous = full; pragma foreign_keys = on; \
    pragma busy_timeout = 10000; pragma secure_delete = on;";

/// Commits are written to the disk by [`Turn::commit`]. Without a write-ahead log, SQLite does it.
async fn set_up_sqlite(connection: &mut AnyConnection) -> sqlx::Result<()> {
    connection.execute(SQLITE_SETTINGS).await?;
    let mode = connection.fetch_one("pragma journal_mode = wal").await?;
    if mode.try_get::<String, _>(0)? == "wal" {
        connection.execute("pragma synchronous = normal").await?;
    }
    Ok(())
}

/// The log is beside the file that a link leads to.
fn log_of(url: &str) -> sqlx::Result<Log> {
    let options = SqliteConnectOptions::from_str(url)?;
    let database = options.get_filename();
    let linked = database.canonicalize();
    Ok(Log::of(linked.as_deref().unwrap_or(database)))
}

/// A statement ends in time, and the transaction of a server that is gone releases its locks. Every statement has
/// an index to use: without statistics, as in a new database, PostgreSQL would plan to read whole tables while
/// they are small, and keep to that. Other engines do not have the last two settings.
const POSTGRES_SETTINGS: &str = "set statement_timeout = '10s'; \
    set idle_in_transaction_session_timeout = '30s'; \
    select set_config(name, 'off', false) from pg_settings where name in ('enable_seqscan', 'jit');";
