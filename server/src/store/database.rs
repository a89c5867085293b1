//! The pool of connections and its transactions.

use super::connections::{Connections, Kind, Lent};
use super::due::Due;
use super::durability::Log;
use super::effects::Effects;
use super::engine::Engine;
use super::error::Result;
use super::executor::{Connection, Pool};
use super::notify::{Changes, Notifications};
use super::schema;
use super::sessions::Sessions;
use super::turns::Turns;
use sqlx::sqlite::SqliteConnectOptions;
use std::str::FromStr;
use till_shared::id::{InvoiceId, ProjectId};

/// A transaction that can write.
pub struct Tx {
    inner: Lent,
    pub(super) engine: Engine,
    sessions: Sessions,
    notifications: Option<Notifications>,
    due: Due,
    effects: Effects,
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
            connection: self.inner.connection(),
            sessions: self.sessions,
        }
    }

    /// Tells other servers, after the transaction is committed, that an invoice changed.
    pub(super) fn changed(&mut self, invoice: &InvoiceId) {
        self.effects.changed(invoice);
    }

    /// Tells the worker that delivers callbacks, after the transaction is committed, that some of a project are
    /// due.
    pub(super) fn made_due(&mut self, project: &ProjectId) {
        self.effects.made_due(project);
    }

    /// What happens after the transaction is committed, and what there is to do for the worker.
    pub(super) fn effects(&mut self) -> (&mut Effects, &Due) {
        (&mut self.effects, &self.due)
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
        self.inner.commit().await?;
        self.effects.happen(&self.due, self.notifications.as_ref());
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
    connections: Connections,
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
        let connections = Connections::open(url, engine, sessions, connections).await?;
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
            Some(listen_url) => Notifications::new(&connections, sessions, listen_url).await?,
            None => None,
        };
        Ok(Self {
            connections,
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
        Ok(Tx {
            inner: self.connections.begin(turn).await?,
            engine: self.engine,
            sessions: self.sessions,
            notifications: self.notifications.clone(),
            due: self.due.clone(),
            effects: Effects::default(),
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

    /// Has the effects of a statement happen that has written outside a transaction.
    pub(super) fn happen(&self, effects: Effects) {
        effects.happen(&self.due, self.notifications.as_ref());
    }

    /// Returns what there is to do for the worker that delivers callbacks.
    pub fn due(&self) -> &Due {
        &self.due
    }

    /// The pool, for single statements outside a transaction that only read.
    pub fn pool(&self) -> Pool<'_> {
        Pool {
            connections: &self.connections,
            sessions: self.sessions,
            turns: None,
            kind: Kind::Any,
        }
    }

    /// The pool, for lists: which index is the best for one depends on its values.
    pub(super) fn lists(&self) -> Pool<'_> {
        let kind = match self.engine {
            Engine::Sqlite => Kind::Any,
            Engine::Postgres => Kind::List,
        };
        Pool {
            kind,
            ..self.pool()
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
        self.connections.count()
    }
}

/// The log is beside the file that a link leads to.
fn log_of(url: &str) -> sqlx::Result<Log> {
    let options = SqliteConnectOptions::from_str(url)?;
    let database = options.get_filename();
    let linked = database.canonicalize();
    Ok(Log::of(linked.as_deref().unwrap_or(database)))
}
